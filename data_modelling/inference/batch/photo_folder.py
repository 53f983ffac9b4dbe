"""Answers all photos of a folder and writes the csv files, sorted by name and in constant memory."""

from __future__ import annotations

import hashlib
import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath
from typing import Any, Protocol

from data_modelling.inference.batch.csv_results import open_csv_results
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.details import Details, fill_in_details, parse_details
from data_modelling.inference.diagnoses import prediction_columns
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.files.csv_table import (
    distinct_rows,
    normalize_image_id,
    read_csv_table,
    shortened_list,
)
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.photo.reader import ENDINGS
from data_modelling.inference.prediction_sets import COVERAGE_LEVELS
from data_modelling.inference.predictor import PROBABILITY_DIGITS, Predictor

ANSWER_COLUMNS = [
    "image",
    "class",
    "status",
    "reasons",
    *(f"set{level}" for level in COVERAGE_LEVELS),
    "nearness",
]
ERROR_COLUMNS = ["image", "reason"]
DETAIL_COLUMNS = ("image", "age", "sex", "site", "changing")
PROJECT_LAYOUT, KAGGLE_LAYOUT = LAYOUTS = ("project", "kaggle")
KAGGLE_COLUMNS = ("image_name", "target")  # of the SIIM-ISIC 2020 competition
IN_FLIGHT_PER_CORE = (
    4  # photos in flight per core: enough to keep the cores busy, few enough for little memory
)
REDRAW_SECONDS = 0.5  # seconds between two updates of the bar
BAR = 30  # characters


class PhotoFile(Protocol):
    """A file with a photo: on a disk (a `pathlib.Path`), or an object of a bucket."""

    @property
    def name(self) -> str:
        """Return the file name."""

    def read_bytes(self) -> bytes:
        """Return the content; raise OSError when it cannot be read."""

    def stat(self) -> Any:
        """Return size and time as `st_size` and `st_mtime_ns`; raise OSError when the file is gone."""


Rows = dict[str, list[str]]  # the rows of a photo by kind of file


@dataclass(frozen=True)
class RowOptions:
    """The options of a run's rows. codes: the columns. dermatoscope: whether the photos were taken through one."""

    codes: Sequence[str]
    dermatoscope: bool = True


# From a predictor, photos by stem and their details to the rows of each photo, in order.
RowSource = Callable[
    [Predictor, Iterable[tuple[str, PhotoFile]], Mapping[str, Details], RowOptions], Iterator[Rows]
]


class PhotoPaths(Mapping[str, PhotoFile]):
    """The files of a folder's photos by stem, in a tenth of the memory of a dictionary of paths.

    file: returns the file of a name.
    """

    def __init__(self, file: Callable[[str], PhotoFile], endings: dict[str, str]) -> None:
        self._file = file
        self._endings = endings

    def __getitem__(self, stem: str) -> PhotoFile:
        return self._file(f"{stem}{self._endings[stem]}")

    def __iter__(self) -> Iterator[str]:
        return iter(self._endings)

    def __len__(self) -> int:
        return len(self._endings)

    def part(self, start: int, stop: int) -> PhotoPaths:
        """Return the photos from index `start` to before `stop`."""
        return PhotoPaths(self._file, dict(islice(self._endings.items(), start, stop)))


@dataclass(frozen=True)
class PhotoFolder:
    """Hold a folder of photos.

    paths: by stem, sorted by code point. other: names of files without a photo's ending. below: its subfolders that have
    photos, which are not read, each with the number of its photos.
    """

    paths: PhotoPaths
    other: tuple[str, ...]
    below: tuple[str, ...] = ()

    def shard(self, number: int, count: int) -> PhotoFolder:
        """Return part `number` (from 1) of `count` consecutive parts of nearly equal size."""
        total = len(self.paths)
        return PhotoFolder(
            self.paths.part(total * (number - 1) // count, total * number // count), self.other, self.below
        )


def scan_photo_folder(folder: Path) -> PhotoFolder:
    """Return the photos of a folder, without subfolders; raise InputError if there is no photo, or if two share a stem."""
    names, other, has_folders = [], [], False
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # A broken link or a pipe is no photo, whatever its ending.
                # A hidden file is no photo either: macOS writes `._` files next to photos.
                is_hidden = entry.name.startswith(".")
                if entry.is_file() and has_photo_ending(entry.name) and not is_hidden:
                    names.append(entry.name)
                elif entry.is_dir():
                    has_folders = True
                else:
                    other.append(entry.name)
    except OSError as error:
        raise InputError(
            f"{folder} is no folder that can be read; --images must name a folder of photos."
        ) from error
    below = _photos_below(folder) if has_folders else []
    if not names:
        hint = (
            f", but there are photos in its folders {shortened_list(below)}: name one of them with --images"
        )
        raise InputError(f"{folder} has no photo ({' '.join(ENDINGS)}){hint if below else ''}.")
    return PhotoFolder(
        PhotoPaths(folder.joinpath, photo_endings(folder, names)), tuple(sorted(other)), tuple(below)
    )


def _photos_below(folder: Path) -> list[str]:
    """Return the subfolders that have photos, each with the number of its photos."""
    counts: list[str] = []
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        photos = sum(has_photo_ending(name) and not name.startswith(".") for name in names)
        if photos and Path(place) != folder:
            counts.append(f"{Path(place).relative_to(folder)} ({photos})")
    return counts


def has_photo_ending(name: str) -> bool:
    """Return whether a file name has the ending of a photo."""
    return PurePath(name).suffix.lower() in ENDINGS


def photo_endings(folder: Path | str, names: list[str]) -> dict[str, str]:
    """Return the endings by stem, sorted; raise InputError when two names share a stem."""
    endings: dict[str, str] = {}
    for name in sorted(names):
        ending = sys.intern(PurePath(name).suffix)
        stem = name.removesuffix(ending)
        if stem in endings:
            raise InputError(
                f"{folder} has two photos named {stem}: {stem}{endings[stem]} and {name}; rename one."
            )
        endings[stem] = ending
    return {stem: endings[stem] for stem in sorted(endings)}


@dataclass(frozen=True)
class DetailsTable:
    """Holds the details of a csv by image id, and sentences on what was unusual (notes) or left out (findings)."""

    by_image: dict[str, Details]
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def read_details(path: Path) -> DetailsTable:
    """Read details from a csv with the columns image, age, sex, site and perhaps changing; it may have others, in any order.

    The image ids are in composed form (NFC) and without a photo's ending. Repeated rows count once, and contradictory rows
    are left out. Raises InputError for a bad value, with its row as a spreadsheet counts it.
    """
    table = read_csv_table(path, DETAIL_COLUMNS, optional=("changing",), ids=("image",), numbers=("age",))
    notes = table.notes if len(table) else (*table.notes, f"{path} has no row below its header.")
    parsed: list[Details] = []
    for index, number in enumerate(table.row_numbers):
        values = table.row(index)
        details, errors = parse_details(values)
        if errors:
            raise InputError(f"{path}, row {number}: {errors[0]} It says {values[errors[0].field]!r}.")
        parsed.append(details)
    indices, findings = distinct_rows(table, "image")
    by_image = {table.columns["image"][index]: parsed[index] for index in indices}
    return DetailsTable(by_image, notes, tuple(f"{path}: {line}" for line in findings.sentences()))


def match_details(
    details: Mapping[str, Details], stems: Iterable[str]
) -> tuple[dict[str, Details], list[str]]:
    """Return the details by the photos' stems, and the ids without a photo.

    Raises InputError if there are details, but none for any photo.
    """
    stems = list(stems)
    ids = {stem: normalize_image_id(stem) for stem in stems}
    matched = {stem: details[image_id] for stem, image_id in ids.items() if image_id in details}
    unknown = sorted(set(details) - set(ids.values()))
    if details and not matched:
        raise InputError(
            f"No row of the details names a photo: they have {shortened_list(map(repr, unknown), shown=3)}, and the photos are "
            f"named {shortened_list(map(repr, stems), shown=3)}."
        )
    return matched, unknown


def check_output_paths(out: Path, details: Path | None) -> None:
    """Raise InputError if the csv files of `predict_folder` have no name, or would replace photos or the details."""
    if not out.name:
        raise InputError("--out must name a csv file, as p.csv.")
    if has_photo_ending(out.name):
        raise InputError(f"--out must name a csv file, and {out} has a photo's ending.")
    for path in _targets(out).values():
        if details and path.exists() and path.samefile(details):
            raise InputError(f"{path} holds the details, which would be lost; choose another --out.")


def predict_folder(
    predictor: Predictor,
    photos: PhotoFolder,
    details: dict[str, Details],
    out: Path,
    layout: str = PROJECT_LAYOUT,
    dermatoscope: bool = True,
    row_source: RowSource | None = None,
) -> list[tuple[str, str]]:
    """Write `out`, `.answers.csv` and `.errors.csv`, and return the photos that do not decode.

    details: by stem. An absent detail is read from the header of a DICOM file; else it is not known. The
    files appear when all photos are done. A stopped run is resumed if bundle, photos and details are the same.
    dermatoscope: whether the photos were taken through one.
    layout: PROJECT_LAYOUT, or KAGGLE_LAYOUT: image_name and target, the probability of melanoma. row_source: computes
    the rows; the default is `predict_rows`, on this machine. Raises InputError when a file cannot be written.
    """
    task = predictor.bundle.task
    codes = (
        prediction_columns(task)
        if layout == PROJECT_LAYOUT
        else (predictor.diagnoses[melanoma_column(task)].code,)
    )
    header = ["image", *codes] if layout == PROJECT_LAYOUT else KAGGLE_COLUMNS
    headers = {"rows": header, "answers": ANSWER_COLUMNS, "errors": ERROR_COLUMNS}
    with open_csv_results(
        _targets(out), headers, _run_fingerprint(predictor, photos, details, (layout, dermatoscope))
    ) as results:
        progress = ProgressBar(len(photos.paths), results.done)
        remaining = islice(photos.paths.items(), results.done, None)
        for rows in (row_source or predict_rows)(
            predictor, remaining, details, RowOptions(codes, dermatoscope)
        ):
            results.write(rows)
            progress.show(results.done)
        progress.end()
        return [(row["image"], row["reason"].partition(": ")[2]) for row in results.rows("errors")]


def _run_fingerprint(
    predictor: Predictor, photos: PhotoFolder, details: dict[str, Details], options: tuple[str, bool]
) -> str:
    """Return a hash of everything that the rows depend on."""
    fingerprint = hashlib.sha256(
        json.dumps([predictor.bundle.sums, *options, predictor.views], sort_keys=True).encode()
    )
    for stem, path in photos.paths.items():
        try:
            status = path.stat()
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:  # The file was deleted meanwhile; its row will say so.
            state = "gone"
        fingerprint.update(f"{path.name!a} {state} {details.get(stem)}\n".encode())
    return fingerprint.hexdigest()


def predict_rows(
    predictor: Predictor,
    photos: Iterable[tuple[str, PhotoFile]],
    details: Mapping[str, Details],
    options: RowOptions,
) -> Iterator[Rows]:
    """Yield the rows of each photo in order, computed on all usable cores of this machine with few photos in flight."""
    cores = usable_cores()
    pending: deque[Future[Rows]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for stem, file in photos:
            of_photo = details.get(stem, Details())
            pending.append(pool.submit(photo_rows, predictor, stem, file, of_photo, options))
            if len(pending) >= cores * IN_FLIGHT_PER_CORE:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def photo_rows(
    predictor: Predictor, stem: str, file: PhotoFile, details: Details, options: RowOptions
) -> Rows:
    """Return the rows of a photo by kind of file. A refused photo has an answer too, for evaluations."""
    try:
        data = file.read_bytes()
        complete = fill_in_details(details, header_details(data))
        answer = predictor.answer(data, complete, dermatoscope=options.dermatoscope)
    except PhotoError as error:
        return {"errors": [stem, f"{error.code}: {error}"]}
    except OSError as error:
        return {"errors": [stem, f"photo_unreadable: {file} cannot be read: {error.strerror}."]}
    probabilities = [f"{answer.probabilities[code]:.{PROBABILITY_DIGITS}f}" for code in options.codes]
    cells = [answer.decision, answer.status, ";".join(answer.reasons)]
    cells += [";".join(answer.sets.by_level[level]) for level in COVERAGE_LEVELS]
    cells.append(f"{answer.nearness:.{PROBABILITY_DIGITS}f}")
    return {"rows": [stem, *probabilities], "answers": [stem, *cells]}


def _targets(out: Path) -> dict[str, Path]:
    return {"rows": out, "answers": companion_path(out, "answers"), "errors": companion_path(out, "errors")}


def companion_path(out: Path, kind: str) -> Path:
    """Return the path of a companion file: `p.<kind>.csv` for `p.csv`."""
    return out.with_name(f"{out.stem}.{kind}.csv")


class ProgressBar:
    """A bar with the time left on standard error, if that is a terminal. begun: photos done before this run."""

    def __init__(self, total: int, begun: int) -> None:
        self._total = total
        self._begun = begun
        self._started = time.monotonic()
        self._next = self._started + REDRAW_SECONDS if sys.stderr.isatty() else math.inf
        self._was_shown = False

    def show(self, done: int) -> None:
        """Update the bar if REDRAW_SECONDS have passed."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + REDRAW_SECONDS
            self._was_shown = True
            print(
                f"\r{progress_bar_text(done, self._total, self._begun, now - self._started)}",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def end(self) -> None:
        """End the line of the bar."""
        if self._was_shown:
            print(file=sys.stderr)


def progress_bar_text(done: int, total: int, begun: int, seconds: float) -> str:
    """Return the bar of a run that took `seconds` from `begun` photos to `done`."""
    filled_part = BAR * done // total
    left = round(seconds / (done - begun) * (total - done))
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return f"[{'#' * filled_part}{'-' * (BAR - filled_part)}] {done:,} of {total:,} photos, {clock} left "
