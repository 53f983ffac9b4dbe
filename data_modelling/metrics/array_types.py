"""Defines array types that metrics, safety, evaluation and plots share; functions that use them state the shapes."""

import numpy as np
from numpy.typing import NDArray

Features = NDArray[np.float32]  # image features, embeddings, weights of small networks
Floats = NDArray[np.float64]
Labels = NDArray[np.int64]  # indices of classes or groups
Mask = NDArray[np.bool_]
Pixels = NDArray[np.uint8]  # RGB; the last axis has the colours
Weights = NDArray[np.floating]  # how much each photo counts: (photos,) or (resamples, photos)
