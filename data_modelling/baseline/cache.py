"""The features of all photos, computed once, block by block, so that an interruption loses one block."""

import hashlib
import json
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.baseline import features, outline
from data_modelling.inference import heatmap
from data_modelling.inference.files import replaced_when_whole

BLOCK = 500  # photos


def cached_features(pixels: NDArray[np.uint8], folder: Path) -> tuple[NDArray[np.float32], float]:
    """Features (N, len(NAMES)) of photos (N, edge, edge, 3), and the seconds of processor time that they took.

    From `folder`, where it holds them for these very pixels and this very code; what is missing is made.
    """
    noted, key = folder / "features.json", _key(pixels)
    if not (noted.exists() and json.loads(noted.read_text())["key"] == key):
        for stale in folder.glob("features_*.npz"):
            stale.unlink()
        with replaced_when_whole(noted) as temporary:
            temporary.write_text(json.dumps({"key": key}))
    blocks = []
    with tqdm(total=len(pixels), desc="features", unit=" photos") as bar:
        for start in range(0, len(pixels), BLOCK):
            blocks.append(_block(pixels[start : start + BLOCK], folder / f"features_{start:06}.npz"))
            bar.update(len(blocks[-1][0]))
    return np.concatenate([rows for rows, _ in blocks]), sum(seconds for _, seconds in blocks)


def _block(pixels: NDArray[np.uint8], path: Path) -> tuple[NDArray[np.float32], float]:
    if not path.exists():
        started = time.process_time()
        rows = np.stack([features.features(photo) for photo in pixels])
        seconds = time.process_time() - started
        with replaced_when_whole(path) as temporary, temporary.open("wb") as file:
            np.savez(file, rows=rows, seconds=seconds)
    with np.load(path) as saved:
        return saved["rows"], float(saved["seconds"])


def _key(pixels: NDArray[np.uint8]) -> str:
    """A hash of all that the features depend on."""
    digest = hashlib.sha256(np.__version__.encode())
    for module in (features, outline, heatmap):
        digest.update(Path(str(module.__file__)).read_bytes())
    for start in range(0, len(pixels), BLOCK):
        digest.update(np.ascontiguousarray(pixels[start : start + BLOCK]))
    return digest.hexdigest()
