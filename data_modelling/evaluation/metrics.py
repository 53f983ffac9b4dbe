"""Figures as pure functions of labels, probabilities and decisions."""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

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


def average_precisions(labels: Labels, probabilities: Floats) -> dict[int, float]:
    """One-against-rest average precision of every class that is present, by class index."""
    present = [label for label in range(probabilities.shape[1]) if np.any(labels == label)]
    return {
        label: float(average_precision_score(labels == label, probabilities[:, label])) for label in present
    }


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


def positive_predictive_values(matrix: NDArray[np.int64]) -> Floats:
    """Share of the photos decided as each class that are of it, (classes,); NaN for one never decided."""
    return _share(np.diag(matrix), matrix.sum(axis=0))


def negative_predictive_values(matrix: NDArray[np.int64]) -> Floats:
    """Share of the photos decided otherwise that are not of each class, (classes,)."""
    otherwise = matrix.sum() - matrix.sum(axis=0)
    missed = matrix.sum(axis=1) - np.diag(matrix)
    return _share(otherwise - missed, otherwise)


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Mean over the classes present of 2 TP / (2 TP + FP + FN)."""
    scores = _share(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))
    return float(scores[matrix.sum(axis=1) > 0].mean())


def negative_log_likelihood(labels: Labels, probabilities: Floats) -> float:
    """Mean of -log(probability of the true class), in nats."""
    of_truth = probabilities[np.arange(len(labels)), labels]
    return float(-np.log(np.maximum(of_truth, np.finfo(float).tiny)).mean())


def brier_score(labels: Labels, probabilities: Floats) -> float:
    """Mean over photos of the summed squared errors of all classes, 0 to 2 (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def _share(part: NDArray[np.int64], whole: NDArray[np.int64]) -> Floats:
    return np.divide(part, whole, out=np.full(len(whole), np.nan), where=whole > 0)
