"""All photos of a table, decoded once into one uint8 file that training reads from disk."""

import hashlib
import json
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets import stored
from data_modelling.inference import photos
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.files import replaced_when_whole


@dataclass(frozen=True)
class Photos:
    """pixels: (N, edge, edge, 3) uint8, memory-mapped. broken: reason by image_id; their pixels are zero."""

    pixels: NDArray[np.uint8]
    broken: dict[str, str]


def decoded(table: pd.DataFrame, edge: int, folder: Path) -> Photos:
    """The table's photos at `edge` pixels, row by row, from `folder` or made anew.

    Made anew when a setting, the reader or a photo (path, size, time of change) differs from what the
    file beside it says. Shows progress; an interruption leaves nothing half-written.
    """
    pixels, facts = folder / "photos.npy", folder / "photos.json"
    key = _key(table, edge)
    if not (pixels.exists() and facts.exists() and json.loads(facts.read_text())["key"] == key):
        facts.unlink(missing_ok=True)
        broken = _decode(table, edge, pixels)
        with replaced_when_whole(facts) as temporary:
            temporary.write_text(json.dumps({"key": key, "broken": broken}))
    broken = json.loads(facts.read_text())["broken"]
    return Photos(np.load(pixels, mmap_mode="r"), broken)


def _key(table: pd.DataFrame, edge: int) -> str:
    """A hash of all that the decoded pixels depend on."""
    digest = hashlib.sha256(Path(photos.__file__).read_bytes())
    digest.update(f"{np.__version__} {photos.Image.__version__} {edge}".encode())
    for path in table["path"]:
        digest.update(stored.state(path).encode())
    return digest.hexdigest()


def _decode(table: pd.DataFrame, edge: int, target: Path) -> dict[str, str]:
    broken = {}
    with replaced_when_whole(target) as temporary:
        pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(table), edge, edge, 3))
        with ThreadPoolExecutor() as pool:
            rows = pool.map(lambda path: _read(path, edge), table["path"])
            for row, (image_id, result) in enumerate(
                zip(table["image_id"], _bar(rows, len(table)), strict=True)
            ):
                if isinstance(result, str):
                    broken[image_id] = result
                else:
                    pixels[row] = result
        pixels.flush()
    return broken


def _read(path: str, edge: int) -> NDArray[np.uint8] | str:
    try:
        return stored.read_pixels(path, edge)
    except PhotoError as error:
        return str(error)


def _bar(rows: Iterable[NDArray[np.uint8] | str], total: int) -> Iterator[NDArray[np.uint8] | str]:
    yield from tqdm(rows, "decode photos", total, unit=" photos")
