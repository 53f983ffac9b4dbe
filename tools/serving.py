"""Run the real app in its own processes, on a free port of this machine, for tests, benchmarks and screenshots."""

import os
import subprocess  # nosec B404  # starts the app
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from threading import Thread
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
STOP_SECONDS = 10


@dataclass(frozen=True)
class AppServer:
    """Hold a running app.

    url: the app's address, without a slash at the end. log: the file with the app's standard error, complete once the
    app has stopped. process: the app's first process, or the command that runs the app.
    """

    url: str
    log: Path
    process: subprocess.Popen[str]


@contextmanager
def run_app(log: Path, environment: Mapping[str, str], prefix: Sequence[str] = ()) -> Iterator[AppServer]:
    """Run `python -m app` during a `with` block, without a rate limit. `environment` adds or replaces variables.

    prefix: a command that runs the app, such as strace. Raises RuntimeError with the app's log if the start fails.
    """
    settings = {"PORT": "0", "HOST": "127.0.0.1", "RATE_LIMIT": "off"}
    process = subprocess.Popen(  # nosec B603  # a list of arguments, no shell
        [*prefix, sys.executable, "-m", "app"],
        cwd=ROOT,
        env={**os.environ, **settings, **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None  # nosec B101  # for the type checker
    assert process.stderr is not None  # nosec B101  # for the type checker
    # The caller's process, not the app, writes the log, so that a test can forbid the app to write any file.
    log_copy = Thread(target=_copy, args=(process.stderr, log), daemon=True)
    log_copy.start()
    try:
        first_line = process.stdout.readline()  # returns at the latest when the process ends
        if "http://" not in first_line:
            log_copy.join(STOP_SECONDS)
            raise RuntimeError(f"the app did not start: {log.read_text()}")
        yield AppServer(first_line.split()[2], log, process)
    finally:
        process.terminate()
        process.wait(STOP_SECONDS)
        log_copy.join(STOP_SECONDS)
        process.stdout.close()
        process.stderr.close()


def _copy(lines: IO[str], log: Path) -> None:
    with log.open("w", buffering=1) as file:
        for line in lines:
            file.write(line)
