"""What a photo looks like, in few numbers: its colours, how they lie in the frame, and its detail at every scale.

The gate and the origin detectors judge by these numbers; they need no network.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]

EDGE = 112  # pixels of the square that is measured; photos of another edge are resized to it
COARSE = (28, 14, 7)  # edges of the coarser views, in pixels of their own
SHARES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)  # of the pixels that are below the levels measured
RINGS = (0.0, 1.1, 2.3, 3.2, 9.0)  # bounds of the rings around the centre, in pixels of the coarsest view
LEAST = np.float32(0.5)  # grey levels: differences below are lost in rounding
PAIRS = np.triu_indices(3, 1)  # of channels
COUNT = 6 * (1 + len(COARSE)) + 1 + 3 * len(SHARES) + 6 + 4 * (len(RINGS) - 1)


def looks(photo: NDArray[np.uint8]) -> Floats:
    """The looks (COUNT,) of a square photo (edge, edge, 3).

    The channels are brightness, red less green and green less blue, in grey levels. In this order: detail of the
    photo and of each of COARSE (mean difference of neighbours of each channel, peakedness of each); sharpness;
    the levels of SHARES of each channel; standard deviations and correlations of the channels; mean of each
    channel in each of RINGS, contrast of each ring. Differences and deviations are on a logarithmic scale.
    """
    if len(photo) != EDGE:
        photo = np.asarray(Image.fromarray(photo).resize((EDGE, EDGE), Image.Resampling.BILINEAR))
    planes = _planes(photo)
    views = [_averaged(planes, edge) for edge in COARSE]
    detail = [_detail(planes), *map(_detail, views)]
    return np.concatenate([*detail, _sharpness(planes[0]), _colours(views[0]), _rings(views[-1])])


def _planes(photo: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    """The channels of a photo (edge, edge, 3), each (edge, edge).

    Three arrays and not one: what is larger than 128 kB is fetched anew from the system every time.
    """
    red, green, blue = (photo[:, :, channel].astype(np.float32) for channel in range(3))
    return (red + green + blue) / np.float32(3), red - green, green - blue


def _averaged(planes: Sequence[Floats], edge: int) -> Floats:
    """The means of blocks, (3, edge, edge)."""
    rows = _averaging(len(planes[0]), edge)
    return np.stack([rows @ plane @ rows.T for plane in planes])


def _detail(planes: Iterable[Floats]) -> Floats:
    """Of each channel: logarithm of the mean difference of neighbours, and of the root of the mean square over it."""
    rows = []
    for plane in planes:
        across = np.abs(plane[:, 1:] - plane[:, :-1]).ravel()
        down = np.abs(plane[1:] - plane[:-1]).ravel()
        square = np.dot(across, across) + np.dot(down, down)
        rows.append((across.sum() + down.sum(), square))
    mean, square = np.array(rows, np.float32).T / (2 * across.size)
    logarithm = np.log(mean + LEAST)
    return np.concatenate([logarithm, np.log(np.sqrt(square) + LEAST) - logarithm])


def _sharpness(plane: Floats) -> Floats:
    """Logarithm of the standard deviation of a plane's Laplacian, (1,)."""
    around = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]
    laplacian = (4 * plane[1:-1, 1:-1] - around).ravel()
    spread = np.sqrt(np.dot(laplacian, laplacian) / laplacian.size)
    return np.array([np.log(spread + LEAST)], np.float32)


def _colours(view: Floats) -> Floats:
    """Levels, spread and correlations of the channels of a view."""
    channels = view.reshape(3, -1)
    size = channels.shape[1]
    levels = np.sort(channels, axis=1)[:, [int(share * (size - 1)) for share in SHARES]]
    centred = channels - channels.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / size
    spread = np.sqrt(covariance.diagonal())
    correlation = covariance / (np.outer(spread, spread) + LEAST)
    return np.concatenate([levels.ravel(), np.log(spread + LEAST), correlation[PAIRS]]).astype(np.float32)


def _rings(view: Floats) -> Floats:
    """Mean of each channel and contrast of the brightness in each ring."""
    channels = view.reshape(3, -1)
    rings = _ring_shares(view.shape[1])
    means = channels @ rings
    variance = channels[0] ** 2 @ rings - means[0] ** 2
    contrast = np.log(np.sqrt(np.maximum(variance, 0)) + LEAST)
    return np.concatenate([means.ravel(), contrast]).astype(np.float32)


@functools.cache
def _averaging(edge: int, coarse: int) -> Floats:
    """The matrix that averages blocks of rows, (coarse, edge)."""
    return np.kron(np.eye(coarse), np.full(edge // coarse, coarse / edge)).astype(np.float32)


@functools.cache
def _ring_shares(edge: int) -> Floats:
    """The weight of each pixel in the mean of each ring, (edge * edge, rings)."""
    offset = np.arange(edge) - (edge - 1) / 2
    distance = np.hypot(offset[:, None], offset[None]).ravel()
    inside = np.stack(
        [(distance >= low) & (distance < high) for low, high in itertools.pairwise(RINGS)], axis=1
    )
    return np.asarray(inside / inside.sum(axis=0), np.float32)
