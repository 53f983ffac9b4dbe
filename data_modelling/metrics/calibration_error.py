"""Compute the expected calibration error (ECE) in three forms, and the ECE that a perfect model would have by chance.

The ECE is the mean gap between predicted probability and observed frequency, over bins of similar probability.
"""

from collections.abc import Callable

import numpy as np

from data_modelling.inference.decision import CALIBRATION_BINS
from data_modelling.metrics.array_types import Floats, Labels, Mask, Weights
from data_modelling.metrics.curves import ratio

Error = Callable[[Labels, Floats], Floats]

DRAWS = 1000  # number of simulated sets of labels


def expected_calibration_error(
    labels: Labels, probabilities: Floats, bins: int = CALIBRATION_BINS, weights: Weights | None = None
) -> Floats:
    """Return the ECE of the most probable class, with bins of equal width (Guo et al. 2017, arXiv:1706.04599).

    labels: (N,) class indices; probabilities: (N, classes). With weights (resamples, N), the result is (resamples,).
    """
    confidence, correct = _top(labels, probabilities)
    return _gap(confidence, correct, equal_width_bins(confidence, bins), bins, weights)


def equal_mass_calibration_error(
    labels: Labels, probabilities: Floats, bins: int = CALIBRATION_BINS
) -> Floats:
    """Return the ECE of the most probable class, in bins with equal counts (Nixon et al. 2019, arXiv:1904.01685)."""
    confidence, correct = _top(labels, probabilities)
    return _gap(confidence, correct, equal_mass_bins(confidence, bins), bins)


def classwise_calibration_error(labels: Labels, probabilities: Floats, bins: int = CALIBRATION_BINS) -> float:
    """Return the one-against-rest ECE, averaged over the classes (Kull et al. 2019, arXiv:1910.12656)."""
    errors = [
        _gap(column, labels == label, equal_width_bins(column, bins), bins)
        for label, column in enumerate(probabilities.T)
    ]
    return float(np.mean(errors))


def errors_of_perfect_model(
    probabilities: Floats, error: Error = expected_calibration_error, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """Return the calibration errors (draws,) that a perfect model with these probabilities would have by chance.

    Each error comes from its own set of labels, which are drawn from the photos' probabilities.
    """
    rng = np.random.default_rng(seed)
    upper = probabilities.cumsum(axis=1)
    upper[:, -1] = 1
    simulated_labels = (rng.random((draws, len(upper), 1)) > upper).sum(axis=2)
    return np.array([error(labels, probabilities) for labels in simulated_labels])


def reliability_bins(
    labels: Labels, probabilities: Floats, bins: int = CALIBRATION_BINS
) -> list[tuple[int, float, float]]:
    """Return the number of photos, mean confidence and accuracy of each bin that has photos; bins have equal width."""
    confidence, correct = _top(labels, probabilities)
    bin_indices = equal_width_bins(confidence, bins)
    return [
        (int(in_bin.sum()), float(confidence[in_bin].mean()), float(correct[in_bin].mean()))
        for bin_index in range(bins)
        if (in_bin := bin_indices == bin_index).any()
    ]


def equal_width_bins(values: Floats, bins: int) -> Labels:
    """Return the index of the bin of each value: (0, 1/bins], (1/bins, 2/bins], and so on, as in Guo et al. 2017."""
    return np.clip(np.ceil(values * bins).astype(np.int64) - 1, 0, bins - 1)


def equal_mass_bins(values: Floats, bins: int) -> Labels:
    """Return the index of the bin of each value. The bins are consecutive and have about equally many values."""
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks * bins // len(values)


def _top(labels: Labels, probabilities: Floats) -> tuple[Floats, Mask]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == labels


def _gap(
    confidence: Floats, correct: Mask, bin_indices: Labels, bins: int, weights: Weights | None = None
) -> Floats:
    """Return the mean, over the photos, of the gap |accuracy - confidence| of each photo's bin."""
    if weights is None:
        return _gap(confidence, correct, bin_indices, bins, np.ones((1, len(confidence))))[0]
    gaps = weights.astype(np.float64) @ (np.eye(bins)[bin_indices] * (correct - confidence)[:, None])
    return ratio(np.abs(gaps).sum(axis=-1), weights.sum(axis=-1, dtype=np.float64))
