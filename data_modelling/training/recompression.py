"""Photos of all sources made alike in what gives a source away: compression and sharpness."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.settings import AugmentationSettings

Photos = NDArray[np.uint8]

QUALITIES = (40, 95)  # of JPEG, drawn evenly
COARSEST = 2.0  # largest factor by which a photo is made smaller before it is made as large again


def recompress(rng: np.random.Generator, photos: Photos, settings: AugmentationSettings) -> Photos:
    """Photos (N, edge, edge, 3) of which a share, settings.recompress, went through a smaller size and JPEG."""
    changed = photos.copy()
    for row in np.flatnonzero(rng.random(len(photos)) < settings.recompress):
        factor, quality = rng.uniform(1, COARSEST), int(rng.integers(*QUALITIES, endpoint=True))
        changed[row] = _through_jpeg(photos[row], factor, quality)
    return changed


def _through_jpeg(photo: Photos, factor: float, quality: int) -> Photos:
    edge = photo.shape[0]
    small = Image.fromarray(photo).resize((round(edge / factor),) * 2, Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=quality)
    with Image.open(file, formats=["JPEG"]) as again:
        return np.asarray(again.resize((edge, edge), Image.Resampling.BILINEAR))
