"""Writes the csv files of a run over many photos; a stopped run can be resumed.

The files appear when they are complete. Until then they grow in a work folder, which also has a note of the progress.
After Ctrl-C, kill -9 or a power cut, the same command resumes and repeats at most the photos of the last seconds.
"""

from __future__ import annotations

import csv
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any, Literal

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.files.file_locks import exclusive_lock

NOTE_SECONDS = 2.0  # seconds between two notes of the progress
NOTE, LOCK = "note.json", "lock"


class CsvResults:
    """Holds the csv files of a run in the folder `work`, one for each kind of row. done: number of photos so far."""

    def __init__(self, work: Path, columns: Mapping[str, Sequence[str]], identity: str) -> None:
        """Resume an earlier run of the same identity (see open_csv_results), or start a new run."""
        self.done = 0
        self._is_whole = True  # False while a photo has rows in some files but not yet in all
        self._work = work
        self._identity = identity
        self._files: dict[str, IO[str]] = {}
        sizes = self._resumable_sizes(columns)
        for kind, names in columns.items():
            with self.file(kind).open("ab") as file:
                file.truncate(sizes.get(kind, 0))
            # A file name that is not UTF-8 is written with its bytes escaped.
            self._files[kind] = self.file(kind).open(
                "a", newline="", encoding="utf-8", errors="backslashreplace"
            )
            if not sizes:
                self._write_row(kind, names)
        self._write_note()

    def file(self, kind: str) -> Path:
        """Return the path of the growing file of a kind."""
        return self._work / f"{kind}.csv"

    def rows(self, kind: str) -> list[dict[str, str]]:
        """Return the rows of one kind that were written so far."""
        self._files[kind].flush()
        with self.file(kind).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def _resumable_sizes(self, kinds: Iterable[str]) -> dict[str, int]:
        """Return the size in bytes up to which each file is valid, or {} if there is no run to resume; set `done`."""
        try:
            note: dict[str, Any] = json.loads((self._work / NOTE).read_text(encoding="utf-8"))
            sizes = {kind: int(note["bytes"][kind]) for kind in kinds}
            is_whole = all(self.file(kind).stat().st_size >= size for kind, size in sizes.items())
            if note["identity"] != self._identity or not is_whole:
                return {}
            self.done = int(note["photos"])
        except (OSError, ValueError, KeyError, TypeError):  # the note is missing or damaged
            return {}
        return sizes

    def write(self, rows: Mapping[str, Sequence[str]]) -> None:
        """Add the rows of the next photo, one row for each kind."""
        self._is_whole = False
        for kind, row in rows.items():
            self._write_row(kind, row)
        self.done += 1
        self._is_whole = True
        if time.monotonic() - self._noted > NOTE_SECONDS:
            self._write_note()

    def _write_row(self, kind: str, row: Sequence[str]) -> None:
        # Before Python 3.13, csv.writer does not quote a cell because of a carriage return.
        quoting: Literal[0, 1] = csv.QUOTE_ALL if "\r" in "".join(row) else csv.QUOTE_MINIMAL
        csv.writer(self._files[kind], lineterminator="\n", quoting=quoting).writerow(row)

    def _write_note(self) -> None:
        """Write the progress to the note, after all rows are on the disk."""
        sizes = {}
        for kind, file in self._files.items():
            file.flush()
            os.fsync(file.fileno())
            sizes[kind] = os.fstat(file.fileno()).st_size
        with atomic_write(self._work / NOTE) as temporary:
            temporary.write_text(
                json.dumps({"identity": self._identity, "photos": self.done, "bytes": sizes}),
                encoding="utf-8",
            )
        self._noted = time.monotonic()

    def close(self) -> None:
        if self._is_whole:
            self._write_note()
        for file in self._files.values():
            file.close()


@contextmanager
def open_csv_results(
    targets: Mapping[str, Path], columns: Mapping[str, Sequence[str]], identity: str
) -> Iterator[CsvResults]:
    """Yield the csv files of a run, and move them to `targets` (by kind) when the block succeeds.

    columns: the header of each kind. identity: a hash of everything that the rows depend on; rows of another identity
    are thrown away. Raises InputError when a file cannot be written, or another run is writing it.
    """
    first = next(iter(targets.values()))
    for path in targets.values():
        if path.is_dir():
            raise InputError(f"{path} cannot be written: it is a folder.")
    work = batch_work_folder(first)
    with ExitStack() as stack:
        try:
            work.mkdir(parents=True, exist_ok=True)
            _refuse_unknown_files(work, columns)
            refusal = f"Another run is writing {first}; wait for it, or choose another --out."
            stack.enter_context(exclusive_lock(work / LOCK, refusal))
            results = CsvResults(work, columns, identity)
        except OSError as error:
            raise InputError(f"{first} cannot be written: {error.strerror}.") from error
        try:
            yield results
        finally:
            results.close()
        for kind, path in reversed(list(targets.items())):
            results.file(kind).replace(path)
        for path in _run_files(work, columns):
            if path.name != LOCK:
                path.unlink()
        if os.name == "nt":  # Windows cannot remove a file that is open, such as the lock
            stack.close()
        (work / LOCK).unlink()
        work.rmdir()


def batch_work_folder(first: Path) -> Path:
    """Return the work folder of a run whose first csv file is `first`: for `p.csv`, it is `p.csv.work`."""
    return first.with_name(f"{first.name}.work")


def _run_files(work: Path, columns: Mapping[str, Sequence[str]]) -> list[Path]:
    """Return the files of a run in the work folder, and the temporary files of notes that were not finished."""
    names = {NOTE, LOCK, *(f"{kind}.csv" for kind in columns)}
    return [path for path in work.iterdir() if path.name in names or path.match(f".{NOTE}.*.tmp")]


def _refuse_unknown_files(work: Path, columns: Mapping[str, Sequence[str]]) -> None:
    unknown = sorted({*work.iterdir()} - {*_run_files(work, columns)})
    if unknown:
        raise InputError(f"{unknown[0]} is in the way; move it elsewhere, or choose another --out.")
