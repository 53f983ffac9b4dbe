"""A server under measurement: its processes, what they cost and hold."""

import os
import re
import signal
import socket
import subprocess  # nosec B404  # to start what is measured
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load import load
from tools.serving import ROOT

START_SECONDS = 120
PROC = Path("/proc")


class NotMeasured(Exception):
    """A contender that cannot be measured; the text says why."""


@dataclass(frozen=True)
class Running:
    """url: without a slash at the end. process: the first of its processes. started: milliseconds to the first answer."""

    url: str
    process: subprocess.Popen[bytes]
    started: float

    @property
    def processes(self) -> list[int]:
        """The ids of all its processes."""
        return family(self.process.pid)

    @property
    def workers(self) -> list[int]:
        """Those of our own server that answer: all but the one that keeps them."""
        return self.processes[1:]

    def cpu(self) -> float:
        """Seconds of processor time that they have used."""
        return sum(cpu_seconds(one) for one in self.processes)

    def memory(self) -> float:
        """Megabytes that they hold: private ones, and their part of shared ones (PSS)."""
        return sum(pss(one) for one in self.processes)


def free_port() -> int:
    """A port that nobody listens on just now."""
    with socket.create_server(("127.0.0.1", 0)) as found:
        return int(found.getsockname()[1])


@contextmanager
def running(
    command: Sequence[str], port: int, environment: Mapping[str, str], request: bytes, log: Path
) -> Iterator[Running]:
    """A server, from its start to its first answer to `request`; stopped at the end of the block."""
    with log.open("wb") as out:
        begun = time.perf_counter()
        process = subprocess.Popen(  # nosec B603  # our own list of contenders
            command,
            cwd=ROOT,
            env={**os.environ, **environment},
            stdout=out,
            stderr=out,
            process_group=0,
        )
        try:
            _wait(port, process, log)
            url = f"http://127.0.0.1:{port}"
            try:
                until_answered(url, request)
            except NotMeasured as error:
                raise NotMeasured(f"{error}: {_last_line(log)}") from None
            started = 1000 * (time.perf_counter() - begun)
            yield Running(url, process, started)
        finally:
            _stop(process)


def _wait(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Until somebody listens."""
    until = time.monotonic() + START_SECONDS
    while True:
        try:
            socket.create_connection(("127.0.0.1", port)).close()
        except OSError:
            if process.poll() is not None or time.monotonic() > until:
                raise NotMeasured(f"it did not start: {_last_line(log)}") from None
            time.sleep(0.005)
        else:
            return


def until_answered(url: str, request: bytes) -> int:
    """Ask, each time on a new connection, until the answer is 200; how many connections got none before it.

    Raises NotMeasured when START_SECONDS were not enough.
    """
    until = time.monotonic() + START_SECONDS
    lost = 0
    while not _answers(url, request):
        if time.monotonic() > until:
            raise NotMeasured(f"it did not answer within {START_SECONDS} s")
        lost += 1
        time.sleep(0.005)
    return lost


def _answers(url: str, request: bytes) -> bool:
    try:
        return load(url, [request], 1, START_SECONDS, count=1).statuses[200] == 1
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


def family(process: int) -> list[int]:
    """A process and all that it started and that still run."""
    found = [process]
    for one in found:
        for task in (PROC / str(one) / "task").glob("*/children"):
            try:
                found += [int(child) for child in task.read_text().split()]
            except OSError:  # it has just ended
                continue
    return found


def cpu_seconds(process: int) -> float:
    """Processor time of one process, in user and system mode, with children that have ended."""
    try:
        fields = (PROC / str(process) / "stat").read_text().rpartition(")")[2].split()
    except OSError:
        return 0.0
    return sum(int(field) for field in fields[11:15]) / os.sysconf("SC_CLK_TCK")


def pss(process: int) -> float:
    """Megabytes of one process, what it shares counted in parts."""
    try:
        lines = (PROC / str(process) / "smaps_rollup").read_text().splitlines()
    except OSError:
        return 0.0
    return sum(int(line.split()[1]) for line in lines if line.startswith("Pss:")) / 1024


def status_megabytes(process: int, name: str) -> float:
    """A size in a process's status, as VmRSS, in megabytes; 0 where it has ended."""
    try:
        text = (PROC / str(process) / "status").read_text()
    except OSError:
        return 0.0
    found = re.search(rf"{name}:\s+(\d+) kB", text)
    return int(found[1]) / 1024 if found else 0.0
