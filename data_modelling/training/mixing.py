"""MixUp, which blends two photos (Zhang et al. 2018, arXiv:1710.09412)."""

from dataclasses import dataclass
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data_modelling.settings import AugmentationSettings

Floats = NDArray[np.float32]

MIXUP_BETA = 0.4  # both parameters of the Beta distribution of a blended photo's share


@dataclass(frozen=True)
class Mixes:
    """Hold how each photo of a batch is mixed.

    partner: (N,), the index of the photo that it is blended with.
    share: (N,), 0-1, the share of the photo itself; 1 if the photo is not blended.
    """

    partner: NDArray[np.int64]
    share: Floats


def draw_mixes(rng: np.random.Generator, mixable: NDArray[np.bool_], settings: AugmentationSettings) -> Mixes:
    """Return mixes in which each photo that is `mixable`, (N,), is blended with another mixable photo, or stays unchanged."""
    count = len(mixable)
    partner = np.arange(count)
    partner[mixable] = rng.permutation(partner[mixable])
    blended = mixable & (rng.random(count) < settings.mixup)
    share = np.where(blended, rng.beta(MIXUP_BETA, MIXUP_BETA, count), 1.0)
    return Mixes(partner, share.astype(np.float32))


def mix_photos(photos: Any, partner: Any, share: Any) -> Any:
    """Return photos (N, H, W, C) blended with their partners; see `Mixes`."""
    share = keras.ops.reshape(share, (-1, 1, 1, 1))
    return share * photos + (1 - share) * keras.ops.take(photos, partner, axis=0)


def mix_rows(values: Floats, mixes: Mixes) -> Floats:
    """Return targets or weights (N, ...), blended like the photos."""
    share = mixes.share.reshape(-1, *[1] * (values.ndim - 1))
    return np.asarray(share * values + (1 - share) * values[mixes.partner], np.float32)
