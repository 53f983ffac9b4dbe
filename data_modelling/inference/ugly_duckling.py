"""Finds a patient's ugly duckling: the spot that differs most from the other spots (Grob and Bonerandi 1998).

Spots are compared by their embeddings, the numbers by which the network describes a photo.
"""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

MIN_LESIONS = 3  # spots; with only two, both have the same mean distance


def mean_distances(embeddings: NDArray[np.floating]) -> Floats:
    """Return the mean Euclidean distance of each spot to the other spots, (N,). embeddings: (N, channels), N > 1."""
    vectors = np.asarray(embeddings, np.float64)
    between = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    return np.asarray(between.sum(axis=1) / (len(vectors) - 1))


def outlier_scores(embeddings: NDArray[np.floating]) -> Floats:
    """Return the outlier score of each spot, (N,).

    The score is the spot's mean distance divided by the median of the mean distances of the other spots. The score is 1
    if this median is 0, or if there are fewer than 3 spots.
    """
    distances = mean_distances(embeddings)
    if len(distances) < MIN_LESIONS:
        return np.ones(len(distances))
    medians = np.array([np.median(np.delete(distances, index)) for index in range(len(distances))])
    return np.asarray(np.where(medians > 0, distances / np.where(medians > 0, medians, 1), 1.0))


def find_ugly_duckling(embeddings: NDArray[np.floating], ratio: float) -> int | None:
    """Return the index of the highest outlier score; None if this score is below `ratio` or there are under 3 spots."""
    if len(embeddings) < MIN_LESIONS:
        return None
    scores = outlier_scores(embeddings)
    highest = int(scores.argmax())
    return highest if scores[highest] >= ratio else None
