"""Figures along the ROC curve of one class against the rest, and the decision curve.

score: (N,) probability of the class. positive: (N,) whether the photo is of it; both kinds must be present.
"""

import numpy as np
from numpy.typing import NDArray
from sklearn.metrics import roc_curve

Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]


def partial_auc_isic(score: Floats, positive: Truth, sensitivity: float = 0.8) -> float:
    """Area under the part of the ROC curve at or above `sensitivity`, down to the axis; 0 to 1.

    `auc_sens_80` of isic-challenge-scoring.
    """
    specific, found = _above(score, positive, sensitivity)
    return float(np.trapezoid(found, specific))


def partial_auc_kaggle(score: Floats, positive: Truth, sensitivity: float = 0.8) -> float:
    """Area between the ROC curve and the line at `sensitivity`; 0 to 1 - sensitivity.

    The measure of Kaggle's ISIC 2024 competition.
    """
    specific, found = _above(score, positive, sensitivity)
    return float(np.trapezoid(found - sensitivity, specific))


def sensitivity_at_specificity(score: Floats, positive: Truth, specificity: float) -> float:
    """The best sensitivity of a threshold with at least this specificity."""
    false_positives, found, _ = roc_curve(positive, score, drop_intermediate=False)
    return float(found[1 - false_positives >= specificity - 1e-12].max())


def specificity_at_sensitivity(score: Floats, positive: Truth, sensitivity: float) -> float:
    """The best specificity of a threshold with at least this sensitivity."""
    false_positives, found, _ = roc_curve(positive, score, drop_intermediate=False)
    return float(1 - false_positives[found >= sensitivity - 1e-12].min())


def net_benefit(score: Floats, positive: Truth, thresholds: Floats) -> Floats:
    """Net benefit at each threshold, (thresholds,): TP/n - FP/n t/(1-t) (Vickers and Elkin 2006,
    doi:10.1177/0272989X06295361). A photo at the threshold counts as flagged.
    """
    flagged = score[None] >= thresholds[:, None]
    found = (flagged & positive).mean(axis=1)
    wrong = (flagged & ~positive).mean(axis=1)
    return np.asarray(found - wrong * thresholds / (1 - thresholds))


def _above(score: Floats, positive: Truth, sensitivity: float) -> tuple[Floats, Floats]:
    """False positive rate and sensitivity along the curve from exactly `sensitivity` on."""
    false_positives, found, _ = roc_curve(positive, score, drop_intermediate=False)
    first = int(np.searchsorted(found, sensitivity, side="left"))
    around = slice(max(first - 1, 0), first + 1)
    start = np.interp(sensitivity, found[around], false_positives[around])
    return np.insert(false_positives[first:], 0, start), np.insert(found[first:], 0, sensitivity)
