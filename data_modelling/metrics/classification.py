"""Compute classification metrics from labels, probabilities and decisions.

Where a function takes weights (resamples, N), it returns one more axis in front: a value for each resample.
"""

import numpy as np
from numpy.typing import NDArray

from data_modelling.metrics.array_types import Floats, Labels, Weights
from data_modelling.metrics.curves import average_precision, binary_auc, ratio


def macro_auc(labels: Labels, probabilities: Floats) -> float:
    """Return the mean one-against-rest AUC over the classes present.

    labels: (N,) class indices; probabilities: (N, classes). NaN when fewer than two classes are present.
    """
    aucs = class_aucs(labels, probabilities)
    return float(np.nanmean(aucs)) if not np.isnan(aucs).all() else np.nan


def class_aucs(labels: Labels, probabilities: Floats, weights: Weights | None = None) -> Floats:
    """Return the one-against-rest AUC of every class, (..., classes); NaN without positives or negatives."""
    columns = enumerate(probabilities.T)
    return np.stack([binary_auc(score, labels == label, weights) for label, score in columns], axis=-1)


def average_precisions(labels: Labels, probabilities: Floats) -> Floats:
    """Return the one-against-rest average precision of every class, (classes,); NaN for a class without photos."""
    return np.array(
        [average_precision(score, labels == label) for label, score in enumerate(probabilities.T)]
    )


def confusion_counts(
    labels: Labels, decisions: Labels, classes: int, weights: Weights | None = None
) -> NDArray[np.int64]:
    """Return the confusion matrix (..., classes, classes): rows are the truth, columns the decision."""
    cells = labels * classes + decisions
    if weights is None:
        return np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    counts = weights @ np.eye(classes**2, dtype=np.float32)[cells]
    return np.rint(counts).astype(np.int64).reshape(-1, classes, classes)


def sensitivities(matrix: NDArray[np.int64]) -> Floats:
    """Return the sensitivity of each class, (..., classes); NaN for a class without photos."""
    return ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1))


def specificities(matrix: NDArray[np.int64]) -> Floats:
    """Return the specificity of each class, (classes,): the share of other photos with another decision."""
    negatives = matrix.sum() - matrix.sum(axis=1)
    false_positives = matrix.sum(axis=0) - np.diag(matrix)
    return ratio(negatives - false_positives, negatives)


def balanced_accuracy(matrix: NDArray[np.int64]) -> float:
    """Return the mean sensitivity over the classes present."""
    return float(np.nanmean(sensitivities(matrix)))


def accuracy(matrix: NDArray[np.int64]) -> float:
    """Return the share of photos with the right decision."""
    return float(np.trace(matrix) / matrix.sum())


def positive_predictive_values(matrix: NDArray[np.int64]) -> Floats:
    """Return the positive predictive value of each class, (classes,); NaN for a class without decisions."""
    return ratio(np.diag(matrix), matrix.sum(axis=0))


def negative_predictive_values(matrix: NDArray[np.int64]) -> Floats:
    """Return the negative predictive value of each class, (classes,)."""
    predicted_negatives = matrix.sum() - matrix.sum(axis=0)
    false_negatives = matrix.sum(axis=1) - np.diag(matrix)
    return ratio(predicted_negatives - false_negatives, predicted_negatives)


def macro_f1(matrix: NDArray[np.int64]) -> float:
    """Return the mean over the classes present of 2 TP / (2 TP + FP + FN)."""
    scores = ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))
    return float(scores[matrix.sum(axis=1) > 0].mean())


def negative_log_likelihood(labels: Labels, probabilities: Floats, weights: Floats | None = None) -> float:
    """Return the mean of -log(probability of the true class), in nats. weights: (N,), of the photos."""
    true_class_probability = probabilities[np.arange(len(labels)), labels]
    logarithms = np.log(np.maximum(true_class_probability, np.finfo(float).tiny))
    return float(-np.average(logarithms, weights=weights))


def brier_score(labels: Labels, probabilities: Floats) -> float:
    """Return the mean over photos of the summed squared errors of all classes, 0 to 2 (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())
