"""Which of one patient's spots is unlike the others: the ugly duckling (Grob and Bonerandi 1998), by a network's eye."""

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEWEST = 3  # spots: of two, each is as far from the other


def distances(embeddings: NDArray[np.floating]) -> Floats:
    """Of each spot the mean Euclidean distance to the patient's others, (N,), from embeddings (N, D), N at least 2."""
    vectors = np.asarray(embeddings, np.float64)
    between = np.linalg.norm(vectors[:, None] - vectors[None], axis=2)
    return np.asarray(between.sum(axis=1) / (len(vectors) - 1))


def oddity(embeddings: NDArray[np.floating]) -> Floats:
    """Of each spot its distance over the median distance of the others, (N,): 1 where all are alike."""
    far = distances(embeddings)
    if len(far) < FEWEST:
        return np.ones(len(far))
    medians = np.array([np.median(np.delete(far, index)) for index in range(len(far))])
    return np.asarray(np.where(medians > 0, far / np.where(medians > 0, medians, 1), 1.0))


def odd_one_out(embeddings: NDArray[np.floating], ratio: float) -> int | None:
    """The spot that stands out most, if its oddity reaches `ratio`; None where none does, or with fewer than three."""
    if len(embeddings) < FEWEST:
        return None
    odd = oddity(embeddings)
    most = int(odd.argmax())
    return most if odd[most] >= ratio else None
