"""Lesion outlines: read as the photos are, and as a second target of training that the saved network does not have."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from keras import ops
from numpy.typing import NDArray
from PIL import Image
from tqdm import tqdm

from data_modelling.datasets import stored
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.photos import read_photo

LESION = 255  # value of a pixel within the outline; a photo without a known outline has 0 everywhere


def read_outline(path: str, photo: str, edge: int) -> NDArray[np.bool_]:
    """The outline as the network's photo reader sees it: (edge, edge), true where half a pixel is lesion.

    Raises InputError when the file is broken, or not of the size of the photo that it belongs to.
    """
    try:
        found = read_photo(Path(path).read_bytes(), edge)[..., 0] >= 128
        with Image.open(path) as outline, Image.open(photo) as of_photo:
            sizes = outline.size, of_photo.size
    except PhotoError as error:
        raise InputError(f"{path}: {error}") from error
    if sizes[0] != sizes[1]:
        raise InputError(
            f"{path} has {sizes[0][0]} x {sizes[0][1]} pixels and its photo {sizes[1][0]} x {sizes[1][1]}: it is not "
            "that photo's outline; get both from the same source."
        )
    return np.asarray(found)


def outlines_of(
    table: pd.DataFrame, outlines: Mapping[str, str], edge: int, folder: Path
) -> NDArray[np.uint8]:
    """The outlines of a table's photos, (N, edge, edge), memory-mapped: LESION within, else 0.

    outlines: path by image id. Kept in `folder`, and made anew when a file is other than what is noted beside them.
    Raises InputError as read_outline does.
    """
    pixels, facts = folder / "outlines.npy", folder / "outlines.json"
    known = [outlines.get(image_id, "") for image_id in table["image_id"]]
    states = "\n".join(path and stored.state(path) for path in known)
    key = hashlib.sha256(f"{edge}\n{states}".encode()).hexdigest()
    if not (pixels.exists() and facts.exists() and json.loads(facts.read_text())["key"] == key):
        facts.unlink(missing_ok=True)
        with replaced_when_whole(pixels) as temporary:
            drawn = np.lib.format.open_memmap(temporary, "w+", np.uint8, (len(table), edge, edge))
            pairs = zip(known, table["path"], strict=True)
            for row, (path, photo) in enumerate(tqdm(pairs, "read outlines", len(known), unit=" photos")):
                if path:
                    drawn[row] = LESION * read_outline(path, photo, edge)
            drawn.flush()
        with replaced_when_whole(facts) as temporary:
            temporary.write_text(json.dumps({"key": key}))
    return np.asarray(np.load(pixels, mmap_mode="r"))


class OutlineTask:
    """Where the lesion is, told from the feature map by one convolution: `share` of it is added to the loss.

    channels: of the feature map.
    """

    def __init__(self, channels: int, share: float) -> None:
        self.head = keras.layers.Conv2D(1, 1, dtype="float32", name="outline")
        self.head.build((None, None, None, channels))
        self.share = share

    def loss(self, feature_map: Any, outline: Any) -> Any:
        """`share` times the mean cross entropy over the map's cells, of the photos whose outline is known.

        feature_map: (N, h, w, C). outline: (N, H, W, 1), 0 to LESION; a cell's target is its mean there.
        """
        cell = outline.shape[1] // feature_map.shape[1]
        cells = ops.average_pool(outline / LESION, cell, cell)
        known = ops.cast(ops.max(outline, axis=(1, 2, 3)) > 0, "float32")
        logits = self.head(feature_map)
        cross_entropy = ops.mean(ops.softplus(logits) - cells * logits, axis=(1, 2, 3))
        return self.share * ops.sum(known * cross_entropy) / ops.maximum(ops.sum(known), 1.0)
