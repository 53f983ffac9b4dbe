"""Turns and mirrors photos. A lesion has no upright orientation, and a mean over eight views varies less than one view.

Positions name the views: 0 to 3 are the photo after 0 to 3 quarter turns, 4 to 7 the mirrored photo after these turns.
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
    """Return the feature map of a view, (rows, columns, channels), turned and mirrored back to the unchanged photo."""
    turned = np.rot90(feature_map, -(position % 4))
    return np.ascontiguousarray(turned[:, ::-1] if position >= 4 else turned)
