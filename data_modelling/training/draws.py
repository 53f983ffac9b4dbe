"""What a batch's photos and details are changed by: drawn with numpy alone, applied in training.augmentation."""

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.details import COLUMNS, Details, encode
from data_modelling.settings import AugmentationSettings

Floats = NDArray[np.float32]

MID_GREY = 127.5


def draw_warps(rng: np.random.Generator, count: int, edge: int, settings: AugmentationSettings) -> Floats:
    """Affine maps from output to input pixels, (count, 8) as keras.ops.image.affine_transform takes them.

    Flips, rotation, zoom, stretch and shift, about the centre of the photo.
    """
    angle = np.deg2rad(rng.uniform(-settings.rotation, settings.rotation, count))
    zoom = _factor(rng, settings.scale, count)
    stretch = np.sqrt(_factor(rng, settings.stretch, count))
    signs = rng.choice((-1.0, 1.0), (count, 2)) if settings.flip else np.ones((count, 2))
    shift = rng.uniform(-settings.shift, settings.shift, (count, 2)) * edge
    x_scale, y_scale = signs[:, 0] * zoom * stretch, signs[:, 1] * zoom / stretch
    a, b = np.cos(angle) * x_scale, -np.sin(angle) * y_scale
    c, d = np.sin(angle) * x_scale, np.cos(angle) * y_scale
    centre = (edge - 1) / 2
    x0 = centre - a * centre - b * centre + shift[:, 0]
    y0 = centre - c * centre - d * centre + shift[:, 1]
    zero = np.zeros(count)
    return np.stack([a, b, x0, c, d, y0, zero, zero], axis=1).astype(np.float32)


def draw_colours(rng: np.random.Generator, count: int, settings: AugmentationSettings) -> Floats:
    """Colour maps (count, 3, 4): new RGB = map[:, :, :3] @ RGB + map[:, :, 3], values 0-255.

    Contrast about mid-grey, saturation about the photo's grey, a gain a channel, brightness.
    """
    contrast = _factor(rng, settings.contrast, count)
    saturation = _factor(rng, settings.saturation, count)[:, None, None]
    gain = _factor(rng, settings.colour, (count, 3))
    brightness = rng.uniform(-settings.brightness, settings.brightness, count) * 255
    matrix = saturation * np.eye(3) + (1 - saturation) / 3
    matrix = matrix * gain[:, :, None] * contrast[:, None, None]
    offset = np.repeat((MID_GREY * (1 - contrast) + brightness)[:, None], 3, axis=1)
    return np.concatenate([matrix, offset[:, :, None]], axis=2).astype(np.float32)


def drop_details(rng: np.random.Generator, encoded: Floats, settings: AugmentationSettings) -> Floats:
    """Encoded details (N, WIDTH) of which all, or single ones, are replaced by "not known".

    Missing details are mostly nevi in HAM10000; hiding known ones far more often than they are missing
    keeps "not known" from saying nevus, and makes the network answer well for a photo alone.
    """
    unknown = encode(Details())
    whole = rng.random(len(encoded)) < settings.drop_details
    dropped = encoded.copy()
    for columns in COLUMNS.values():
        hidden = whole | (rng.random(len(encoded)) < settings.drop_detail)
        dropped[hidden, columns] = unknown[columns]
    return dropped


def _factor(rng: np.random.Generator, largest: float, shape: int | tuple[int, ...]) -> NDArray[np.float64]:
    """Factors from 1/largest to largest, even on a log scale."""
    return np.exp(rng.uniform(-1, 1, shape) * np.log(largest))
