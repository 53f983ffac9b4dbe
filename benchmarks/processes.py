"""Run a server and measure the processor time and memory of its processes."""

import os
import re
import signal
import socket
import subprocess  # nosec B404  # starts what is measured
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.load_generator import run_load
from tools.serving import ROOT

START_SECONDS = 120
PROC = Path("/proc")


class MeasurementError(Exception):
    """Report a contender that cannot be measured; the text says why."""


@dataclass(frozen=True)
class MeasuredServer:
    """Hold a running server.

    url: without a slash at the end. process: the first of its processes. started: milliseconds to the first answer.
    """

    url: str
    process: subprocess.Popen[bytes]
    started: float

    @property
    def processes(self) -> list[int]:
        """Return the ids of all its processes."""
        return process_tree(self.process.pid)

    @property
    def workers(self) -> list[int]:
        """Return the answering processes of our own server: all except the supervisor."""
        return self.processes[1:]

    def cpu(self) -> float:
        """Return the seconds of processor time that its processes have used."""
        return sum(cpu_seconds(process) for process in self.processes)

    def memory(self) -> float:
        """Return the megabytes that its processes hold: private memory, and their part of shared memory (PSS)."""
        return sum(pss_megabytes(process) for process in self.processes)


def free_port() -> int:
    """Return a port on which no process listens at the moment."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])


@contextmanager
def run_server(
    command: Sequence[str], port: int, environment: Mapping[str, str], request: bytes, log: Path
) -> Iterator[MeasuredServer]:
    """Run a server from its start to its first answer to `request`; stop it at the end of the block."""
    with log.open("wb") as out:
        started_at = time.perf_counter()
        process = subprocess.Popen(  # nosec B603  # our own list of contenders
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
            process_group=0,
        )
        try:
            _wait_for_port(port, process, log)
            url = f"http://127.0.0.1:{port}"
            try:
                wait_for_answer(url, request)
            except MeasurementError as error:
                raise MeasurementError(f"{error}: {_last_line(log)}") from None
            started = 1000 * (time.perf_counter() - started_at)
            yield MeasuredServer(url, process, started)
        finally:
            _stop(process)


def _wait_for_port(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Wait until a process listens on the port."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise MeasurementError(f"it did not start: {_last_line(log)}") from None
            time.sleep(0.005)
        else:
            return


def wait_for_answer(url: str, request: bytes) -> int:
    """Send the request on new connections until the answer is 200; return how many connections failed before it.

    Raises MeasurementError after START_SECONDS.
    """
    until = time.monotonic() + START_SECONDS
    lost = 0
    while not _is_answered(url, request):
        if time.monotonic() > until:
            raise MeasurementError(f"it did not answer within {START_SECONDS} s")
        lost += 1
        time.sleep(0.005)
    return lost


def _is_answered(url: str, request: bytes) -> bool:
    try:
        return run_load(url, [request], 1, START_SECONDS, count=1).statuses[200] == 1
    except ConnectionError:  # refused
        return False


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(20)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def process_tree(process: int) -> list[int]:
    """Return a process and all running processes that it started."""
    return [process, *(child.pid for child in psutil.Process(process).children(recursive=True))]


def cpu_seconds(process: int) -> float:
    """Return the processor time of one process, in user and system mode, with children that have ended."""
    try:
        return sum(psutil.Process(process).cpu_times()[:4])
    except psutil.Error:
        return 0.0


def pss_megabytes(process: int) -> float:
    """Return the megabytes of one process; shared memory is divided among its users."""
    try:
        return float(psutil.Process(process).memory_full_info().pss) / 2**20
    except psutil.Error:
        return 0.0


def status_megabytes(process: int, name: str) -> float:
    """Return a size in a process's status, such as VmRSS, in megabytes; 0 if it has ended."""
    try:
        text = (PROC / str(process) / "status").read_text()
    except OSError:
        return 0.0
    match = re.search(rf"{name}:\s+(\d+) kB", text)
    return int(match[1]) / 1024 if match else 0.0
