"""Weights that give the photos of several sources the class shares of one reference population."""

import numpy as np
from numpy.typing import NDArray

from data_modelling.metrics.array_types import Floats


def reference_weights(labels: NDArray[np.int64], sources: NDArray[np.str_], shares: Floats) -> Floats:
    """Return the weight of each photo, (N,), with a mean of 1.

    Within a source, the weights of a class's photos sum to the class's share among the classes that the source has. All
    sources have equal total weight. labels: (N,) class indices. shares: (classes,), of the reference population.
    """
    weights = np.zeros(len(labels))
    for source in np.unique(sources):
        of_source = sources == source
        counts = np.bincount(labels[of_source], minlength=len(shares))
        wanted = np.where(counts > 0, shares, 0.0)
        per_photo = np.divide(wanted / wanted.sum(), counts, out=np.zeros(len(shares)), where=counts > 0)
        weights[of_source] = per_photo[labels[of_source]]
    return np.asarray(weights / weights.mean())
