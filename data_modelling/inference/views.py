"""A photo in eight positions: a spot has no upright one, and the mean of what is said of all eight is said with less chance.

A position is a number from 0 to 7: quarter turns, from 4 on of the mirrored photo. 0 is the photo as it is.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ONE, EIGHT = 1, 8
COUNTS = (ONE, EIGHT)  # how many positions of a photo the network may be asked for


def positioned(photo: NDArray[Any], position: int) -> NDArray[Any]:
    """A square photo (edge, edge, C) in a position."""
    mirrored = photo[:, ::-1] if position >= 4 else photo
    return np.ascontiguousarray(np.rot90(mirrored, position % 4))


def laid_back(feature_map: NDArray[Any], position: int) -> NDArray[Any]:
    """The map (h, h, C) of a photo in a position, turned and mirrored back to lie over the photo as it is."""
    turned = np.rot90(feature_map, -(position % 4))
    return np.ascontiguousarray(turned[:, ::-1] if position >= 4 else turned)
