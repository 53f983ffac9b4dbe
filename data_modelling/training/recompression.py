"""Compresses photos again and adds round dark borders, so that a network can hardly tell the photos' sources apart."""

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.settings import AugmentationSettings

PhotoArray = NDArray[np.uint8]

QUALITIES = (40, 95)  # lowest and highest quality of a JPEG; the quality is drawn uniformly between them
VIGNETTE_RADII = (0.45, 0.6)  # smallest and largest, as shares of the edge; centre to corner is 0.71
CENTRE_DEVIATION = 0.03  # standard deviation of a vignette's centre, as a share of the edge
RIM = 0.04  # width of the soft transition from photo to border, as a share of the edge
LIGHTEST_RIM = 30  # largest grey level of the border, whose level is drawn between 0 and this value


def recompress(rng: np.random.Generator, photos: PhotoArray, settings: AugmentationSettings) -> PhotoArray:
    """Reduce, compress and enlarge the share settings.recompress of photos (N, edge, edge, 3); return all photos."""
    recompressed = photos.copy()
    for row in np.flatnonzero(rng.random(len(photos)) < settings.recompress):
        smallest, largest = settings.reduced_edges
        edge = min(int(rng.integers(smallest, largest, endpoint=True)), photos.shape[1])
        recompressed[row] = _jpeg_round_trip(photos[row], edge, int(rng.integers(*QUALITIES, endpoint=True)))
    return recompressed


def add_vignettes(rng: np.random.Generator, photos: PhotoArray, share: float) -> PhotoArray:
    """Return photos (N, edge, edge, 3), each of which has got a round dark border with the probability `share`.

    The border's radius is drawn within VIGNETTE_RADII. The choice of photos does not depend on their class, because a
    network could otherwise recognise a class by the border instead of the lesion.
    """
    rows = np.flatnonzero(rng.random(len(photos)) < share)
    edge = photos.shape[1]
    radius = rng.uniform(*VIGNETTE_RADII, (len(rows), 1, 1)) * edge
    centre = rng.normal((edge - 1) / 2, CENTRE_DEVIATION * edge, (2, len(rows), 1, 1))
    y, x = np.ogrid[:edge, :edge]
    distance = np.hypot(y - centre[0], x - centre[1])
    inside = np.clip((radius - distance) / (RIM * edge) + 0.5, 0, 1)[..., None]
    rim = rng.uniform(0, LIGHTEST_RIM, (len(rows), 1, 1, 1))
    bordered = photos.copy()
    bordered[rows] = inside * photos[rows] + (1 - inside) * rim
    return bordered


def _jpeg_round_trip(photo: PhotoArray, small_edge: int, quality: int) -> PhotoArray:
    edge = photo.shape[0]
    small = Image.fromarray(photo).resize((small_edge, small_edge), Image.Resampling.BILINEAR)
    file = io.BytesIO()
    small.save(file, "JPEG", quality=quality)
    with Image.open(file, formats=["JPEG"]) as jpeg:
        return np.asarray(jpeg.resize((edge, edge), Image.Resampling.BILINEAR))
