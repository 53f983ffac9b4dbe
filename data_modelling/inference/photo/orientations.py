"""Turns and mirrors photos: a lesion has no upright orientation, and the mean over eight views varies less by chance.

A view has a position: 0 to 3 are that many quarter turns of the photo, 4 to 7 the same turns of the mirrored photo.
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
