"""Skin without a lesion: squares cut from HAM10000's development photos, outside the lesions' outlines."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.datasets import ham10000
from data_modelling.datasets.roots import MissingDataError, find_root
from data_modelling.datasets.split_photos import development_photos
from data_modelling.inference.photos import read_photo

OUTLINES, SUFFIX = "HAM10000_segmentations_lesion", "_segmentation.png"
SIDES = (144, 128, 112, 96)  # pixels of the square cut from a photo of 256: the largest that fits is taken
STEP = 8  # pixels between two places that are tried
SEED = 5


def skin_squares(data_root: Path | None, splits: Path, edge: int, most: int) -> NDArray[np.uint8]:
    """Squares of skin (N, edge, edge, 3) from at most `most` lesions, none of the locked test.

    Empty where the photos or their outlines are not there.
    """
    try:
        folder = find_root(data_root, ham10000.FOLDER, *ham10000.METADATA) / OUTLINES
        photos = development_photos("ham10000", data_root, splits).drop_duplicates("group_id")
    except MissingDataError:
        return np.zeros((0, edge, edge, 3), np.uint8)
    order = np.random.default_rng(SEED).permutation(len(photos))
    squares: list[NDArray[np.uint8]] = []
    for row in photos.iloc[order].itertuples():
        outline = folder / f"{row.image_id}{SUFFIX}"
        if len(squares) == most:
            break
        if not outline.is_file():
            continue
        with Image.open(outline) as image:
            lesion = np.asarray(image.convert("L")) > 0
        if place := free_square(lesion):
            top, left, side = place
            whole = read_photo(Path(str(row.path)).read_bytes(), len(lesion))
            cut = Image.fromarray(whole[top : top + side, left : left + side])
            squares.append(np.asarray(cut.resize((edge, edge), Image.Resampling.BILINEAR)))
    return np.stack(squares) if squares else np.zeros((0, edge, edge, 3), np.uint8)


def free_square(lesion: NDArray[np.bool_]) -> tuple[int, int, int] | None:
    """Top, left and side of the largest of SIDES that holds no pixel of the lesion; None where none fits."""
    area = np.pad(lesion.astype(np.int64).cumsum(axis=0).cumsum(axis=1), ((1, 0), (1, 0)))
    for side in SIDES:
        inside = area[side:, side:] - area[:-side, side:] - area[side:, :-side] + area[:-side, :-side]
        free = np.argwhere(inside[::STEP, ::STEP] == 0)
        if len(free):
            top, left = (int(value) * STEP for value in free[0])
            return top, left, side
    return None
