"""The csv files of a run over many photos: they appear when they are whole, and a run that was stopped is picked up.

Until then they grow in a folder beside them, with a note of how far they are, so that the same command goes on after
Ctrl-C, kill -9 or a power cut and repeats at most the photos of the last seconds.
"""

from __future__ import annotations

import csv
import fcntl
import json
import os
import time
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import IO, Any

from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

NOTE_SECONDS = 2.0  # between two notes of how far the run is
NOTE, LOCK = "note.json", "lock"


class Results:
    """Csv files by kind, in a folder `work`. done: photos whose rows are written, from the first one on."""

    def __init__(self, work: Path, columns: Mapping[str, Sequence[str]], identity: str) -> None:
        self.done = 0
        self._work = work
        self._columns = columns
        self._identity = identity
        self._files: dict[str, IO[str]] = {}
        self._noted = time.monotonic()

    def file(self, kind: str) -> Path:
        """Where the rows of a kind grow."""
        return self._work / f"{kind}.csv"

    def rows(self, kind: str) -> list[dict[str, str]]:
        """What is written of a kind so far."""
        self._files[kind].flush()
        with self.file(kind).open(newline="", encoding="utf-8") as file:
            return list(csv.DictReader(file))

    def open(self) -> None:
        """Go on with what an earlier run of the same identity left, or begin."""
        sizes = self._left_over()
        for kind, names in self._columns.items():
            with self.file(kind).open("ab") as file:
                file.truncate(sizes.get(kind, 0))
            # A file name that is no UTF-8 is written with its bytes escaped.
            self._files[kind] = self.file(kind).open(
                "a", newline="", encoding="utf-8", errors="backslashreplace"
            )
            if not sizes:
                csv.writer(self._files[kind], lineterminator="\n").writerow(names)
        self._note()

    def _left_over(self) -> dict[str, int]:
        """The sizes up to which the files are good; none when there is nothing to go on with."""
        try:
            note: dict[str, Any] = json.loads((self._work / NOTE).read_text(encoding="utf-8"))
            sizes = {kind: int(note["bytes"][kind]) for kind in self._columns}
            is_whole = all(self.file(kind).stat().st_size >= size for kind, size in sizes.items())
            if note["identity"] != self._identity or not is_whole:
                return {}
            self.done = int(note["photos"])
        except (OSError, ValueError, KeyError, TypeError):  # no note, or one that was cut off
            return {}
        return sizes

    def write(self, rows: Mapping[str, Iterable[str]]) -> None:
        """Add the rows of the next photo, by kind."""
        for kind, row in rows.items():
            csv.writer(self._files[kind], lineterminator="\n").writerow(row)
        self.done += 1
        if time.monotonic() - self._noted > NOTE_SECONDS:
            self._note()

    def _note(self) -> None:
        """Write down how far the run is, once all up to here is on the disk."""
        sizes = {}
        for kind, file in self._files.items():
            file.flush()
            os.fsync(file.fileno())
            sizes[kind] = os.fstat(file.fileno()).st_size
        with replaced_when_whole(self._work / NOTE) as temporary:
            temporary.write_text(
                json.dumps({"identity": self._identity, "photos": self.done, "bytes": sizes}),
                encoding="utf-8",
            )
        self._noted = time.monotonic()

    def close(self) -> None:
        """Note how far the run is and close the files."""
        self._note()
        for file in self._files.values():
            file.close()


@contextmanager
def results(
    targets: Mapping[str, Path], columns: Mapping[str, Sequence[str]], identity: str
) -> Iterator[Results]:
    """The csv files of a run; they are moved to `targets` (by kind) when the block ends well.

    columns: of each kind. identity: what the rows depend on; what is left of a run of another one is forgotten.
    Raises InputError when a file cannot be written, or another run is writing it.
    """
    first = next(iter(targets.values()))
    for path in targets.values():
        if path.is_dir():
            raise InputError(f"{path} cannot be written: it is a folder.")
    work = work_beside(first)
    with ExitStack() as held:
        try:
            work.mkdir(parents=True, exist_ok=True)
            _refuse_others(work, columns)
            held.enter_context(_alone(work / LOCK, first))
            found = Results(work, columns, identity)
            found.open()
        except OSError as error:
            raise InputError(f"{first} cannot be written: {error.strerror}.") from error
        try:
            yield found
        finally:
            found.close()
        for kind, path in reversed(list(targets.items())):
            found.file(kind).replace(path)
        for path in _own(work, columns):
            path.unlink()
        work.rmdir()


def work_beside(first: Path) -> Path:
    """The folder in which the files grow: `p.csv.work`, for `p.work` may be the work folder of a training run."""
    return first.with_name(f"{first.name}.work")


def _own(work: Path, columns: Mapping[str, Sequence[str]]) -> list[Path]:
    """The files there that a run leaves, one that was killed while it noted something too."""
    names = {NOTE, LOCK, *(f"{kind}.csv" for kind in columns)}
    return [path for path in work.iterdir() if path.name in names or path.match(f".{NOTE}.*.tmp")]


def _refuse_others(work: Path, columns: Mapping[str, Sequence[str]]) -> None:
    others = sorted({*work.iterdir()} - {*_own(work, columns)})
    if others:
        raise InputError(f"{others[0]} is in the way; move it elsewhere, or choose another --out.")


@contextmanager
def _alone(lock: Path, target: Path) -> Iterator[None]:
    """Nobody else is in the block; the system ends this with the process, however that ends."""
    with lock.open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise InputError(
                f"Another run is writing {target}; wait for it, or choose another --out."
            ) from error
        yield
