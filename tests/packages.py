"""What tests need and the repository must not carry: files of PyPI packages, by hash, fetched once with pip."""

import hashlib
import subprocess  # nosec B404  # to call pip
import sys
from dataclasses import dataclass
from pathlib import Path

from tools.serving import ROOT

FOLDER = ROOT / ".cache" / "packages"
PIP = [sys.executable, "-m", "pip"]
PATIENCE = 300  # seconds for one download


class NotFetched(Exception):
    """The package is not there; the text is one sentence that says why."""


@dataclass(frozen=True)
class Package:
    """A pinned file of a package. options: of `pip download`, to choose between its source and its wheel."""

    requirement: str
    file: str
    sha256: str
    options: tuple[str, ...] = ()


# Pillow's source package has its test images. The other carries axe-core 4.12.1 (MPL-2.0), a single script.
PILLOW = Package(
    "pillow==13.0.0",
    "pillow-13.0.0.tar.gz",
    "cdcd1ba258178f7356d74170c9a81ba4eab6a5d55748bc402a5a2a6fe6be3510",
    ("--no-binary", "pillow"),
)
AXE = Package(
    "axe-playwright-python==0.1.8",
    "axe_playwright_python-0.1.8-py3-none-any.whl",
    "fdd263c998388f1a8e67cad02677e612d946248bd44d163be5e8650ea31f95f8",
)
# The oldest pips of supported Pythons: Python 3.11.0 brings the first, Python 3.12.0 the second (as 3.11.7 does).
PIP_OF_PYTHON_311 = Package(
    "pip==22.3",
    "pip-22.3-py3-none-any.whl",
    "1daab4b8d3b97d1d763caeb01a4640a2250a0ea899e257b1e44b9eded91e15ab",
)
PIP_OF_PYTHON_312 = Package(
    "pip==23.2.1",
    "pip-23.2.1-py3-none-any.whl",
    "7ccf472345f20d35bdc9d1841ff5f313260c2c33fe417f48c30ac46cccabf5be",
)


def fetched(package: Package) -> Path:
    """The file, from an earlier run or from the registry that pip is set up with. Raises NotFetched."""
    path = FOLDER / package.file
    if not path.exists():
        _download(package)
    if hashlib.sha256(path.read_bytes()).hexdigest() != package.sha256:
        raise NotFetched(f"{path} has another SHA-256 than expected; remove it.")
    return path


def _download(package: Package) -> None:
    FOLDER.mkdir(parents=True, exist_ok=True)
    options = ["--no-deps", "--quiet", "--disable-pip-version-check", "--no-input", "--dest", str(FOLDER)]
    command = [*PIP, "download", *options, *package.options, package.requirement]
    try:
        done = subprocess.run(  # nosec B603  # a list of arguments, no shell
            command, capture_output=True, text=True, check=False, timeout=PATIENCE
        )
    except subprocess.TimeoutExpired as error:
        raise NotFetched(f"{package.requirement} did not arrive within {PATIENCE} s.") from error
    if not (FOLDER / package.file).exists():
        last = (done.stderr.strip().splitlines() or ["pip said nothing"])[-1]
        raise NotFetched(f"{package.requirement} cannot be fetched: {last}")
