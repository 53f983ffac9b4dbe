"""Measures image features: a photo's colours, where in the photo they are, and its detail at several scales.

The gate (which refuses pictures without a lesion) and the origin detector (which finds phone photos) use these numbers.
Measuring them needs no network. The module also finds the dermatoscope's rim and the darker area in a photo.
"""

import functools
import itertools
from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray
from PIL import Image

Floats = NDArray[np.float32]
Levels = NDArray[np.float64]  # grey levels
Mask = NDArray[np.bool_]

FEATURE_EDGE = 112  # pixels; photos of another edge are resized to this one
COARSE_EDGES = (28, 14, 7)  # edges of the coarser copies, in pixels
# These quantiles of each channel are measured. Each number is the share of the pixels below a quantile.
LEVEL_QUANTILES = (0.02, 0.1, 0.25, 0.5, 0.75, 0.9, 0.98)
RING_BOUNDS = (0.0, 1.1, 2.3, 3.2, 9.0)  # radii around the centre, in pixels of the coarsest copy
LOG_OFFSET = np.float32(0.5)  # grey levels, added before a logarithm; rounding then hardly changes the result
PAIRS = np.triu_indices(3, 1)  # rows and columns of the pairs of channels in a matrix (3, 3)
LUMA = (0.299, 0.587, 0.114)  # weights of red, green and blue in the grey level (ITU-R BT.601)
FRAME_GREY = 48  # grey level; darker pixels outside the inscribed circle belong to the dermatoscope's rim
LEAST_CONTRAST = 12  # grey levels by which a darker area must differ from the rest
FEATURE_COUNT = 6 * (1 + len(COARSE_EDGES)) + 1 + 3 * len(LEVEL_QUANTILES) + 6 + 4 * (len(RING_BOUNDS) - 1)


def measure_image_features(photo: NDArray[np.uint8]) -> Floats:
    """Return the image features (FEATURE_COUNT,) of a square photo (edge, edge, 3).

    The channels are brightness, red minus green and green minus blue, in grey levels. The features are, in this order:
    the detail of the photo and of its copies at COARSE_EDGES (see _detail_features); the sharpness of the brightness;
    the LEVEL_QUANTILES of each channel; standard deviations and correlations of the channels; the mean of each channel
    in each ring between RING_BOUNDS; the contrast of the brightness in each ring. Detail, sharpness, deviations and
    contrasts are logarithms.
    """
    if len(photo) != FEATURE_EDGE:
        photo = np.asarray(
            Image.fromarray(photo).resize((FEATURE_EDGE, FEATURE_EDGE), Image.Resampling.BILINEAR)
        )
    planes = _planes(photo)
    copies = [_block_means(planes, edge) for edge in COARSE_EDGES]
    detail = [_detail_features(planes), *map(_detail_features, copies)]
    return np.concatenate(
        [*detail, _sharpness(planes[0]), _colour_features(copies[0]), _ring_features(copies[-1])]
    )


def _planes(photo: NDArray[np.uint8]) -> tuple[Floats, Floats, Floats]:
    """Return the channels of a photo (edge, edge, 3), each (edge, edge).

    Three small arrays are faster than a large one: each array above 128 kB needs new memory from the system.
    """
    red, green, blue = (photo[:, :, channel].astype(np.float32) for channel in range(3))
    return (red + green + blue) / np.float32(3), red - green, green - blue


def _block_means(planes: Sequence[Floats], edge: int) -> Floats:
    """Return the channels reduced to (3, edge, edge); each new pixel is the mean of a block of pixels."""
    rows = _averaging_matrix(len(planes[0]), edge)
    return np.stack([rows @ plane @ rows.T for plane in planes])


def _detail_features(planes: Iterable[Floats]) -> Floats:
    """Return log(mean) and log(root mean square / mean) of absolute differences of neighbouring pixels, by channel."""
    rows = []
    for plane in planes:
        across = np.abs(plane[:, 1:] - plane[:, :-1]).ravel()
        down = np.abs(plane[1:] - plane[:-1]).ravel()
        square = np.dot(across, across) + np.dot(down, down)
        rows.append((across.sum() + down.sum(), square))
    mean, square = np.array(rows, np.float32).T / (2 * across.size)
    logarithm = np.log(mean + LOG_OFFSET)
    return np.concatenate([logarithm, np.log(np.sqrt(square) + LOG_OFFSET) - logarithm])


def _sharpness(plane: Floats) -> Floats:
    """Return the logarithm of the root mean square of a channel's Laplacian, (1,)."""
    around = plane[:-2, 1:-1] + plane[2:, 1:-1] + plane[1:-1, :-2] + plane[1:-1, 2:]
    laplacian = (4 * plane[1:-1, 1:-1] - around).ravel()
    spread = np.sqrt(np.dot(laplacian, laplacian) / laplacian.size)
    return np.array([np.log(spread + LOG_OFFSET)], np.float32)


def _colour_features(planes: Floats) -> Floats:
    """Return quantiles, log(standard deviations) and correlations of the channels. planes: (3, edge, edge)."""
    channels = planes.reshape(3, -1)
    size = channels.shape[1]
    levels = np.sort(channels, axis=1)[:, [int(share * (size - 1)) for share in LEVEL_QUANTILES]]
    centred = channels - channels.mean(axis=1, keepdims=True)
    covariance = centred @ centred.T / size
    spread = np.sqrt(covariance.diagonal())
    correlation = covariance / (np.outer(spread, spread) + LOG_OFFSET)
    return np.concatenate([levels.ravel(), np.log(spread + LOG_OFFSET), correlation[PAIRS]]).astype(
        np.float32
    )


def _ring_features(planes: Floats) -> Floats:
    """Return the mean of each channel (3, edge, edge) in each ring, and the contrast of the brightness in each ring."""
    channels = planes.reshape(3, -1)
    rings = _ring_weights(planes.shape[1])
    means = channels @ rings
    variance = channels[0] ** 2 @ rings - means[0] ** 2
    contrast = np.log(np.sqrt(np.maximum(variance, 0)) + LOG_OFFSET)
    return np.concatenate([means.ravel(), contrast]).astype(np.float32)


@functools.cache
def _averaging_matrix(edge: int, coarse: int) -> Floats:
    """Return the matrix (coarse, edge) that averages blocks of rows."""
    return np.kron(np.eye(coarse), np.full(edge // coarse, coarse / edge)).astype(np.float32)


@functools.cache
def _ring_weights(edge: int) -> Floats:
    """Return the weight of each pixel in the mean of each ring, (edge * edge, rings)."""
    offset = np.arange(edge) - (edge - 1) / 2
    distance = np.hypot(offset[:, None], offset[None]).ravel()
    inside = np.stack(
        [(distance >= low) & (distance < high) for low, high in itertools.pairwise(RING_BOUNDS)], axis=1
    )
    return np.asarray(inside / inside.sum(axis=0), np.float32)


def darker_area(photo: NDArray[np.uint8]) -> Mask:
    """Return a mask (edge, edge) of the pixels that are darker than the skin around them; it is empty without contrast.

    The threshold is Otsu's (1979, doi:10.1109/TSMC.1979.4310076), computed without the dermatoscope's rim.
    """
    grey = photo @ np.array(LUMA)
    inside = ~dark_rim(photo)
    return with_contrast(inside & (grey < otsu_threshold(grey[inside])), grey, inside)


def with_contrast(darker: Mask, levels: Levels, inside: Mask) -> Mask:
    """Return `darker`, or an empty mask if these pixels differ too little from the other pixels in `inside`.

    darker, inside: masks (edge, edge). levels: the grey levels (edge, edge).
    """
    lighter = inside & ~darker
    has_both = darker.any() and lighter.any()
    if has_both and levels[lighter].mean() - levels[darker].mean() >= LEAST_CONTRAST:
        return darker
    return np.zeros_like(darker)


def dark_rim(photo: NDArray[np.uint8]) -> Mask:
    """Return a mask (edge, edge) of the dermatoscope's rim: dark pixels outside the inscribed circle."""
    grey = photo @ np.array(LUMA)
    return np.asarray((grey < FRAME_GREY) & ~inscribed_circle(len(photo)))


def otsu_threshold(grey: Levels) -> float:
    """Return the threshold that makes two groups of levels (0 to below 256) with the largest variance between them."""
    counts = np.bincount(grey.astype(np.intp), minlength=256)
    below = np.cumsum(counts)[:-1].astype(np.float64)
    above = len(grey) - below
    sums = np.cumsum(counts * np.arange(256))
    pairs = below * above
    differences = sums[-1] * below - sums[:-1] * len(grey)  # difference of the groups' means, times pairs
    between = np.divide(differences * differences, pairs, out=np.zeros(255), where=pairs > 0)
    return float(1 + int(np.argmax(between)))


def inscribed_circle(edge: int) -> Mask:
    """Return a mask (edge, edge) of the largest circle in a square."""
    offset = np.arange(edge) + 0.5 - edge / 2
    return np.asarray(offset[:, None] ** 2 + offset[None] ** 2 <= (edge / 2) ** 2)
