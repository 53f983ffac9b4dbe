"""Draws the rows of an epoch so that rare classes are seen often enough, and computes the resulting class shares.

Row indices are resampled, not photos, because imbalanced-learn's samplers take no arrays of more than two dimensions.
"""

import numpy as np
from numpy.typing import NDArray

from data_modelling.settings import TrainingSettings

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

MOST_ROUNDS = 6  # largest number of times that an epoch with `source_balance` draws a photo


def draw_epoch_rows(
    labels: Labels,
    classes: int,
    training: TrainingSettings,
    rng: np.random.Generator,
    sources: NDArray[np.str_] | None = None,
) -> NDArray[np.int64]:
    """Return the row indices of one epoch, shuffled.

    If training.photos_a_class is not 0, the epoch has this number of rows of each class (see `_sample_per_class`).
    Otherwise it has about as many rows as there are photos, and training.balance sets the share of each class. All rows
    of a class (or of a source in it) are then drawn equally often, but a random part of them is drawn once more.

    Without photos_a_class, a training.source_balance above 0 sets the shares of the sources in a class. Two sources
    have the same ratio in all classes that contain both, so a photo's source says little about its class. No photo is
    drawn more than MOST_ROUNDS times, so a source with few photos gets fewer rows than its share. sources: (N,).
    """
    if training.photos_a_class:
        return rng.permutation(_sample_per_class(labels, training.photos_a_class, rng))
    quota = sampling_prior(labels, classes, training.balance) * len(labels)
    drawn: list[NDArray[np.int64]] = []
    for label in np.unique(labels):
        rows = np.flatnonzero(labels == label)
        parts = [(rows, round(quota[label]))]
        if sources is not None and training.source_balance:
            shares = source_shares(sources, sources[rows], training.source_balance)
            by_source = [(rows[sources[rows] == name], share) for name, share in shares.items()]
            parts = [
                (some, min(round(share * quota[label]), MOST_ROUNDS * len(some))) for some, share in by_source
            ]
        for some, count in parts:
            rounds, rest = divmod(max(1, count), len(some))
            drawn += [np.tile(some, rounds), rng.permutation(some)[:rest]]
    return rng.permutation(np.concatenate(drawn))


def source_shares(sources: NDArray[np.str_], present: NDArray[np.str_], balance: float) -> dict[str, float]:
    """Return a share for each source in `present`, proportional to n^(1 - balance) if `sources` has it n times."""
    names, counts = np.unique(sources, return_counts=True)
    weights = dict(zip(names.tolist(), (counts ** (1.0 - balance)).tolist(), strict=True))
    there = np.unique(present).tolist()
    total = sum(weights[name] for name in there)
    return {name: weights[name] / total for name in there}


def _sample_per_class(labels: Labels, count: int, rng: np.random.Generator) -> NDArray[np.int64]:
    """Return `count` row indices for each class, chosen at random, or all row indices if only one class has rows."""
    # Imported here, so that the other functions of this module work without imbalanced-learn, as in the notebooks.
    from imblearn.over_sampling import RandomOverSampler
    from imblearn.under_sampling import RandomUnderSampler

    rows, sampled_labels = np.arange(len(labels))[:, None], labels
    counts = dict(zip(*np.unique(labels, return_counts=True), strict=True))
    for sampler, strategy in (
        (RandomUnderSampler, {label: count for label, photos in counts.items() if photos > count}),
        (RandomOverSampler, {label: count for label, photos in counts.items() if photos < count}),
    ):
        if strategy and len(counts) > 1:
            resampler = sampler(sampling_strategy=strategy, random_state=int(rng.integers(2**31)))
            rows, sampled_labels = resampler.fit_resample(rows, sampled_labels)
    return np.asarray(rows[:, 0], np.int64)


def training_prior(labels: Labels, classes: int, training: TrainingSettings) -> Floats:
    """Return the share of each class in the loss of an epoch, (classes,). The network learns these shares as its prior.

    The share of a class without rows is 0.
    """
    shares = sampling_prior(labels, classes, 1.0 if training.photos_a_class else training.balance)
    shares = shares * class_loss_weights(labels, classes, training.class_weights)
    return np.asarray(shares / shares.sum())


def sampling_prior(labels: Labels, classes: int, balance: float) -> Floats:
    """Return the share of each class in an epoch, (classes,), proportional to n^(1 - balance) for a class of n labels.

    A balance of 0 gives the shares in `labels`, and 1 gives equal shares. A class without labels always gets 0.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    weights = np.where(counts > 0, counts ** (1 - balance), 0.0)
    return np.asarray(weights / weights.sum())


def empirical_prior(labels: Labels, classes: int) -> Floats:
    """Return the share of each class in the data, (classes,)."""
    return np.asarray(np.bincount(labels, minlength=classes) / len(labels))


def class_loss_weights(labels: Labels, classes: int, power: float) -> Floats:
    """Return the loss weight of a photo of each class, (classes,), proportional to 1 / n^power for a class of n photos.

    The mean weight over the photos of `labels` is 1.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    weights = np.maximum(counts, 1) ** -power
    return np.asarray(weights * counts.sum() / (weights * counts).sum())


def prior_shift(trained_prior: Floats, true_prior: Floats) -> Floats:
    """Return log(true prior / training prior) for each class, (classes,).

    Logits plus this shift fit the true prior (Saerens et al. 2002, doi:10.1162/089976602753284446). The shift is 0 for
    a class whose training prior or true prior is 0.
    """
    positive = (trained_prior > 0) & (true_prior > 0)
    return np.where(
        positive,
        np.log(np.where(positive, true_prior, 1)) - np.log(np.where(positive, trained_prior, 1)),
        0.0,
    )
