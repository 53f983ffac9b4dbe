"""Who is compared, and the environments of those that need their own."""

import os
import subprocess  # nosec B404  # to call venv and pip
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks.load import photo_request
from benchmarks.photos import Kind
from benchmarks.processes import NotMeasured, Running, free_port, running
from tools.serving import ROOT

OURS, PREDICT, CALL, SKLESION = "ours", "Flask + model.predict", "Flask + model(x)", "Flask + sklesion"
BUNDLE = ROOT / "DATA" / "models" / "ham10000"
API = "/api/v1/predictions"
# What the environments of their own hold, beside what is named.
SERVERS = ("-r", "app/requirements.txt", "gunicorn>=25,<26", "granian>=2,<3")
SKLESION_PACKAGES = ("sklesion==0.2.2", "flask>=3.1,<4", "waitress>=3.0.1,<4")


@dataclass(frozen=True)
class Contender:
    """command: from python's path and a port. path: of the request. packages: of its own environment, if it has one."""

    name: str
    command: Callable[[str, int], list[str]]
    path: str = API
    environment: str = ""
    packages: tuple[str, ...] = ()
    settings: Mapping[str, str] = field(default_factory=dict)

    def python(self) -> str:
        """The interpreter to run it with, its environment made if need be. Raises NotMeasured."""
        return made_environment(self.environment, self.packages) if self.environment else sys.executable

    def request(self, kind: Kind, data: bytes, **fields: str) -> bytes:
        """The whole request that sends it a photo."""
        return photo_request(self.path, data, kind.media_type, **fields)

    @contextmanager
    def running(self, request: bytes, log: Path) -> Iterator[Running]:
        """Started, and stopped at the end of the block. Raises NotMeasured."""
        port = free_port()
        settings = {"PORT": str(port), "HOST": "127.0.0.1", "RATE_LIMIT": "off", **self.settings}
        with running(self.command(self.python(), port), port, settings, request, log) as found:
            yield found


def made_environment(name: str, packages: tuple[str, ...]) -> str:
    """The python of an environment beside the project's own, made the first time. Raises NotMeasured."""
    folder = ROOT / ".venv" / name
    python, stamp = folder / "bin" / "python", folder / "made-from.txt"
    wanted = " ".join(packages)
    if not (stamp.exists() and stamp.read_text() == wanted):
        print(f"Making {folder} (needs the network, the first time for some minutes)", flush=True)
        pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check", *packages]
        for command in ([sys.executable, "-m", "venv", str(folder)], pip):
            done = subprocess.run(  # nosec B603  # our own list of packages
                command, cwd=ROOT, capture_output=True, text=True, check=False
            )
            if done.returncode:
                last = (done.stderr.strip().splitlines() or ["no reason was given"])[-1]
                raise NotMeasured(f"its environment could not be made: {last}")
        stamp.write_text(wanted)
    return str(python)


def version_of(contender: Contender, package: str) -> str:
    """The version of a package in a contender's environment; empty where it is not."""
    code = f"from importlib.metadata import version; print(version({package!r}))"
    done = subprocess.run(  # nosec B603  # our own line of code
        [contender.python(), "-c", code], cwd=ROOT, capture_output=True, text=True, check=False
    )
    return done.stdout.strip()


def _field(how: str) -> Callable[[str, int], list[str]]:
    return lambda python, port: [python, "-m", "benchmarks.field", how, str(BUNDLE), str(port)]


def _gunicorn(processes: int, threads: int) -> Callable[[str, int], list[str]]:
    options = ["--workers", str(processes), "--threads", str(threads), "--worker-class", "gthread"]
    return lambda python, port: [
        *(python, "-m", "gunicorn", "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
        *(*options, "benchmarks.wsgi:application"),
    ]


def _granian(processes: int, threads: int) -> Callable[[str, int], list[str]]:
    options = ["--workers", str(processes), "--blocking-threads", str(threads), "--interface", "wsgi"]
    return lambda python, port: [
        *(python, "-m", "granian", "--host", "127.0.0.1", "--port", str(port), "--log-level", "error"),
        *(*options, "benchmarks.wsgi:application"),
    ]


CORES = os.cpu_count() or 1
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1"}
FIELD = (
    Contender(OURS, lambda python, _port: [python, "-m", "app"]),
    Contender(PREDICT, _field("predict"), "/predict"),
    Contender(CALL, _field("call"), "/predict"),
    Contender(
        SKLESION,
        lambda python, port: [python, str(ROOT / "benchmarks" / "field.py"), "sklesion", "-", str(port)],
        "/predict",
        "bench-sklesion",
        SKLESION_PACKAGES,
    ),
)
# The same app in one process, and behind other servers, in as many processes as there are cores, or in one with as many
# threads.
OTHER_SERVERS = (
    Contender(
        f"{OURS}, 1 process",
        lambda python, _port: [python, "-m", "app"],
        settings={"PROCESSES": "1"},
    ),
    *(
        Contender(
            f"{name}, {words}", command, environment="bench-servers", packages=SERVERS, settings=ONE_THREAD
        )
        for name, command, words in (
            ("gunicorn", _gunicorn(CORES, 2), f"{CORES} processes of 2 threads"),
            ("gunicorn", _gunicorn(1, CORES), f"1 process of {CORES} threads"),
            ("granian", _granian(CORES, 1), f"{CORES} processes of 1 thread"),
            ("granian", _granian(1, CORES), f"1 process of {CORES} threads"),
        )
    ),
)
EMPTY = Contender(
    "an endpoint that does nothing",
    lambda python, port: [python, "-m", "benchmarks.empty", str(port)],
    settings=ONE_THREAD,
)
