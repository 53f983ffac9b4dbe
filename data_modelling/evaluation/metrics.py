"""Figures as pure functions of labels, probabilities and decisions."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_auc_score

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


def macro_auc(labels: Labels, probabilities: Floats) -> float:
    """Mean over the classes present of the one-against-rest AUC (scikit-learn's).

    labels: (N,) class indices; probabilities: (N, classes). NaN when fewer than two classes are present.
    """
    return float(np.mean(list(class_aucs(labels, probabilities).values()) or [np.nan]))


def class_aucs(labels: Labels, probabilities: Floats) -> dict[int, float]:
    """One-against-rest AUC of every class that has both positives and negatives, by class index."""
    present = [label for label in range(probabilities.shape[1]) if 0 < np.sum(labels == label) < len(labels)]
    return {label: float(roc_auc_score(labels == label, probabilities[:, label])) for label in present}


def confusion(labels: Labels, decisions: Labels, classes: int) -> NDArray[np.int64]:
    """Counts (classes, classes): rows are the truth, columns the decision."""
    return np.bincount(labels * classes + decisions, minlength=classes**2).reshape(classes, classes)


def sensitivities(matrix: NDArray[np.int64]) -> Floats:
    """Share of each true class that is decided right, (classes,); NaN for a class without photos."""
    return _share(np.diag(matrix), matrix.sum(axis=1))


def specificities(matrix: NDArray[np.int64]) -> Floats:
    """Share of the other classes' photos that are not decided as each class, (classes,)."""
    others = matrix.sum() - matrix.sum(axis=1)
    wrong = matrix.sum(axis=0) - np.diag(matrix)
    return _share(others - wrong, others)


def balanced_accuracy(matrix: NDArray[np.int64]) -> float:
    """Mean sensitivity over the classes present."""
    return float(np.nanmean(sensitivities(matrix)))


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Share of photos decided right."""
    return float(np.trace(matrix) / matrix.sum())


def expected_calibration_error(labels: Labels, probabilities: Floats, bins: int = 15) -> float:
    """Top-label ECE with bins of equal width (Guo et al. 2017, arXiv:1706.04599)."""
    confidence = probabilities.max(axis=1)
    right = probabilities.argmax(axis=1) == labels
    # A confidence on an edge belongs to the bin below it, as in the paper: (0, 1/15], (1/15, 2/15], ...
    which = np.clip(np.ceil(confidence * bins).astype(int) - 1, 0, bins - 1)
    gaps = np.bincount(which, right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(labels))


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
