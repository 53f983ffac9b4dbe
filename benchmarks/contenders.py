"""Run one of the servers that a benchmark compares (a contender), and measure its processor time and memory."""

import os
import signal
import socket
import subprocess  # nosec B404  # starts what is measured
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.load_generator import photo_request, run_load
from benchmarks.photos import PhotoKind
from tools.serving import ROOT

BUNDLE = ROOT / "DATA" / "models" / "ham10000"
START_SECONDS = 120


class MeasurementError(Exception):
    """Report a contender that cannot be measured; the text says why."""


@dataclass(frozen=True)
class MeasuredServer:
    """Hold a running server.

    url: without a slash at the end. process: the first process. started: milliseconds from start to first answer.
    """

    url: str
    process: subprocess.Popen[bytes]
    started: float

    @property
    def workers(self) -> list[psutil.Process]:
        """Return all processes except the first; in our own server these are the workers."""
        return psutil.Process(self.process.pid).children(recursive=True)

    def total(self, measure: Callable[[psutil.Process], float]) -> float:
        """Return the sum of a measure over all running processes of the server."""
        values = []
        for process in (psutil.Process(self.process.pid), *self.workers):
            with suppress(psutil.Error):
                values.append(measure(process))
        return sum(values)

    def cpu(self) -> float:
        """Return the seconds of processor time of all running processes, and of their children that have ended."""
        return self.total(lambda process: sum(process.cpu_times()[:4]))

    def memory(self) -> float:
        """Return the memory of all processes in MB of 2**20 bytes, as PSS: shared memory is divided among its users."""
        return self.total(lambda process: process.memory_full_info().pss / 2**20)


def free_port() -> int:
    """Return a port on which no process listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


def wait_for_answer(url: str, request: bytes, process: subprocess.Popen[bytes] | None = None) -> int:
    """Send the request, each time on a new connection, until the answer is 200; return how many attempts failed.

    Raises MeasurementError after START_SECONDS, and when the process has ended.
    """
    until = time.monotonic() + START_SECONDS
    lost = 0
    while True:
        with suppress(ConnectionError):  # no process listens yet
            if run_load(url, [request], 1, count=1).statuses[200]:
                return lost
        if process is not None and process.poll() is not None:
            raise MeasurementError("it did not start")
        if time.monotonic() > until:
            raise MeasurementError(f"it did not answer within {START_SECONDS} s")
        lost += 1
        time.sleep(0.005)


@dataclass(frozen=True)
class Contender:
    """Describe a server that can be started. arguments: those of `python`. path: the URL path that takes photos."""

    name: str
    arguments: tuple[str, ...]
    path: str = "/api/v1/predictions"

    def request(self, kind: PhotoKind, data: bytes, **fields: str) -> bytes:
        """Return the bytes of the HTTP request that sends a photo and the other fields of the form."""
        return photo_request(self.path, data, kind.media_type, **fields)

    @contextmanager
    def running(self, request: bytes, log: Path) -> Iterator[MeasuredServer]:
        """Start the server on a free port, wait for its answer to `request`, and stop it at the end of the block.

        Raises MeasurementError with the last line of the server's log if the server does not answer.
        """
        port = free_port()
        environment = {**os.environ, "PORT": str(port), "HOST": "127.0.0.1", "RATE_LIMIT": "off"}
        command = [sys.executable, *self.arguments]
        with log.open("wb") as out:
            started = time.perf_counter()
            process = subprocess.Popen(  # nosec B603  # our own list of contenders
                command, cwd=ROOT, env=environment, stdout=out, stderr=out, process_group=0
            )
            try:
                url = f"http://127.0.0.1:{port}"
                try:
                    wait_for_answer(url, request, process)
                except MeasurementError as error:
                    last_line = log.read_text(errors="replace").strip().rpartition("\n")[2]
                    raise MeasurementError(f"{error}: {last_line or 'it said nothing'}") from None
                yield MeasuredServer(url, process, 1000 * (time.perf_counter() - started))
            finally:
                process.terminate()
                try:
                    process.wait(20)
                except subprocess.TimeoutExpired:
                    os.killpg(process.pid, signal.SIGKILL)
                    process.wait()


OURS = Contender("ours", ("-m", "app"))
KERAS = Contender("Flask + model.predict", ("-m", "benchmarks.flask_server", str(BUNDLE)), "/predict")
EMPTY_ENDPOINT = Contender("an endpoint that does nothing", ("-m", "benchmarks.empty_endpoint"))
CONTENDERS = (OURS, KERAS, EMPTY_ENDPOINT)
