"""The cache of decoded photos: each photo is decoded once into one uint8 file that training reads from disk."""

import hashlib
import json
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import PIL
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.formats import stored_photo
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.files.atomic_files import atomic_write, write_json
from data_modelling.inference.photo import reader


@dataclass(frozen=True)
class DecodedPhotos:
    """Hold the decoded photos of a table.

    pixels: (N, edge, edge, 3) uint8, memory-mapped. broken: why photos do not decode, by image_id; their pixels are zero.
    """

    pixels: NDArray[np.uint8]
    broken: dict[str, str]


def decode_photos(table: pd.DataFrame, edge: int, folder: Path) -> DecodedPhotos:
    """Return the table's photos at `edge` pixels, row by row, from the file in `folder` or decoded again.

    They are decoded again if the edge, the reader, numpy, Pillow or a photo (path, size, time of change) differs from the note
    beside the file. The function shows its progress. An interruption leaves no incomplete file.
    """
    pixels, note = folder / "photos.npy", folder / "photos.json"
    key = _key(table, edge)
    if not (pixels.exists() and note.exists() and json.loads(note.read_text())["key"] == key):
        note.unlink(missing_ok=True)
        broken = _decode(table, edge, pixels)
        write_json(note, {"key": key, "broken": broken})
    return DecodedPhotos(np.load(pixels, mmap_mode="r"), json.loads(note.read_text())["broken"])


def _key(table: pd.DataFrame, edge: int) -> str:
    """Return a hash of everything that the decoded pixels depend on."""
    digest = hashlib.sha256()
    # All modules of the reader's folder, because colours and DICOM pixels have their own modules.
    for module in sorted(Path(reader.__file__).parent.glob("*.py")):
        digest.update(module.read_bytes())
    digest.update(f"{np.__version__} {PIL.__version__} {edge}".encode())
    for path in table["path"]:
        digest.update(stored_photo.photo_fingerprint(path).encode())
    return digest.hexdigest()


def _decode(table: pd.DataFrame, edge: int, target: Path) -> dict[str, str]:
    broken = {}

    def read(path: str) -> NDArray[np.uint8] | str:
        try:
            return stored_photo.read_pixels(path, edge)
        except PhotoError as error:
            return str(error)

    with atomic_write(target) as temporary, ThreadPoolExecutor(usable_cores()) as pool:
        pixels = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(table), edge, edge, 3))
        results = tqdm(pool.map(read, table["path"]), "decode photos", len(table), unit=" photos")
        for row, (image_id, result) in enumerate(zip(table["image_id"], results, strict=True)):
            if isinstance(result, str):
                broken[image_id] = result
            else:
                pixels[row] = result
        pixels.flush()
    return broken
