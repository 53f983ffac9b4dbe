"""Two ways of answering for the same photos, compared pair by pair in the same bootstrap resamples."""

from collections.abc import Sequence
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
    return differences(*(intervals.judge(labels, *way, groups) for way in (first, second)))


def differences(
    first: intervals.Judged, second: intervals.Judged, names: Sequence[str] = FIGURES
) -> dict[str, Difference]:
    """The paired differences second - first of the figures `names`, both judged on the same photos."""
    return {
        name: Difference(
            float(second.whole[name] - first.whole[name]),
            intervals.interval(second.drawn[name] - first.drawn[name]),
        )
        for name in names
    }
