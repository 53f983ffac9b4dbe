"""List the compared servers."""

from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load_generator import photo_request
from benchmarks.photos import PhotoKind
from benchmarks.processes import MeasuredServer, run_server
from tools.serving import ROOT

BUNDLE = ROOT / "DATA" / "models" / "ham10000"


@dataclass(frozen=True)
class Contender:
    """Describe a server that is measured.

    arguments: of Python; PORT is in its environment. path: of the request.
    """

    name: str
    arguments: tuple[str, ...]
    path: str = "/api/v1/predictions"

    def request(self, kind: PhotoKind, data: bytes, **fields: str) -> bytes:
        """Return the whole request that sends the server a photo."""
        return photo_request(self.path, data, kind.media_type, **fields)

    def running(self, request: bytes, log: Path) -> AbstractContextManager[MeasuredServer]:
        """Start the server, and stop it at the end of the block. Raises MeasurementError."""
        return run_server(self.arguments, request, log)


OURS = Contender("ours", ("-m", "app"))
KERAS = Contender("Flask + model.predict", ("-m", "benchmarks.flask_server", str(BUNDLE)), "/predict")
EMPTY_ENDPOINT = Contender("an endpoint that does nothing", ("-m", "benchmarks.empty_endpoint"))
CONTENDERS = (OURS, KERAS, EMPTY_ENDPOINT)
