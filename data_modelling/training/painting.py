"""Photos with their lesion, their background or some cells painted over, in the colour of the skin beside the lesion.

The skin of a photo is a ring around its lesion: beyond the grown outline and at most RING further, without the
dermatoscope's dark rim. Its mean colour is used for all painting. The photo's own mean would not do: it holds
the lesion's colour, so that the lesion would stay visible as a tint, and would contrast less with a painted
background than with its real one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import distance_transform_edt

from data_modelling.inference.heatmap import dark_rim

Photo = NDArray[np.uint8]
Mask = NDArray[np.bool_]

GROWN = 0.03  # of the edge: a lesion's border fades beyond the line that was drawn around it
RING = 0.15  # of the edge: skin further away may be lit differently
LEAST_SKIN = 0.01  # of the photo's pixels: with less, nobody can say which colour the skin has


@dataclass(frozen=True)
class Areas:
    """lesion: within the grown outline; skin: the ring beside it; both (edge, edge)."""

    lesion: Mask
    skin: Mask


def find_areas(photo: Photo, outline: Mask) -> Areas | None:
    """Lesion and skin of a photo (edge, edge, 3) with its outline (edge, edge).

    None when the outline is empty, or so large that it leaves too little skin.
    """
    if not outline.any():
        return None
    away = distance_transform_edt(~outline) / len(outline)
    lesion = away <= GROWN
    skin = ~lesion & (away <= GROWN + RING) & ~dark_rim(photo)
    return Areas(lesion, skin) if skin.mean() >= LEAST_SKIN else None


def mean_colour(photo: Photo, area: Mask) -> Photo:
    """Mean RGB (3,) of the photo's pixels in an area, to whole grey levels."""
    return np.round(photo[area].mean(axis=0)).astype(np.uint8)


def painted(photo: Photo, area: Mask, colour: Photo) -> Photo:
    """A copy of the photo with an area in one colour (3,)."""
    copy = photo.copy()
    copy[area] = colour
    return copy


def cells_area(cells: NDArray[np.int64], shape: tuple[int, int], edge: int) -> Mask:
    """The pixels (edge, edge) of some cells of a map of `shape`; cells: their indices in reading order."""
    chosen = np.zeros(shape, bool)
    chosen.flat[cells] = True
    return np.kron(chosen, np.ones((edge // shape[0], edge // shape[1]), bool))
