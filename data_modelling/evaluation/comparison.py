"""Two ways of answering for the same photos, compared pair by pair in the same bootstrap resamples."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_modelling.evaluation import intervals

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

FIGURES = ("balanced_accuracy", "macro_auc", "accuracy_most_probable")


@dataclass(frozen=True)
class Difference:
    """A figure of the second way less that of the first, and its 95 % interval."""

    value: float
    interval: tuple[float, float]


def compare(
    labels: Labels, groups: Labels, first: tuple[Floats, Labels], second: tuple[Floats, Labels]
) -> dict[str, Difference]:
    """The paired differences second - first of FIGURES.

    labels: (N,) class indices. groups: (N,) indices from 0. first, second: probabilities (N, classes) and
    decisions (N,) of the two ways.
    """
    once = np.ones((1, len(labels)), np.float32)
    plain = _differences(labels, first, second, once)
    parts = [_differences(labels, first, second, weights) for weights in intervals.resamples(groups, labels)]
    return {
        name: Difference(
            float(plain[name][0]), intervals.interval(np.concatenate([part[name] for part in parts]))
        )
        for name in FIGURES
    }


def _differences(
    labels: Labels, first: tuple[Floats, Labels], second: tuple[Floats, Labels], weights: intervals.Weights
) -> dict[str, Floats]:
    one, other = (
        intervals.in_resamples(labels, probability, decided, weights)
        for probability, decided in (first, second)
    )
    return {name: other[name] - one[name] for name in FIGURES}
