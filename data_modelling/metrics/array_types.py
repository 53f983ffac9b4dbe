"""The types of the arrays that metrics, safety, evaluation and plots share; docstrings give the shapes."""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]  # what networks and their checks measure of a photo
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]  # indices of classes or groups
Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]  # RGB, the colours last
Weights = NDArray[np.floating]  # of photos, or (resamples, photos)
