"""Turns and mirrors photos: a lesion has no upright position, and the mean over its eight orientations is less random.

A position is a number from 0 to 7: quarter turns, from 4 on of the mirrored photo. 0 is the unchanged photo.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ONE_VIEW, EIGHT_VIEWS = 1, 8
VIEW_COUNTS = (ONE_VIEW, EIGHT_VIEWS)  # the allowed numbers of orientations


def orient_photo(photo: NDArray[Any], position: int) -> NDArray[Any]:
    """Return a square photo (edge, edge, C) in a position."""
    mirrored = photo[:, ::-1] if position >= 4 else photo
    return np.ascontiguousarray(np.rot90(mirrored, position % 4))


def undo_orientation(feature_map: NDArray[Any], position: int) -> NDArray[Any]:
    """Return the map (h, h, C) of a photo in a position, turned and mirrored back to the unchanged photo."""
    turned = np.rot90(feature_map, -(position % 4))
    return np.ascontiguousarray(turned[:, ::-1] if position >= 4 else turned)
