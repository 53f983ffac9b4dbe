"""Which rows an epoch shows: class imbalance, answered by drawing row indices, of the training part only.

Row indices are resampled, never photos: imbalanced-learn's samplers take no arrays of more than two dimensions.
"""

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray

from data_modelling.settings import TrainingSettings
from data_modelling.training.shares import drawn_shares

Labels = NDArray[np.int64]


def epoch_rows(
    labels: Labels, classes: int, training: TrainingSettings, rng: np.random.Generator
) -> NDArray[np.int64]:
    """Row indices of one epoch, shuffled.

    With `photos_a_class` each class has that many: rarer ones by RandomOverSampler, commoner ones by
    RandomUnderSampler. Else as many as there are rows, give or take a few, each class its share by `balance`;
    within a class every row is shown equally often, give or take one: whole rounds, then a random rest.
    """
    if training.photos_a_class:
        return rng.permutation(_sampled(labels, training.photos_a_class, rng))
    quota = drawn_shares(labels, classes, training.balance) * len(labels)
    drawn = []
    for label in range(classes):
        rows = np.flatnonzero(labels == label)
        if len(rows):
            rounds, rest = divmod(max(1, round(quota[label])), len(rows))
            drawn += [np.tile(rows, rounds), rng.permutation(rows)[:rest]]
    return rng.permutation(np.concatenate(drawn))


def _sampled(labels: Labels, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Row indices of which each class that is present has `count`."""
    rows, kept = np.arange(len(labels))[:, None], labels
    present = np.bincount(labels)
    for sampler, chosen in (
        (RandomUnderSampler, dict.fromkeys(np.flatnonzero(present > count), count)),
        (RandomOverSampler, dict.fromkeys(np.flatnonzero((present > 0) & (present < count)), count)),
    ):
        if chosen and np.count_nonzero(present) > 1:
            made = sampler(sampling_strategy=chosen, random_state=int(rng.integers(2**31)))
            rows, kept = made.fit_resample(rows, kept)
    return np.asarray(rows[:, 0], np.int64)
