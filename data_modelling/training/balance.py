"""Which rows an epoch shows and what each weighs: class imbalance, answered in the training part only.

Row indices are resampled, never photos: imbalanced-learn's samplers take no arrays of more than two dimensions.
"""

import numpy as np
from imblearn.over_sampling import RandomOverSampler
from imblearn.under_sampling import RandomUnderSampler
from numpy.typing import NDArray

from data_modelling.settings import TrainingSettings

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


def shown_shares(labels: Labels, classes: int, training: TrainingSettings) -> Floats:
    """Share of each class in what the loss of an epoch sees, (classes,): the shares that the network learns.

    A class without rows stays at 0.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    shown = np.where(counts > 0, _powers(counts, 1 - training.balance), 0.0)
    if training.photos_a_class:
        shown = (counts > 0).astype(float)
    shown = shown * weights_a_class(labels, classes, training.class_weights)
    return np.asarray(shown / shown.sum())


def actual_shares(labels: Labels, classes: int) -> Floats:
    """Share of each class as it comes, (classes,)."""
    return np.asarray(np.bincount(labels, minlength=classes) / len(labels))


def weights_a_class(labels: Labels, classes: int, power: float) -> Floats:
    """What a photo of each class weighs in the loss, (classes,), proportional to 1 / count^power.

    Their mean over the photos is 1, so that the learning rate keeps its meaning.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    weights = _powers(counts, -power)
    return np.asarray(weights * counts.sum() / (weights * counts).sum())


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
    quota = _quota(labels, classes, training.balance)
    drawn = []
    for label in range(classes):
        rows = np.flatnonzero(labels == label)
        if len(rows):
            rounds, rest = divmod(max(1, round(quota[label])), len(rows))
            drawn += [np.tile(rows, rounds), rng.permutation(rows)[:rest]]
    return rng.permutation(np.concatenate(drawn))


def _quota(labels: Labels, classes: int, balance: float) -> Floats:
    counts = np.bincount(labels, minlength=classes).astype(float)
    powers = np.where(counts > 0, _powers(counts, 1 - balance), 0.0)
    return np.asarray(powers / powers.sum() * len(labels))


def _powers(counts: Floats, power: float) -> Floats:
    return np.asarray(np.maximum(counts, 1) ** power)


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
