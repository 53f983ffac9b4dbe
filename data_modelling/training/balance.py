"""Which rows an epoch shows: class imbalance answered by drawing row indices, of the training part only."""

import numpy as np
from numpy.typing import NDArray


def shown_shares(labels: NDArray[np.int64], classes: int, balance: float) -> NDArray[np.float64]:
    """Share of each class in what an epoch shows, (classes,), proportional to count^(1 - balance).

    0 leaves the shares as they are, 1 shows every class equally often; a class without rows stays at 0.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    weights = np.where(counts > 0, counts ** (1 - balance), 0.0)
    return np.asarray(weights / weights.sum())


def epoch_rows(
    labels: NDArray[np.int64], classes: int, balance: float, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Row indices of one epoch, shuffled, about as many as there are rows.

    Within a class every row is shown equally often, give or take one: whole rounds, then a random rest.
    """
    quota = shown_shares(labels, classes, balance) * len(labels)
    drawn = []
    for label in range(classes):
        rows = np.flatnonzero(labels == label)
        if len(rows):
            rounds, rest = divmod(max(1, round(quota[label])), len(rows))
            drawn += [np.tile(rows, rounds), rng.permutation(rows)[:rest]]
    return rng.permutation(np.concatenate(drawn))
