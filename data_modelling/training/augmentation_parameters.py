"""Draws the random numbers for changes of training photos, with numpy; training.augmentation applies the changes."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.details import ENCODED_COLUMNS, Details, encode_details
from data_modelling.settings import AugmentationSettings

Floats = NDArray[np.float32]

MID_GREY = 127.5
MIXUP_BETA = 0.4  # both parameters of the Beta distribution from which a blended photo's share is drawn


def draw_warps(rng: np.random.Generator, count: int, edge: int, settings: AugmentationSettings) -> Floats:
    """Return affine maps (count, 8) from output to input pixels, as keras.ops.image.affine_transform takes them.

    They flip, rotate, zoom, stretch and shift a photo about its centre.
    """
    angle = np.deg2rad(rng.uniform(-settings.rotation, settings.rotation, count))
    zoom = _draw_factors(rng, settings.scale, count)
    stretch = np.sqrt(_draw_factors(rng, settings.stretch, count))
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
    """Return colour maps (count, 3, 4): new RGB = map[:, :, :3] @ RGB + map[:, :, 3], values 0-255.

    They change contrast about mid-grey, saturation about each pixel's grey, the gain of each channel, and brightness.
    """
    contrast = _draw_factors(rng, settings.contrast, count)
    saturation = _draw_factors(rng, settings.saturation, count)[:, None, None]
    gain = _draw_factors(rng, settings.colour, (count, 3))
    brightness = rng.uniform(-settings.brightness, settings.brightness, count) * 255
    matrix = saturation * np.eye(3) + (1 - saturation) / 3
    matrix = matrix * gain[:, :, None] * contrast[:, None, None]
    offset = np.repeat((MID_GREY * (1 - contrast) + brightness)[:, None], 3, axis=1)
    return np.concatenate([matrix, offset[:, :, None]], axis=2).astype(np.float32)


def drop_details(rng: np.random.Generator, encoded: Floats, settings: AugmentationSettings) -> Floats:
    """Return encoded details (N, DETAILS_WIDTH) in which random photos have "not known" for all or some of the details.

    In HAM10000 missing details mostly mean a nevus. Known details are hidden far more often than details are missing,
    so the network does not learn that "not known" means nevus. It also learns to answer for a photo without details.
    """
    unknown = encode_details(Details())
    all_dropped = rng.random(len(encoded)) < settings.drop_details
    dropped = encoded.copy()
    for columns in ENCODED_COLUMNS.values():
        hidden_rows = all_dropped | (rng.random(len(encoded)) < settings.drop_detail)
        dropped[hidden_rows, columns] = unknown[columns]
    return dropped


def _draw_factors(
    rng: np.random.Generator, largest: float, shape: int | tuple[int, ...]
) -> NDArray[np.float64]:
    """Return factors between 1/largest and largest, uniform on a log scale."""
    return np.exp(rng.uniform(-1, 1, shape) * np.log(largest))


@dataclass(frozen=True)
class Mixes:
    """Hold how each photo of a batch is blended with another photo (MixUp, Zhang et al. 2018, arXiv:1710.09412).

    partner: (N,), the index of the other photo in the batch.
    share: (N,), 0-1, the share of the photo itself; 1 if the photo is not blended.
    """

    partner: NDArray[np.int64]
    share: Floats


def draw_mixes(rng: np.random.Generator, mixable: NDArray[np.bool_], settings: AugmentationSettings) -> Mixes:
    """Return the random mixes of a batch. mixable: (N,), true for the photos that may be blended with each other."""
    count = len(mixable)
    partner = np.arange(count)
    partner[mixable] = rng.permutation(partner[mixable])
    blended = mixable & (rng.random(count) < settings.mixup)
    share = np.where(blended, rng.beta(MIXUP_BETA, MIXUP_BETA, count), 1.0)
    return Mixes(partner, share.astype(np.float32))


def mix_rows(values: Floats, mixes: Mixes) -> Floats:
    """Return targets or weights (N, ...), blended like the photos."""
    share = mixes.share.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(share * values + (1 - share) * values[mixes.partner], np.float32)
