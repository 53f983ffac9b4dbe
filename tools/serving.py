"""The real app in a process of its own, on a free port of this machine, for tests and screenshots."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 10


@dataclass(frozen=True)
class Served:
    """url: without a slash at the end. log: what the server writes, whole once it has stopped."""

    url: str
    log: Path
    process: subprocess.Popen[str]


@contextmanager
def served(log: Path, environment: Mapping[str, str]) -> Iterator[Served]:
    """`python -m app` with its default settings but for `environment`; stopped at the end of the block.

    Raises RuntimeError with the server's own words when it does not start.
    """
    own = {"PORT": "0", "HOST": "127.0.0.1", "RATE_LIMIT": "off"}
    with log.open("w") as log_file:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"],
            cwd=ROOT,
            env={**os.environ, **own, **environment},
            stdout=subprocess.PIPE,
            stderr=log_file,
            text=True,
        )
    try:
        assert process.stdout is not None
        first = process.stdout.readline()  # ends with the process at the latest
        if "http://" not in first:
            raise RuntimeError(f"the app did not start: {log.read_text()}")
        yield Served(first.split()[2], log, process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        if process.stdout is not None:
            process.stdout.close()
