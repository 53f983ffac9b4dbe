"""Calibration error in its common forms, and what a perfectly calibrated model would show on as few photos."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Error = Callable[[Labels, Floats], float]

BINS = 15
DRAWS = 1000


def expected_calibration_error(labels: Labels, probabilities: Floats, bins: int = BINS) -> float:
    """Top-label ECE with bins of equal width (Guo et al. 2017, arXiv:1706.04599).

    labels: (N,) class indices; probabilities: (N, classes).
    """
    confidence, right = _top(labels, probabilities)
    return _gap(confidence, right, equal_width(confidence, bins), bins)


def equal_mass_calibration_error(labels: Labels, probabilities: Floats, bins: int = BINS) -> float:
    """Top-label ECE with bins of equally many photos (Nixon et al. 2019, arXiv:1904.01685)."""
    confidence, right = _top(labels, probabilities)
    return _gap(confidence, right, equal_mass(confidence, bins), bins)


def classwise_calibration_error(labels: Labels, probabilities: Floats, bins: int = BINS) -> float:
    """Mean over the classes of each one's ECE as a question of its own (Kull et al. 2019, arXiv:1910.12656)."""
    errors = [
        _gap(column, labels == label, equal_width(column, bins), bins)
        for label, column in enumerate(probabilities.T)
    ]
    return float(np.mean(errors))


def of_a_perfect_model(
    probabilities: Floats, error: Error = expected_calibration_error, draws: int = DRAWS, seed: int = 0
) -> Floats:
    """The error that these probabilities would show were they true: `draws` values, (draws,).

    Labels are drawn from the probabilities themselves: what is left is chance, not miscalibration.
    """
    rng = np.random.default_rng(seed)
    upper = probabilities.cumsum(axis=1)
    upper[:, -1] = 1
    drawn = (rng.random((draws, len(upper), 1)) > upper).sum(axis=2)
    return np.array([error(labels, probabilities) for labels in drawn])


def equal_width(values: Floats, bins: int) -> Labels:
    """Bin of each value in (0, 1/bins], (1/bins, 2/bins] ...: one on an edge belongs below, as in the paper."""
    return np.clip(np.ceil(values * bins).astype(np.int64) - 1, 0, bins - 1)


def equal_mass(values: Floats, bins: int) -> Labels:
    """Bin of each value when the sorted values are cut into `bins` runs of the same length, give or take one."""
    ranks = np.empty(len(values), np.int64)
    ranks[np.argsort(values, kind="stable")] = np.arange(len(values))
    return ranks * bins // len(values)


def _top(labels: Labels, probabilities: Floats) -> tuple[Floats, NDArray[np.bool_]]:
    return probabilities.max(axis=1), probabilities.argmax(axis=1) == labels


def _gap(confidence: Floats, right: NDArray[np.bool_], which: Labels, bins: int) -> float:
    """Mean over photos of |accuracy - confidence| of their bins."""
    gaps = np.bincount(which, right - confidence, minlength=bins)
    return float(np.abs(gaps).sum() / len(confidence))
