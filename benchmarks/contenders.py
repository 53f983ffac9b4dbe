"""List the compared servers."""

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load_generator import photo_request
from benchmarks.photos import PhotoKind
from benchmarks.processes import MeasuredServer, free_port, run_server
from tools.serving import ROOT

OURS = "ours"
KERAS_PREDICT, KERAS_CALL = "Flask + model.predict", "Flask + model(x)"
BUNDLE = ROOT / "DATA" / "models" / "ham10000"
API = "/api/v1/predictions"


@dataclass(frozen=True)
class Contender:
    """Describe a server that is measured.

    command: from a port. path: of the request.
    """

    name: str
    command: Callable[[int], list[str]]
    path: str = API

    def request(self, kind: PhotoKind, data: bytes, **fields: str) -> bytes:
        """Return the whole request that sends the server a photo."""
        return photo_request(self.path, data, kind.media_type, **fields)

    @contextmanager
    def running(self, request: bytes, log: Path) -> Iterator[MeasuredServer]:
        """Start the server, and stop it at the end of the block. Raises MeasurementError."""
        port = free_port()
        settings = {"PORT": str(port), "HOST": "127.0.0.1", "RATE_LIMIT": "off"}
        with run_server(self.command(port), port, settings, request, log) as server:
            yield server


def _keras_command(how: str) -> Callable[[int], list[str]]:
    return lambda port: [sys.executable, "-m", "benchmarks.flask_servers", how, str(BUNDLE), str(port)]


CONTENDERS = (
    Contender(OURS, lambda _port: [sys.executable, "-m", "app"]),
    Contender(KERAS_PREDICT, _keras_command("predict"), "/predict"),
    Contender(KERAS_CALL, _keras_command("call"), "/predict"),
)
EMPTY_ENDPOINT = Contender(
    "an endpoint that does nothing",
    lambda _port: [sys.executable, "-m", "benchmarks.empty_endpoint"],
)
