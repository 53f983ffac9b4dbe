"""A folder of photos to csv files: one answer a photo, sorted, in constant memory."""

from __future__ import annotations

import csv
import hashlib
import json
import math
import os
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice
from pathlib import Path, PurePath

from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.details import Details, filled, parse_details
from data_modelling.inference.diagnoses import columns
from data_modelling.inference.dicom import header_details
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.photos import ENDINGS
from data_modelling.inference.predictor import DIGITS, Answer, Predictor
from data_modelling.inference.results import results
from data_modelling.inference.sets import LEVELS

ANSWER_COLUMNS = ["image", "class", "status", "reasons", *(f"set{level}" for level in LEVELS), "nearness"]
DETAIL_COLUMNS = ("image", "age", "sex", "site")
PROJECT, KAGGLE = LAYOUTS = ("project", "kaggle")
KAGGLE_COLUMNS = ("image_name", "target")  # of the SIIM-ISIC 2020 competition
AHEAD = 4  # photos in flight a core: enough to keep the cores busy, few enough to need no memory
SHOWN_EVERY = 0.5  # seconds between two drawings of the bar
BAR = 30  # characters


class Paths(Mapping[str, Path]):
    """The paths of a folder's photos by stem; of a hundred thousand, a tenth of the memory that they would take."""

    def __init__(self, folder: Path, endings: dict[str, str]) -> None:
        self._folder = folder
        self._endings = endings

    def __getitem__(self, stem: str) -> Path:
        return self._folder / f"{stem}{self._endings[stem]}"

    def __iter__(self) -> Iterator[str]:
        return iter(self._endings)

    def __len__(self) -> int:
        return len(self._endings)

    def part(self, start: int, stop: int) -> Paths:
        """Those from one place to before another."""
        return Paths(self._folder, dict(islice(self._endings.items(), start, stop)))


@dataclass(frozen=True)
class Photos:
    """paths by stem, sorted by code point; other: names of files that are no photos by their ending."""

    paths: Paths
    other: tuple[str, ...]

    def shard(self, number: int, count: int) -> Photos:
        """The `number`th (from 1) of `count` parts in a row, as equal as can be; all together are the whole."""
        total = len(self.paths)
        return Photos(self.paths.part(total * (number - 1) // count, total * number // count), self.other)


def photos_in(folder: Path) -> Photos:
    """The photos of a folder, not recursive; InputError when there is none or two share a stem."""
    names, other = [], []
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                # Without a regular file behind it (a broken link, a pipe) a name is no photo, whatever its ending.
                # Nor is a hidden file: macOS leaves `._` files beside photos.
                is_hidden = entry.name.startswith(".")
                if entry.is_file() and has_photo_ending(entry.name) and not is_hidden:
                    names.append(entry.name)
                elif not entry.is_dir():
                    other.append(entry.name)
    except OSError as error:
        raise InputError(
            f"{folder} is no folder that can be read; --images must name a folder of photos."
        ) from error
    if not names:
        raise InputError(f"{folder} holds no photo ({' '.join(ENDINGS)}).")
    return Photos(Paths(folder, _endings(folder, names)), tuple(sorted(other)))


def has_photo_ending(name: str) -> bool:
    """Whether a file of this name should be a photo."""
    return PurePath(name).suffix.lower() in ENDINGS


def _endings(folder: Path, names: list[str]) -> dict[str, str]:
    """The endings by stem, sorted; InputError when two names share a stem."""
    found: dict[str, str] = {}
    for name in sorted(names):
        ending = sys.intern(PurePath(name).suffix)
        stem = name.removesuffix(ending)
        if stem in found:
            raise InputError(
                f"{folder} has two photos named {stem}: {stem}{found[stem]} and {name}; rename one."
            )
        found[stem] = ending
    return {stem: found[stem] for stem in sorted(found)}


def read_details(path: Path) -> dict[str, Details]:
    """Details by stem from a csv with the columns image, age, sex, site, in any order, among others.

    Raises InputError with the row, counted as a spreadsheet does, for a bad value or an image named twice.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            rows = csv.reader(file, strict=True)
            header = next(rows, [])
            missing = [column for column in DETAIL_COLUMNS if column not in header]
            if missing:
                raise InputError(
                    f"{path} lacks the column {missing[0]}; it needs {', '.join(DETAIL_COLUMNS)}."
                )
            return _details_by_image(path, header, rows)
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}.") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} is no csv in UTF-8: {error}.") from error


def _details_by_image(path: Path, header: list[str], rows: Iterable[list[str]]) -> dict[str, Details]:
    found: dict[str, Details] = {}
    for number, row in enumerate(rows, start=2):
        if not any(cell.strip() for cell in row):  # spreadsheets write such
            continue
        values = dict.fromkeys(DETAIL_COLUMNS, "") | dict(zip(header, row, strict=False))
        details, errors = parse_details(values)
        if errors:
            raise InputError(f"{path}, row {number}: {errors[0]} It says {values[errors[0].field]!r}.")
        if not values["image"].strip():
            raise InputError(f"{path}, row {number}: the image is not named; fill it in, or remove the row.")
        if values["image"] in found:
            raise InputError(f"{path}, row {number}: {values['image']!r} stands there twice; keep one row.")
        found[values["image"]] = details
    return found


def check_out(out: Path, details: Path | None) -> None:
    """Raise InputError where the csv files of `predict_folder` have no name, or would replace photos or the details."""
    if not out.name:
        raise InputError("--out must name a csv file, as p.csv.")
    if has_photo_ending(out.name):
        raise InputError(f"--out must name a csv file, and {out} has a photo's ending.")
    for path in _targets(out).values():
        if details and path.exists() and path.samefile(details):
            raise InputError(f"{path} holds the details, which would be lost; choose another --out.")


def predict_folder(
    predictor: Predictor, photos: Photos, details: dict[str, Details], out: Path, layout: str = PROJECT
) -> list[tuple[str, str]]:
    """Write `out` and, beside it, `.answers.csv` and `.errors.csv`; returns the photos that do not decode.

    details: by stem; what they leave out is taken from the header of a DICOM file, else it is not known. The files
    appear when all photos are done; a run that was stopped is picked up where it was, if bundle, photos and details
    are still the same. layout: PROJECT, or KAGGLE: image_name and target, the probability of melanoma. Raises
    InputError when a file cannot be written.
    """
    task = predictor.bundle.task
    codes = columns(task) if layout == PROJECT else (predictor.diagnoses[melanoma_column(task)].code,)
    header = ["image", *codes] if layout == PROJECT else KAGGLE_COLUMNS
    headers = {"rows": header, "answers": ANSWER_COLUMNS, "errors": ["image", "reason"]}
    with results(_targets(out), headers, _identity(predictor, photos, details, layout)) as written:
        shown = Progress(len(photos.paths), written.done)
        left = islice(photos.paths.items(), written.done, None)
        for stem, result in _answers(predictor, left, details):
            written.write(_rows(stem, result, codes))
            shown.show(written.done)
        shown.end()
        return [(row["image"], row["reason"].partition(": ")[2]) for row in written.rows("errors")]


def _identity(predictor: Predictor, photos: Photos, details: dict[str, Details], layout: str) -> str:
    """A hash of all that the rows depend on."""
    found = hashlib.sha256(
        json.dumps([predictor.bundle.sums, layout, predictor.views], sort_keys=True).encode()
    )
    for stem, path in photos.paths.items():
        try:
            facts = path.stat()
            state = f"{facts.st_size} {facts.st_mtime_ns}"
        except OSError:  # it has gone meanwhile, which its row will tell
            state = "gone"
        found.update(f"{path.name!a} {state} {details.get(stem)}\n".encode())
    return found.hexdigest()


def _rows(stem: str, result: Answer | PhotoError, codes: Sequence[str]) -> dict[str, list[str]]:
    """What is written of a photo, by kind."""
    if isinstance(result, PhotoError):
        return {"errors": [stem, f"{result.code}: {result}"]}
    probabilities = [f"{result.probabilities[code]:.{DIGITS}f}" for code in codes]
    return {"rows": [stem, *probabilities], "answers": [stem, *_cells(result)]}


def _cells(answer: Answer) -> list[str]:
    """An answer as ANSWER_COLUMNS have it; a refused photo's is for whoever compares, not for whoever asks."""
    sets = [";".join(answer.sets.by_level[level]) for level in LEVELS]
    return [answer.decision, answer.status, ";".join(answer.reasons), *sets, f"{answer.nearness:.{DIGITS}f}"]


def _targets(out: Path) -> dict[str, Path]:
    return {"rows": out, "answers": beside(out, "answers"), "errors": beside(out, "errors")}


def beside(out: Path, kind: str) -> Path:
    """`p.csv` to `p.<kind>.csv`."""
    return out.with_name(f"{out.stem}.{kind}.csv")


def _answers(
    predictor: Predictor, photos: Iterable[tuple[str, Path]], details: dict[str, Details]
) -> Iterator[tuple[str, Answer | PhotoError]]:
    """Answers in order, computed on all cores with few photos in flight."""
    cores = os.cpu_count() or 1
    waiting: deque[tuple[str, Future[Answer | PhotoError]]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for stem, path in photos:
            waiting.append((stem, pool.submit(_answer, predictor, path, details.get(stem, Details()))))
            if len(waiting) >= cores * AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        while waiting:
            first, future = waiting.popleft()
            yield first, future.result()


def _answer(predictor: Predictor, path: Path, details: Details) -> Answer | PhotoError:
    try:
        data = path.read_bytes()
        return predictor.answer(data, filled(details, header_details(data)))
    except PhotoError as error:
        return error
    except OSError as error:
        return PhotoError("photo_unreadable", f"{path} cannot be read: {error.strerror}.")


class Progress:
    """A bar on standard error, where that is a terminal, with the time left. begun: done before this run."""

    def __init__(self, total: int, begun: int) -> None:
        self._total = total
        self._begun = begun
        self._started = time.monotonic()
        self._next = self._started + SHOWN_EVERY if sys.stderr.isatty() else math.inf
        self._was_shown = False

    def show(self, done: int) -> None:
        """Draw it again, if it is time."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + SHOWN_EVERY
            self._was_shown = True
            print(
                f"\r{bar(done, self._total, self._begun, now - self._started)}",
                end="",
                file=sys.stderr,
                flush=True,
            )

    def end(self) -> None:
        """Leave the line."""
        if self._was_shown:
            print(file=sys.stderr)


def bar(done: int, total: int, begun: int, seconds: float) -> str:
    """The bar of a run that took so many seconds from `begun` photos to `done`."""
    filled_part = BAR * done // total
    left = round(seconds / (done - begun) * (total - done))
    clock = f"{left // 3600}:{left // 60 % 60:02d}:{left % 60:02d}"
    return f"[{'#' * filled_part}{'-' * (BAR - filled_part)}] {done:,} of {total:,} photos, {clock} left "
