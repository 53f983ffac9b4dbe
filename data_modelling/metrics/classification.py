"""Compute classification metrics from labels, probabilities and decisions.

weights: (resamples, N), how often each photo counts in each resample of a bootstrap. With weights, a result has one
more axis in front (`...` in its shape), with a value per resample. But negative_log_likelihood takes weights (N,).
"""

import numpy as np

from data_modelling.metrics.array_types import Floats, Labels, Weights
from data_modelling.metrics.curves import average_precision, binary_auc, ratio

FEWEST_ANSWERED = 5  # answered photos that each class needs; with fewer, the balanced error is mostly chance


def macro_auc(labels: Labels, probabilities: Floats) -> float:
    """Return the mean one-against-rest AUC over the classes present.

    labels: (N,) class indices; probabilities: (N, classes). The result is NaN when fewer than two classes are present.
    """
    aucs = class_aucs(labels, probabilities)
    return float(np.nanmean(aucs)) if not np.isnan(aucs).all() else np.nan


def class_aucs(labels: Labels, probabilities: Floats, weights: Weights | None = None) -> Floats:
    """Return the one-against-rest AUC of every class, (..., classes), or NaN without positives or negatives."""
    columns = enumerate(probabilities.T)
    return np.stack([binary_auc(score, labels == label, weights) for label, score in columns], axis=-1)


def average_precisions(labels: Labels, probabilities: Floats) -> Floats:
    """Return the one-against-rest average precision of every class, (classes,), or NaN for a class without photos."""
    return np.array(
        [average_precision(score, labels == label) for label, score in enumerate(probabilities.T)]
    )


def confusion_counts(
    labels: Labels, decisions: Labels, classes: int, weights: Weights | None = None
) -> Labels:
    """Return the confusion matrix (..., classes, classes): rows are the truth, columns the decision."""
    cells = labels * classes + decisions
    if weights is None:
        return np.bincount(cells, minlength=classes**2).reshape(classes, classes)
    counts = weights @ np.eye(classes**2, dtype=np.float32)[cells]
    return np.rint(counts).astype(np.int64).reshape(-1, classes, classes)


def sensitivities(matrix: Labels) -> Floats:
    """Return the sensitivity of each class, (..., classes), or NaN for a class without photos."""
    return ratio(np.diagonal(matrix, axis1=-2, axis2=-1), matrix.sum(axis=-1))


def class_rates(matrix: Labels) -> dict[str, Floats]:
    """Return specificity and predictive values of each class against the rest, (classes,) each, or NaN for 0 / 0."""
    right, truth, decided = np.diag(matrix), matrix.sum(axis=1), matrix.sum(axis=0)
    true_negatives = matrix.sum() - truth - decided + right
    return {
        "specificity": ratio(true_negatives, matrix.sum() - truth),
        "positive_predictive_value": ratio(right, decided),
        "negative_predictive_value": ratio(true_negatives, matrix.sum() - decided),
    }


def balanced_accuracy(matrix: Labels) -> float:
    """Return the mean sensitivity over the classes present."""
    return float(np.nanmean(sensitivities(matrix)))


def accuracy(matrix: Labels) -> float:
    """Return the share of photos with the right decision."""
    return float(np.trace(matrix) / matrix.sum())


def macro_f1(matrix: Labels) -> float:
    """Return the mean F1 score, 2 TP / (2 TP + FP + FN), over the classes present."""
    scores = ratio(2 * np.diag(matrix), matrix.sum(axis=0) + matrix.sum(axis=1))
    return float(scores[matrix.sum(axis=1) > 0].mean())


def negative_log_likelihood(labels: Labels, probabilities: Floats, weights: Floats | None = None) -> float:
    """Return the mean of -log(probability of the true class), in nats. weights: (N,), one per photo."""
    true_class_probability = probabilities[np.arange(len(labels)), labels]
    logarithms = np.log(np.maximum(true_class_probability, np.finfo(float).tiny))
    return float(-np.average(logarithms, weights=weights))


def brier_score(labels: Labels, probabilities: Floats) -> float:
    """Return the mean over photos of the summed squared errors of all classes, 0 to 2 (Brier 1950)."""
    truth = np.eye(probabilities.shape[1])[labels]
    return float(((probabilities - truth) ** 2).sum(axis=1).mean())


def selective_risks(
    labels: Labels, probability: Floats, decisions: Labels, shares: Floats
) -> tuple[Floats, Floats]:
    """Return error and balanced error of the decisions if only the most certain photos are answered.

    The source is Geifman and El-Yaniv 2017, arXiv:1705.08500. The certainty of a photo is the probability of its most
    probable class. labels, decisions: (N,). probability: (N, classes). shares: (M,), the answered shares, in (0, 1].
    Returns two arrays (M,): the error (share of wrong decisions) and the balanced error (one minus the balanced
    accuracy). The balanced error is NaN if a class of `labels` has under FEWEST_ANSWERED answered photos.
    """
    classes = probability.shape[1]
    present = np.isin(np.arange(classes), labels)
    most_certain_first = np.argsort(-probability.max(axis=1), kind="stable")
    errors, balanced_errors = [], []
    for share in shares:
        answered = most_certain_first[: max(1, round(share * len(labels)))]
        matrix = confusion_counts(labels[answered], decisions[answered], classes)
        errors.append(float(np.mean(labels[answered] != decisions[answered])))
        has_enough = matrix.sum(axis=1)[present].min() >= FEWEST_ANSWERED
        balanced_errors.append(1 - balanced_accuracy(matrix) if has_enough else np.nan)
    return np.array(errors), np.array(balanced_errors)
