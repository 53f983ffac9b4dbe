"""A folder of photos to csv files: one answer a photo, sorted, in constant memory."""

import csv
import os
import sys
import time
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from data_modelling.inference.details import Details, filled, parse_details
from data_modelling.inference.dicom import header_details
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.photos import ENDINGS
from data_modelling.inference.predictor import DIGITS, Answer, Predictor
from data_modelling.inference.sets import LEVELS

ANSWER_COLUMNS = ["image", "class", "status", "reasons", *(f"set{level}" for level in LEVELS), "nearness"]
DETAIL_COLUMNS = ("image", "age", "sex", "site")
AHEAD = 4  # photos in flight a core: enough to keep the cores busy, few enough to need no memory
SHOWN_EVERY = 200  # photos between two lines of progress

WriteRow = Callable[[Iterable[str]], object]


@dataclass(frozen=True)
class Photos:
    """paths by stem, sorted by code point; other: names of files that are no photos by their ending."""

    paths: dict[str, Path]
    other: tuple[str, ...]


def photos_in(folder: Path) -> Photos:
    """The photos of a folder, not recursive; InputError when there is none or two share a stem."""
    try:
        with os.scandir(folder) as entries:
            # Without a regular file behind it (a broken link, a pipe) a name is no photo, whatever its ending.
            files = {entry.name: entry.is_file() for entry in entries if not entry.is_dir()}
    except OSError as error:
        raise InputError(
            f"{folder} is no folder that can be read; --images must name a folder of photos."
        ) from error
    paths: dict[str, Path] = {}
    other = []
    for name in sorted(files):
        path = folder / name
        if not files[name] or path.suffix.lower() not in ENDINGS:
            other.append(name)
        elif path.stem in paths:
            raise InputError(
                f"{folder} has two photos named {path.stem}: {paths[path.stem].name} and {name}; rename one."
            )
        else:
            paths[path.stem] = path
    if not paths:
        raise InputError(f"{folder} holds no photo ({' '.join(ENDINGS)}).")
    return Photos({stem: paths[stem] for stem in sorted(paths)}, tuple(other))


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
        if not row:
            continue
        values = dict.fromkeys(DETAIL_COLUMNS, "") | dict(zip(header, row, strict=False))
        details, errors = parse_details(values)
        if errors:
            raise InputError(f"{path}, row {number}: {errors[0]} It says {values[errors[0].field]!r}.")
        if values["image"] in found:
            raise InputError(f"{path}, row {number}: {values['image']!r} stands there twice; keep one row.")
        found[values["image"]] = details
    return found


def predict_folder(
    predictor: Predictor, photos: Photos, details: dict[str, Details], out: Path
) -> list[tuple[str, str]]:
    """Write `out` and, beside it, `.answers.csv` and `.errors.csv`; returns the photos that do not decode.

    details: by stem; what they leave out is taken from the header of a DICOM file, else it is not known. The files
    appear when all photos are done. Raises InputError when one of them cannot be written.
    """
    codes = [diagnosis.code for diagnosis in predictor.diagnoses]
    failed = []
    with ExitStack() as files:
        write_row = files.enter_context(_csv_file(out, ["image", *codes]))
        write_answer = files.enter_context(_csv_file(beside(out, "answers"), ANSWER_COLUMNS))
        write_error = files.enter_context(_csv_file(beside(out, "errors"), ["image", "reason"]))
        for stem, result in _answers(predictor, photos, details):
            if isinstance(result, PhotoError):
                failed.append((stem, str(result)))
                write_error([stem, f"{result.code}: {result}"])
            else:
                write_row([stem, *(f"{result.probabilities[code]:.{DIGITS}f}" for code in codes)])
                write_answer([stem, *_cells(result)])
    return failed


def _cells(answer: Answer) -> list[str]:
    """An answer as ANSWER_COLUMNS have it; a refused photo's is for whoever compares, not for whoever asks."""
    sets = [";".join(answer.sets.by_level[level]) for level in LEVELS]
    return [answer.decision, answer.status, ";".join(answer.reasons), *sets, f"{answer.nearness:.{DIGITS}f}"]


def beside(out: Path, kind: str) -> Path:
    """`p.csv` to `p.<kind>.csv`."""
    return out.with_name(f"{out.stem}.{kind}.csv")


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


@contextmanager
def _csv_file(path: Path, header: list[str]) -> Iterator[WriteRow]:
    """A function that writes rows to a file, which appears when the block ends well."""
    if path.is_dir():
        raise InputError(f"{path} cannot be written: it is a folder.")
    with ExitStack() as files:
        try:
            temporary = files.enter_context(replaced_when_whole(path))
            # A file name that is no UTF-8 is written with its bytes escaped.
            file = files.enter_context(
                temporary.open("w", newline="", encoding="utf-8", errors="backslashreplace")
            )
        except OSError as error:
            raise InputError(f"{path} cannot be written: {error.strerror}.") from error
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(header)
        yield writer.writerow


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
