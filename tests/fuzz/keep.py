"""Choose the corpus: `.venv/fuzz/bin/python -m tests.fuzz.keep`, after fuzzing and after a change of the seeds.

Of the seeds, the corpus and what was found, the smallest files are kept of which each reaches a step between two lines
that no smaller one reaches.
"""

import sys
from collections.abc import Iterable
from hashlib import sha256
from pathlib import Path
from types import FrameType
from typing import Any

from tests.fuzz.reader import CORPUS, FOUND, read
from tests.fuzz.seeds import seeds

WATCHED = ("/PIL/", "/pydicom/", "/data_modelling/inference/")

Step = tuple[str, int, int]  # file, and the lines from and to


def steps(data: bytes) -> set[Step]:
    """The steps that the reader takes for these bytes."""
    taken: set[Step] = set()

    def called(frame: FrameType, _event: str, _argument: Any) -> Any:
        file = frame.f_code.co_filename
        if not any(folder in file for folder in WATCHED):
            return None
        before = 0

        def stepped(inner: FrameType, _event: str, _argument: Any) -> Any:
            nonlocal before
            taken.add((file, before, inner.f_lineno))
            before = inner.f_lineno
            return stepped

        return stepped

    earlier = sys.gettrace()
    sys.settrace(called)
    try:
        read(data)
    finally:
        sys.settrace(earlier)
    return taken


def chosen(files: Iterable[bytes]) -> list[bytes]:
    """The files that are kept, the smallest first."""
    kept, reached = [], set()
    for data in sorted(set(files), key=lambda data: (len(data), data)):
        new = steps(data) - reached
        if new:
            kept.append(data)
            reached |= new
    return kept


def main() -> None:
    """Replace the corpus."""
    for seed in seeds().values():
        read(seed)  # the first file of a kind also runs what is run once in a process
    old = [path for folder in (CORPUS, FOUND) if folder.is_dir() for path in folder.iterdir()]
    kept = chosen([*seeds().values(), *(path.read_bytes() for path in old)])
    for path in CORPUS.iterdir():
        path.unlink()
    for data in kept:
        Path(CORPUS, sha256(data).hexdigest()[:16]).write_bytes(data)
    print(f"{len(kept)} files of {sum(map(len, kept)):,} bytes, of {len(old):,}")


if __name__ == "__main__":
    main()
