"""Finds a patient's ugly duckling (Grob and Bonerandi 1998): the spot whose embedding differs most from the others'."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_LESIONS = 3  # spots; with only two, both have the same mean distance


def mean_distances(embeddings: NDArray[np.floating]) -> Floats:
    """Return the mean Euclidean distance (N,) of each spot to the others. embeddings: (N, channels), of N > 1 spots."""
    vectors = np.asarray(embeddings, np.float64)
    between = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    return np.asarray(between.sum(axis=1) / (len(vectors) - 1))


def outlier_scores(embeddings: NDArray[np.floating]) -> Floats:
    """Return (N,): each spot's mean distance / the median of the others'; 1 if all are 0, or for fewer than 3 spots."""
    distances = mean_distances(embeddings)
    if len(distances) < MIN_LESIONS:
        return np.ones(len(distances))
    medians = np.array([np.median(np.delete(distances, index)) for index in range(len(distances))])
    return np.asarray(np.where(medians > 0, distances / np.where(medians > 0, medians, 1), 1.0))


def find_ugly_duckling(embeddings: NDArray[np.floating], ratio: float) -> int | None:
    """Return the index of the highest outlier score; None if this score is below `ratio`, or for fewer than 3 spots."""
    if len(embeddings) < MIN_LESIONS:
        return None
    scores = outlier_scores(embeddings)
    highest = int(scores.argmax())
    return highest if scores[highest] >= ratio else None
