"""Turns and mirrors photos into views. A lesion has no upright orientation, so the network may see any of eight views.

The mean output for all eight views does not depend on the photo's orientation. Each view has a number (its position).
Positions 0 to 3 are the photo after 0 to 3 quarter turns; 4 to 7 are the mirrored photo after 0 to 3 quarter turns.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

ONE_VIEW, EIGHT_VIEWS = 1, 8
VIEW_COUNTS = (ONE_VIEW, EIGHT_VIEWS)  # the numbers of views that a predictor accepts


def orient_photo(photo: NDArray[Any], position: int) -> NDArray[Any]:
    """Return the view at a position of a square photo (edge, edge, channels)."""
    mirrored = photo[:, ::-1] if position >= 4 else photo
    return np.ascontiguousarray(np.rot90(mirrored, position % 4))


def undo_orientation(feature_map: NDArray[Any], position: int) -> NDArray[Any]:
    """Return the feature map of a view, (rows, columns, channels), in the orientation of the unchanged photo."""
    turned = np.rot90(feature_map, -(position % 4))
    return np.ascontiguousarray(turned[:, ::-1] if position >= 4 else turned)
