"""Predicts all photos of a folder and writes csv files with rows sorted by name; few photos are in memory at once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from itertools import islice, pairwise
from pathlib import Path, PurePath
from typing import Any, Protocol

import click

from data_modelling.inference.batch.csv_results import open_csv_results
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.decision import COVERAGE_LEVELS, melanoma_column
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
from data_modelling.inference.photo.reader import ENDINGS, is_photo_name
from data_modelling.inference.predictor import PROBABILITY_DIGITS, Predictor

SET_COLUMNS = tuple(f"set{level}" for level in COVERAGE_LEVELS)
ANSWER_COLUMNS = ("image", "class", "status", "reasons", *SET_COLUMNS, "nearness")
ERROR_COLUMNS = ("image", "reason")
DETAIL_COLUMNS = ("image", "age", "sex", "site", "changing")
PROJECT_LAYOUT, KAGGLE_LAYOUT = LAYOUTS = ("project", "kaggle")
KAGGLE_COLUMNS = ("image_name", "target")  # the columns of the SIIM-ISIC 2020 competition
IN_FLIGHT_PER_CORE = 4  # photos in memory for each core: enough to keep it busy


class PhotoFile(Protocol):
    """Describes the file of a photo: on a disk (`pathlib.Path`) or in a bucket (`BucketPhoto`)."""

    @property
    def name(self) -> str:
        """Return the file name."""

    def read_bytes(self) -> bytes:
        """Return the content; raise OSError when it cannot be read."""

    def stat(self) -> Any:
        """Return size and time of change, as `st_size` and `st_mtime_ns`; raise OSError when the file is gone."""


Photo = tuple[str, PhotoFile, Details]  # stem, file, details
Rows = dict[str, list[str]]  # a photo's csv row for each kind of file: "rows" and "answers", or only "errors"


@dataclass(frozen=True)
class RowOptions:
    """Holds the options of a run. codes: the classes with a column. dermatoscope: whether a dermatoscope was used."""

    codes: Sequence[str]
    dermatoscope: bool = True


# A function that takes a predictor, photos and options, and yields the rows of each photo in order.
RowSource = Callable[[Predictor, Iterable[Photo], RowOptions], Iterator[Rows]]


@dataclass(frozen=True)
class PhotoFolder:
    """Holds a folder of photos. The stem of a photo is its file name without the ending.

    file: takes a file name and returns the file. names: the photos' file names, sorted by stem. other: the names
    of files that are no photos. below: subfolders with photos, such as `new (12)` for 12 photos; none of them is read.
    """

    file: Callable[[str], PhotoFile]
    names: Sequence[str]
    other: tuple[str, ...]
    below: tuple[str, ...] = ()

    @property
    def stems(self) -> list[str]:
        """Return the names without their endings."""
        return [PurePath(name).stem for name in self.names]

    @property
    def remarks(self) -> list[str]:
        """Return a sentence on files that are no photos, and one on photos in subfolders, if there are any."""
        other = f"{len(self.other)} other files ignored: {shortened_list(self.other)}"
        below = f"warning: photos in subfolders are not read: {shortened_list(self.below)}; name a subfolder with --images"
        return [other] * bool(self.other) + [below] * bool(self.below)

    def photos(self) -> Iterator[tuple[str, PhotoFile]]:
        """Yield the stem and the file of each photo."""
        return ((PurePath(name).stem, self.file(name)) for name in self.names)

    def shard(self, number: int, count: int) -> PhotoFolder:
        """Return part `number` (from 1) of `count` consecutive parts of nearly equal size."""
        total = len(self.names)
        return replace(self, names=self.names[total * (number - 1) // count : total * number // count])


def scan_photo_folder(folder: Path) -> PhotoFolder:
    """Return a folder's photos, without subfolders; raise InputError if there are none, or if two share a stem."""
    names, other = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # A broken link or a pipe is no photo, even if its name has the ending of a photo.
                if entry.is_file() and is_photo_name(entry.name):
                    names.append(entry.name)
                elif not entry.is_dir():
                    other.append(entry.name)
    except OSError as error:
        raise InputError(f"{folder} cannot be read as a folder; give --images a folder of photos.") from error
    below = tuple(_photos_below(folder))
    if not names:
        hint = (
            f", but there are photos in its folders {shortened_list(below)}: name one of them with --images"
        )
        raise InputError(f"{folder} has no photo ({' '.join(ENDINGS)}){hint if below else ''}.")
    # On a cluster, a relative path would fail, because the nodes work in other folders.
    file = folder.absolute().joinpath
    return PhotoFolder(file, sort_photo_names(folder, names), tuple(sorted(other)), below)


def _photos_below(folder: Path) -> Iterator[str]:
    """Yield each subfolder that has photos, with the number of its photos, such as `new (12)`."""
    for place, folders, names in os.walk(folder):
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        photos = sum(map(is_photo_name, names))
        if photos and Path(place) != folder:
            yield f"{Path(place).relative_to(folder)} ({photos})"


def sort_photo_names(folder: Path | str, names: Iterable[str]) -> list[str]:
    """Return the names of a folder's photos, sorted by stem; raise InputError when two names share a stem."""
    ordered = sorted((PurePath(name).stem, name) for name in names)
    for (stem, first), (next_stem, second) in pairwise(ordered):
        if stem == next_stem:
            raise InputError(f"{folder} has two photos named {stem}: {first} and {second}; rename one.")
    return [name for _, name in ordered]


@dataclass(frozen=True)
class DetailsTable:
    """Holds details by image id. notes: sentences on unusual parts of the csv. findings: sentences on doubtful rows."""

    by_image: dict[str, Details]
    notes: tuple[str, ...] = ()
    findings: tuple[str, ...] = ()


def read_details(path: Path) -> DetailsTable:
    """Return the details in a csv with the columns image, age, sex and site; a column `changing` is read if present.

    Other columns are ignored. The returned image ids are in composed form (NFC) and without a photo's ending. Repeated
    rows count once; contradictory rows give no details. Raises InputError with the row number of a bad value.
    """
    table = read_csv_table(path, DETAIL_COLUMNS, optional=("changing",), ids=("image",), numbers=("age",))
    notes = table.notes if len(table) else (*table.notes, f"{path} has no row below its header.")
    parsed: list[Details] = []
    for index, number in enumerate(table.row_numbers):
        values = table.row(index)
        details, errors = parse_details(values)
        if errors:
            raise InputError(f"{path}, row {number}: {errors[0]} The cell says {values[errors[0].field]!r}.")
        parsed.append(details)
    indices, findings = distinct_rows(table, "image")
    by_image = dict.fromkeys(table.columns["image"], Details())  # for contradictory rows
    by_image |= {table.columns["image"][index]: parsed[index] for index in indices}
    return DetailsTable(by_image, notes, tuple(f"{path}: {line}" for line in findings.sentences()))


def match_details(
    details: Mapping[str, Details], stems: Sequence[str]
) -> tuple[dict[str, Details], list[str]]:
    """Return the details by stem, for photos that have any; also return the image ids of details without a photo.

    Raises InputError if there are details, but no photo has any.
    """
    ids = {stem: normalize_image_id(stem) for stem in stems}
    matched = {stem: details[image_id] for stem, image_id in ids.items() if image_id in details}
    unknown = sorted(set(details) - set(ids.values()))
    if details and not matched:
        raise InputError(
            f"No row of the details names a photo: the details have {shortened_list(map(repr, unknown), shown=3)}, and the photos are "
            f"named {shortened_list(map(repr, stems), shown=3)}."
        )
    return matched, unknown


def check_output_paths(out: Path, details: Path | None) -> None:
    """Raise InputError if `out` has no file name, if it has a photo's ending, or if a csv would replace the details."""
    if not out.name:
        raise InputError("--out must name a csv file, such as p.csv.")
    if out.suffix.lower() in ENDINGS:
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
    """Write `out`, such as p.csv, with p.answers.csv and p.errors.csv; return stem and error of each unreadable photo.

    The files appear when all photos are done. A stopped run is resumed if bundle, photos, details and options are the
    same. details: the details of each photo, by its stem. A detail that is missing there is read from the photo's DICOM
    header, if there is one; else it counts as not known. layout: PROJECT_LAYOUT, or KAGGLE_LAYOUT with the columns
    image_name and target (the probability of melanoma). dermatoscope: see RowOptions. row_source: the function that
    computes the rows; by default predict_rows, on this machine. Raises InputError when a file cannot be written.
    """
    task = predictor.bundle.task
    if layout == PROJECT_LAYOUT:
        codes = prediction_columns(task)
        header = ("image", *codes)
    else:
        codes, header = (predictor.diagnoses[melanoma_column(task)].code,), KAGGLE_COLUMNS
    headers = {"rows": header, "answers": ANSWER_COLUMNS, "errors": ERROR_COLUMNS}
    identity = _run_fingerprint(predictor, photos, details, (layout, dermatoscope))
    with open_csv_results(_targets(out), headers, identity) as results:
        files = islice(photos.photos(), results.done, None)
        remaining = ((stem, file, details.get(stem, Details())) for stem, file in files)
        rows = (row_source or predict_rows)(predictor, remaining, RowOptions(codes, dermatoscope))
        is_hidden = not sys.stderr.isatty()
        with click.progressbar(
            rows, len(photos.names) - results.done, "photos", show_pos=True, hidden=is_hidden, file=sys.stderr
        ) as bar:
            for photo in bar:
                results.write(photo)
        return [(row["image"], row["reason"].partition(": ")[2]) for row in results.rows("errors")]


def _run_fingerprint(
    predictor: Predictor, photos: PhotoFolder, details: dict[str, Details], options: tuple[str, bool]
) -> str:
    """Return a hash of bundle, options, number of views, and each photo's name, size, time of change and details."""
    run = json.dumps([predictor.bundle.sums, *options, predictor.views], sort_keys=True)
    fingerprint = hashlib.sha256(run.encode())
    for stem, path in photos.photos():
        try:
            status = path.stat()
            state = f"{status.st_size} {status.st_mtime_ns}"
        except OSError:  # The file has been deleted; the csv of errors will say so.
            state = "gone"
        fingerprint.update(f"{path.name!a} {state} {details.get(stem)}\n".encode())
    return fingerprint.hexdigest()


def predict_rows(predictor: Predictor, photos: Iterable[Photo], options: RowOptions) -> Iterator[Rows]:
    """Yield the rows of each photo in order, computed on all usable cores; few photos are in memory at once."""
    cores = usable_cores()
    pending: deque[Future[Rows]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for photo in photos:
            pending.append(pool.submit(photo_rows, predictor, *photo, options))
            if len(pending) >= cores * IN_FLIGHT_PER_CORE:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()


def photo_rows(
    predictor: Predictor, stem: str, file: PhotoFile, details: Details, options: RowOptions
) -> Rows:
    """Return a photo's rows by kind of file (see Rows). A refused photo has probabilities too, for evaluations."""
    try:
        data = file.read_bytes()
        complete = fill_in_details(details, header_details(data))
        answer = predictor.answer(data, complete, dermatoscope=options.dermatoscope)
    except PhotoError as error:
        return {"errors": [stem, f"{error.code}: {error}"]}
    except OSError as error:
        return {"errors": [stem, f"photo_unreadable: {file} cannot be read: {error.strerror}."]}
    probabilities = [f"{answer.probabilities[code]:.{PROBABILITY_DIGITS}f}" for code in options.codes]
    lists = [answer.reasons, *(answer.sets.by_level[level] for level in COVERAGE_LEVELS)]
    nearness = f"{answer.nearness:.{PROBABILITY_DIGITS}f}"
    cells = [answer.decision, answer.status, *map(";".join, lists), nearness]
    return {"rows": [stem, *probabilities], "answers": [stem, *cells]}


def _targets(out: Path) -> dict[str, Path]:
    return {"rows": out, "answers": companion_path(out, "answers"), "errors": companion_path(out, "errors")}


def companion_path(out: Path, kind: str) -> Path:
    """Return the path of a companion file: `p.<kind>.csv` for `p.csv`."""
    return out.with_name(f"{out.name.removesuffix('.csv')}.{kind}.csv")
