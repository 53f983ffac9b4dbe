"""The shares of the classes: as they come, as an epoch draws them, and as the loss sees them."""

import numpy as np
from numpy.typing import NDArray

from data_modelling.settings import TrainingSettings

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


def shown_shares(labels: Labels, classes: int, training: TrainingSettings) -> Floats:
    """Share of each class in what the loss of an epoch sees, (classes,): the shares that the network learns.

    A class without rows stays at 0.
    """
    shown = drawn_shares(labels, classes, 1.0 if training.photos_a_class else training.balance)
    shown = shown * weights_a_class(labels, classes, training.class_weights)
    return np.asarray(shown / shown.sum())


def drawn_shares(labels: Labels, classes: int, balance: float) -> Floats:
    """Share of each class in what an epoch draws, (classes,), proportional to count^(1 - balance).

    0 leaves the shares as they are, 1 draws every class equally often; a class without rows stays at 0.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    weights = np.where(counts > 0, counts ** (1 - balance), 0.0)
    return np.asarray(weights / weights.sum())


def actual_shares(labels: Labels, classes: int) -> Floats:
    """Share of each class as it comes, (classes,)."""
    return np.asarray(np.bincount(labels, minlength=classes) / len(labels))


def weights_a_class(labels: Labels, classes: int, power: float) -> Floats:
    """What a photo of each class weighs in the loss, (classes,), proportional to 1 / count^power.

    Their mean over the photos is 1, so that the learning rate keeps its meaning.
    """
    counts = np.bincount(labels, minlength=classes).astype(float)
    weights = np.maximum(counts, 1) ** -power
    return np.asarray(weights * counts.sum() / (weights * counts).sum())
