"""The training's random changes, applied to single photos with numpy: what training.augmentation does in Keras."""

import numpy as np
from numpy.typing import NDArray

from data_modelling.settings import AugmentationSettings
from data_modelling.training.draws import draw_colours, draw_warps

SEED = 3


def changed_photos(
    photo: NDArray[np.uint8], count: int, settings: AugmentationSettings, seed: int = SEED
) -> NDArray[np.uint8]:
    """`count` photos (count, edge, edge, 3), as the network may see `photo` (edge, edge, 3) in training."""
    rng = np.random.default_rng(seed)
    warps = draw_warps(rng, count, len(photo), settings)
    colours = draw_colours(rng, count, settings)
    changed = [recoloured(warped(photo, warp), colour) for warp, colour in zip(warps, colours, strict=True)]
    return np.stack(changed).round().astype(np.uint8)


def warped(photo: NDArray[np.uint8], warp: NDArray[np.float32]) -> NDArray[np.float64]:
    """The photo under a map from output to input pixels, bilinear, mirrored at its edges."""
    edge = len(photo)
    rows, columns = np.mgrid[:edge, :edge]
    x = warp[0] * columns + warp[1] * rows + warp[2]
    y = warp[3] * columns + warp[4] * rows + warp[5]
    left, top = np.floor(x).astype(int), np.floor(y).astype(int)
    right_share, lower_share = (x - left)[..., None], (y - top)[..., None]
    upper = _at(photo, top, left) * (1 - right_share) + _at(photo, top, left + 1) * right_share
    lower = _at(photo, top + 1, left) * (1 - right_share) + _at(photo, top + 1, left + 1) * right_share
    return upper * (1 - lower_share) + lower * lower_share


def _at(photo: NDArray[np.uint8], rows: NDArray[np.int64], columns: NDArray[np.int64]) -> NDArray[np.uint8]:
    return photo[_mirrored(rows, len(photo)), _mirrored(columns, len(photo))]


def _mirrored(indices: NDArray[np.int64], edge: int) -> NDArray[np.int64]:
    """Indices beyond the edges, mirrored back: ... 1 0 | 0 1 2 | 2 1 ..."""
    around = indices % (2 * edge)
    return np.minimum(around, 2 * edge - 1 - around)


def recoloured(pixels: NDArray[np.float64], colour: NDArray[np.float32]) -> NDArray[np.float64]:
    """Pixels (edge, edge, 3) under a colour map (3, 4), cut to 0-255."""
    return (pixels @ colour[:, :3].T + colour[:, 3]).clip(0, 255)
