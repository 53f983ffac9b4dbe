"""A folder of photos to csv files: one answer a photo, sorted, in constant memory."""

import csv
import os
import sys
import time
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_modelling.inference.details import Details, parse_details
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.predictor import DIGITS, Answer, Predictor

ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".dcm")
DETAIL_COLUMNS = ("image", "age", "sex", "site")
AHEAD = 4  # photos in flight a core: enough to keep the cores busy, few enough to need no memory
SHOWN_EVERY = 200  # photos between two lines of progress


@dataclass(frozen=True)
class Photos:
    """paths by stem, sorted by code point; other: names of files with another ending."""

    paths: dict[str, Path]
    other: tuple[str, ...]


def predict_folder(
    predictor: Predictor, photos: Photos, details: dict[str, Details], out: Path
) -> list[tuple[str, str]]:
    """Write `out` and, beside it, `.answers.csv` and `.errors.csv`; returns the photos that do not decode.

    details: by stem; a photo without is answered alone. The files appear when all photos are done.
    """
    codes = [diagnosis.code for diagnosis in predictor.diagnoses]
    failed = []
    with ExitStack() as files:
        rows = files.enter_context(_csv_file(out, ["image", *codes]))
        answers = files.enter_context(
            _csv_file(beside(out, "answers"), ["image", "class", "status", "reasons"])
        )
        errors = files.enter_context(_csv_file(beside(out, "errors"), ["image", "reason"]))
        for stem, result in _answers(predictor, photos, details):
            if isinstance(result, PhotoError):
                failed.append((stem, str(result)))
                errors.writerow([stem, f"{result.code}: {result}"])
            else:
                rows.writerow([stem, *(f"{result.probabilities[code]:.{DIGITS}f}" for code in codes)])
                answers.writerow([stem, result.decision, result.status, ";".join(result.reasons)])
    return failed


def beside(out: Path, kind: str) -> Path:
    """`p.csv` to `p.<kind>.csv`."""
    return out.with_name(f"{out.stem}.{kind}.csv")


def photos_in(folder: Path) -> Photos:
    """The photos of a folder, not recursive; InputError when there is none or two share a stem."""
    if not folder.is_dir():
        raise InputError(f"There is no folder {folder}; --images must name a folder of photos.")
    paths: dict[str, Path] = {}
    other = []
    for entry in os.scandir(folder):
        stem, ending = os.path.splitext(entry.name)
        if not entry.is_file():
            continue
        if ending.lower() not in ENDINGS:
            other.append(entry.name)
        elif stem in paths:
            raise InputError(
                f"{folder} has two photos named {stem}: {paths[stem].name} and {entry.name}; rename one."
            )
        else:
            paths[stem] = Path(entry.path)
    if not paths:
        raise InputError(f"{folder} holds no photo ({' '.join(ENDINGS)}).")
    return Photos({stem: paths[stem] for stem in sorted(paths)}, tuple(sorted(other)))


def read_details(path: Path) -> dict[str, Details]:
    """Details by stem from a csv with the columns image, age, sex, site; InputError with row for bad values."""
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            reader = csv.DictReader(file)
            missing = [column for column in DETAIL_COLUMNS if column not in (reader.fieldnames or ())]
            if missing:
                raise InputError(
                    f"{path} lacks the column {missing[0]}; it needs {', '.join(DETAIL_COLUMNS)}."
                )
            return dict(_details_rows(path, reader))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError(f"{path} cannot be read as csv: {error}.") from error


def _details_rows(path: Path, reader: "csv.DictReader[str]") -> Iterator[tuple[str, Details]]:
    seen = set()
    for row in reader:
        where = f"{path}, row {reader.line_num}"
        values = {column: row[column] or "" for column in DETAIL_COLUMNS}
        details, errors = parse_details(values)
        if errors:
            raise InputError(f"{where}: {errors[0]} It says {values[errors[0].field]!r}.")
        if values["image"] in seen:
            raise InputError(f"{where}: {values['image']} stands there twice; keep one row.")
        seen.add(values["image"])
        yield values["image"], details


def _answers(
    predictor: Predictor, photos: Photos, details: dict[str, Details]
) -> Iterator[tuple[str, Answer | PhotoError]]:
    """Answers in order, computed on all cores with few photos in flight."""
    cores = os.cpu_count() or 1
    waiting: deque[tuple[str, Future[Answer | PhotoError]]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        for stem, path in _with_progress(photos.paths):
            waiting.append((stem, pool.submit(_answer, predictor, path, details.get(stem, Details()))))
            if len(waiting) >= cores * AHEAD:
                first, future = waiting.popleft()
                yield first, future.result()
        for stem, future in waiting:
            yield stem, future.result()


def _answer(predictor: Predictor, path: Path, details: Details) -> Answer | PhotoError:
    try:
        return predictor.answer(path.read_bytes(), details)
    except PhotoError as error:
        return error
    except OSError as error:
        return PhotoError("photo_unreadable", f"{path} cannot be read: {error.strerror}.")


@contextmanager
def _csv_file(path: Path, header: list[str]) -> Iterator["csv._writer"]:
    """A csv writer on a file that appears when the block ends well."""
    with (
        replaced_when_whole(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        yield writer


def _with_progress(photos: dict[str, Path]) -> Iterator[tuple[str, Path]]:
    """The photos, with a line on standard error that counts them and tells the time left."""
    start, total, shown = time.monotonic(), len(photos), sys.stderr.isatty()
    for done, item in enumerate(photos.items()):
        if shown and done and done % SHOWN_EVERY == 0:
            left = (time.monotonic() - start) / done * (total - done)
            print(f"\r{done:,} of {total:,} photos, {left:.0f} s left ", end="", file=sys.stderr, flush=True)
        yield item
    if shown and total > SHOWN_EVERY:
        print(file=sys.stderr)
