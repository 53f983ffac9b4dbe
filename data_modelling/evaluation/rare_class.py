"""Figures of one rare class against the rest, each with its 95 % interval (bootstrap over groups)."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.evaluation.intervals import interval, resamples
from data_modelling.evaluation.rounding import plain, rounded

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

SPECIFICITIES = (0.9, 0.95)
SLACK = 1e-9  # rounding of sums of weights


@dataclass(frozen=True)
class Judged:
    """Figures by name: whole, and in each resample, (resamples,). The same photos and groups have the same resamples."""

    whole: dict[str, float]
    drawn: dict[str, Floats]

    def as_json(self) -> dict[str, Any]:
        """Each figure, and beside it its interval as `<name>_interval`."""
        return {
            key: value
            for name, found in self.whole.items()
            for key, value in (
                (name, rounded(found)),
                (f"{name}_interval", plain(interval(self.drawn[name]))),
            )
        }


def judge(score: Floats, positive: Truth, groups: Labels) -> Judged:
    """AUC, average precision and sensitivity at SPECIFICITIES.

    score, positive: (N,). groups: (N,) indices from 0, drawn by whether any of their photos is positive.
    """
    once = in_resamples(score, positive, np.ones((1, len(score))))
    has_any = (np.bincount(groups, positive) > 0)[groups].astype(np.int64)
    parts = [in_resamples(score, positive, weights) for weights in resamples(groups, has_any)]
    return Judged(
        {name: float(values[0]) for name, values in once.items()},
        {name: np.concatenate([part[name] for part in parts]) for name in once},
    )


def difference(first: Judged, second: Judged) -> dict[str, Any]:
    """The figures of the second less those of the first, judged on the same photos; with paired intervals."""
    return Judged(
        {name: second.whole[name] - first.whole[name] for name in first.whole},
        {name: second.drawn[name] - first.drawn[name] for name in first.drawn},
    ).as_json()


def in_resamples(score: Floats, positive: Truth, weights: NDArray[np.floating]) -> dict[str, Floats]:
    """The figures in each resample, (resamples,), from weights (resamples, N); photos of one score are one threshold."""
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))
    ranked = weights[:, order].astype(np.float64)
    found, wrong = (np.cumsum(ranked * side[order], axis=1)[:, ends] for side in (positive, ~positive))
    sensitivity, share_wrong = found / found[:, -1:], wrong / wrong[:, -1:]
    start = np.zeros((len(weights), 1))
    steps = np.diff(sensitivity, axis=1, prepend=start)
    middles = 1 - (share_wrong + np.concatenate([start, share_wrong[:, :-1]], axis=1)) / 2
    precision = found / np.maximum(found + wrong, np.finfo(float).tiny)
    return {
        "auc": (steps * middles).sum(axis=1),
        "average_precision": (steps * precision).sum(axis=1),
        **{
            f"sensitivity_at_specificity_{at:g}": np.where(
                1 - share_wrong >= at - SLACK, sensitivity, 0.0
            ).max(axis=1)
            for at in SPECIFICITIES
        },
    }
