"""Compute metrics along the ROC curve of one class against the rest, and the decision curve.

score: (N,) probability of the class. positive: (N,) whether the photo is of the class. weights: (resamples, N), how
often each photo counts in each bootstrap resample. With weights, the result has one more axis in front (`...` in its
shape), with a value for each resample. Photos with the same score are on the same side of every threshold.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.metrics.array_types import Floats, Mask, Weights

SLACK = 1e-9  # tolerance for rounding errors in rates


def roc_points(score: Floats, positive: Mask, weights: Weights | None = None) -> tuple[Floats, Floats]:
    """Return false positive rates and sensitivities (..., thresholds), from (0, 0) to (1, 1).

    The false positive rates are NaN without negatives, the sensitivities without positives.
    """
    order = np.argsort(-score, kind="stable")
    tie_ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    ranked = np.ones(len(score)) if weights is None else weights[:, order].astype(np.float64)

    def rates(mask: Mask) -> Floats:
        counts = np.insert(np.cumsum(ranked * mask[order], axis=-1)[..., tie_ends], 0, 0, axis=-1)
        return ratio(counts, np.broadcast_to(counts[..., -1:], counts.shape))

    return rates(~positive), rates(positive)


def binary_auc(score: Floats, positive: Mask, weights: Weights | None = None) -> Floats:
    """Return the area under the ROC curve, NaN without positives or negatives; ties count half (Mann and Whitney)."""
    if weights is None:
        return binary_auc(score, positive, _once(score))[0]
    if 2 * positive.sum() > len(positive):
        score, positive = -score, ~positive  # the same area, from fewer thresholds
    positives, negatives, all_negatives = _counts_at_positives(score, positive, weights, tied=0.5)
    in_order = (positives * (all_negatives - negatives)).sum(axis=0)
    return ratio(in_order, positives.sum(axis=0) * all_negatives)


def average_precision(score: Floats, positive: Mask, weights: Weights | None = None) -> Floats:
    """Return the mean precision over all thresholds, weighted by the gain in sensitivity, or NaN without positives."""
    if weights is None:
        return average_precision(score, positive, _once(score))[0]
    positives, false_positives, _ = _counts_at_positives(score, positive, weights)
    true_positives = positives.cumsum(axis=0)
    precision = true_positives / np.maximum(true_positives + false_positives, np.finfo(float).tiny)
    return ratio((positives * precision).sum(axis=0), positives.sum(axis=0))


def sensitivity_at_specificity(
    score: Floats, positive: Mask, specificity: float, weights: Weights | None = None
) -> Floats:
    """Return the highest sensitivity that a threshold with at least this specificity has."""
    if weights is None:
        return sensitivity_at_specificity(score, positive, specificity, _once(score))[0]
    positives, negatives, all_negatives = _counts_at_positives(score, positive, weights)
    false_positive_rates = ratio(negatives, np.broadcast_to(all_negatives, negatives.shape))
    allowed = 1 - false_positive_rates >= specificity - SLACK
    best = np.where(allowed, positives.cumsum(axis=0), 0.0).max(axis=0, initial=0.0)
    return ratio(best, positives.sum(axis=0))


def specificity_at_sensitivity(score: Floats, positive: Mask, sensitivity: float) -> float:
    """Return the highest specificity that a threshold with at least this sensitivity has."""
    false_positive_rates, sensitivities = roc_points(score, positive)
    return float(1 - false_positive_rates[sensitivities >= sensitivity - SLACK].min())


def partial_auc_isic(score: Floats, positive: Mask, sensitivity: float = 0.8) -> float:
    """Return the area (0-1) under the ROC curve's part above `sensitivity` (isic-challenge-scoring's auc_sens_80)."""
    false_positive_rates, sensitivities = _roc_above_sensitivity(score, positive, sensitivity)
    return float(np.trapezoid(sensitivities, false_positive_rates))


def partial_auc_kaggle(score: Floats, positive: Mask, sensitivity: float = 0.8) -> float:
    """Return the area below the ROC curve and above `sensitivity`, at most 1 - sensitivity (Kaggle's ISIC 2024)."""
    false_positive_rates, sensitivities = _roc_above_sensitivity(score, positive, sensitivity)
    return float(np.trapezoid(sensitivities - sensitivity, false_positive_rates))


def net_benefit(score: Floats, positive: Mask, thresholds: Floats) -> Floats:
    """Return the net benefit at each threshold t, (thresholds,): TP / n - FP / n * t / (1 - t), for n photos.

    The source is Vickers and Elkin 2006, doi:10.1177/0272989X06295361. A photo with a score of exactly t is flagged.
    """
    flagged = score[None] >= thresholds[:, None]
    true_positives = (flagged & positive).mean(axis=1)
    false_positives = (flagged & ~positive).mean(axis=1)
    return np.asarray(true_positives - false_positives * thresholds / (1 - thresholds))


def ratio(part: NDArray[Any], whole: NDArray[Any]) -> Floats:
    """Return part / whole, or NaN where the whole is 0."""
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)


def _counts_at_positives(
    score: Floats, positive: Mask, weights: Weights, tied: float = 1.0
) -> tuple[Floats, Floats, Floats]:
    """Return counts of photos in each resample, at each score that a positive photo has, from the highest score down.

    The first array, (scores, resamples), counts the positives with the score. The second, (scores, resamples), counts
    the negatives with a higher score, and adds the share `tied` of those with the same score. The third, (resamples,),
    counts all negatives. Between two neighbouring scores, only the count of negatives changes, so these points give the
    whole curve. The counts are exact if the weights are whole numbers, as in a bootstrap.
    """
    levels = np.unique(-score[positive])
    first, after = (np.searchsorted(levels, -score, side=side) for side in ("left", "right"))
    photos, is_tied = np.arange(len(score)), ~positive & (after > first)
    rows = np.concatenate([np.where(positive, first, len(levels) + first), len(levels) + after[is_tied]])
    shares = np.concatenate([np.where(is_tied, tied, 1.0), np.full(is_tied.sum(), 1 - tied)])
    cells = rows, np.concatenate([photos, photos[is_tied]])
    from scipy.sparse import csr_array  # the notebooks use this module without SciPy

    sums = csr_array((shares.astype(weights.dtype), cells), (2 * len(levels) + 1, len(score))) @ weights.T
    negatives = sums[len(levels) :].cumsum(axis=0, dtype=np.float64)
    return sums[: len(levels)].astype(np.float64), negatives[:-1], negatives[-1]


def _once(score: Floats) -> Floats:
    return np.ones((1, len(score)))


def _roc_above_sensitivity(score: Floats, positive: Mask, sensitivity: float) -> tuple[Floats, Floats]:
    """Return false positive rates and sensitivities along the ROC curve, from exactly `sensitivity` up to 1."""
    false_positive_rates, sensitivities = roc_points(score, positive)
    first = int(np.searchsorted(sensitivities, sensitivity, side="left"))
    neighbours = slice(max(first - 1, 0), first + 1)
    first_rate = np.interp(sensitivity, sensitivities[neighbours], false_positive_rates[neighbours])
    return np.insert(false_positive_rates[first:], 0, first_rate), np.insert(
        sensitivities[first:], 0, sensitivity
    )
