"""Two photos made into one: MixUp (Zhang et al. 2018, arXiv:1710.09412) and CutMix (Yun et al. 2019, arXiv:1905.04899)."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data_modelling.settings import AugmentationSettings

Floats = NDArray[np.float32]

MIXUP_BETA = 0.4  # both parameters of the Beta distribution of a blended photo's own share
CUTMIX_BETA = 1.0  # the same of the area that stays its own


@dataclass(frozen=True)
class Mixes:
    """Which photo of the batch each is mixed with, and how much stays its own.

    partner: (N,). own: (N, edge, edge, 1), of each pixel, 0-1. share: (N,), of the photo; 1 where nothing is mixed.
    """

    partner: NDArray[np.int64]
    own: Floats
    share: Floats


def draw_mixes(
    rng: np.random.Generator, mixable: NDArray[np.bool_], edge: int, settings: AugmentationSettings
) -> Mixes:
    """For the photos that are `mixable`, (N,): blended, with a rectangle of the partner, or as they are."""
    count = len(mixable)
    partner = np.arange(count)
    partner[mixable] = rng.permutation(partner[mixable])
    kind = rng.random(count)
    blended = mixable & (kind < settings.mixup)
    cut = mixable & ~blended & (kind < settings.mixup + settings.cutmix)
    own = np.ones((count, edge, edge, 1), np.float32)
    own[blended] = rng.beta(MIXUP_BETA, MIXUP_BETA, count)[blended, None, None, None]
    corners = _rectangles(rng, count, edge)
    for row in np.flatnonzero(cut):
        top, bottom, left, right = corners[row]
        own[row, top:bottom, left:right] = 0.0
    return Mixes(partner, own, own.mean(axis=(1, 2, 3)))


def mix(photo: Any, partner: Any, own: Any) -> Any:
    """Photos (N, H, W, 3) mixed with their partners, as Mixes says."""
    return own * photo + (1 - own) * keras.ops.take(photo, partner, axis=0)


def mixed_rows(values: Floats, mixes: Mixes) -> Floats:
    """Targets or weights (N, ...) mixed as the photos are."""
    share = mixes.share.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(share * values + (1 - share) * values[mixes.partner], np.float32)


def _rectangles(rng: np.random.Generator, count: int, edge: int) -> NDArray[np.int64]:
    """Top, bottom, left and right (count, 4) of rectangles anywhere, of the photo's shape, cut off at its edges."""
    side = edge * np.sqrt(1 - rng.beta(CUTMIX_BETA, CUTMIX_BETA, count))
    y, x = rng.uniform(0, edge, (2, count))
    ends = np.stack([y - side / 2, y + side / 2, x - side / 2, x + side / 2], axis=1)
    return np.clip(np.round(ends), 0, edge).astype(np.int64)
