"""The lesion in a photo without any learning: a threshold, the largest piece, its holes filled; and its shape."""

import numpy as np
from numpy.typing import NDArray
from scipy import ndimage

from data_modelling.inference.heatmap import darker_area

Mask = NDArray[np.bool_]
Floats = NDArray[np.float64]

# Steps between neighbours in four directions, and the distance of neighbouring lines of pixels along each.
DIRECTIONS = (((0, 1), 1.0), ((1, 0), 1.0), ((1, 1), 0.5**0.5), ((1, -1), 0.5**0.5))


def outline(photo: NDArray[np.uint8]) -> Mask:
    """The pixels (edge, edge) of the lesion: the largest connected piece of the darker area, without holes.

    None where no area is darker than the skin around it.
    """
    pieces, count = ndimage.label(darker_area(photo))
    if not count:
        return np.zeros(photo.shape[:2], bool)
    largest = 1 + int(np.argmax(np.bincount(pieces.ravel())[1:]))
    return np.asarray(ndimage.binary_fill_holes(pieces == largest))


def perimeter(mask: Mask) -> float:
    """Length of the mask's border in pixels, by Crofton's formula in four directions.

    Lines of pixels in each direction cross the border; crossings times the lines' distance, averaged over the
    directions, times pi / 2 is the length (Santalo 1976, Integral Geometry and Geometric Probability).
    """
    padded = np.pad(mask, 1)
    crossed = [
        distance * np.count_nonzero(padded != np.roll(padded, step, axis=(0, 1)))
        for step, distance in DIRECTIONS
    ]
    return float(np.pi / 2 * np.mean(crossed))


def compactness(mask: Mask) -> float:
    """4 pi area / perimeter^2: 1 for a disc, less for what is long or ragged (the B of the ABCD rule)."""
    return float(4 * np.pi * mask.sum() / perimeter(mask) ** 2)


def main_axes(mask: Mask) -> tuple[Floats, Floats]:
    """Variances (2,) of the mask's pixels along its two main axes, the smaller first, and the axes as rows (2, 2)."""
    places = np.argwhere(mask)
    spread = places - places.mean(axis=0)
    variances, axes = np.linalg.eigh(spread.T @ spread / len(places))
    return np.maximum(variances, 0), axes.T


def asymmetries(mask: Mask, grey: NDArray[np.floating]) -> Floats:
    """Asymmetry of shape, then of grey, about the axis of the larger and of the smaller spread, (4,).

    The A of the ABCD rule: the mask is mirrored at each of its main axes. Of shape: the share of its pixels
    whose mirror image lies outside. Of grey: mean difference of the mirrored pixels that lie inside, as a share of the
    full range; 0 where there are none.
    """
    places = np.argwhere(mask)
    offset = places - places.mean(axis=0)
    _, axes = main_axes(mask)
    shape, shade = [], []
    for axis in axes:  # mirrored along the smaller spread first, that is, at the long axis
        mirrored = np.rint(places - 2 * np.outer(offset @ axis, axis)).astype(np.int64)
        seen = ((mirrored >= 0) & (mirrored < len(mask))).all(axis=1)
        inside = seen.copy()
        inside[seen] = mask[tuple(mirrored[seen].T)]
        shape.append(1 - inside.mean())
        apart = np.abs(grey[tuple(places[inside].T)] - grey[tuple(mirrored[inside].T)])
        shade.append(apart.mean() / 255 if inside.any() else 0.0)
    return np.array(shape + shade)
