"""95 % intervals by the bootstrap over groups (Efron and Tibshirani 1993), stratified by class, vectorised.

A resample draws, within each class, as many groups as there are, with replacement: photos of one lesion
come and go together. It is held as a weight a photo: how often the photo's group was drawn. Every figure
below takes such weights (resamples, N) and gives its value in each resample.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation.reliability import BINS, equal_width

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Weights = NDArray[np.float32]

RESAMPLES = 2000
SEED = 95
AT_ONCE = 250  # resamples held in memory together
BOUNDS = (2.5, 97.5)  # per cent
Z_95 = 1.959964  # of the normal distribution: 95 % lie within


def resamples(groups: Labels, labels: Labels, count: int = RESAMPLES, seed: int = SEED) -> Iterator[Weights]:
    """Weights (up to AT_ONCE, N) of `count` resamples, part by part.

    groups: (N,) group of each photo, as indices from 0. labels: (N,) class indices; a group belongs to the
    class of its first photo.
    """
    rng = np.random.default_rng(seed)
    _, first = np.unique(groups, return_index=True)
    class_of_group = labels[first]
    for start in range(0, count, AT_ONCE):
        drawn = np.zeros((min(AT_ONCE, count - start), len(first)), np.float32)
        for label in np.unique(class_of_group):
            members = np.flatnonzero(class_of_group == label)
            even = np.full(len(members), 1 / len(members))
            drawn[:, members] = rng.multinomial(len(members), even, size=len(drawn))
        yield drawn[:, groups]


@dataclass(frozen=True)
class Judged:
    """The figures of one way of answering: whole: each as it is; drawn: in each resample, (resamples, ...).

    Two ways that are judged on the same photos have the same resamples, so that their figures are pairs.
    """

    whole: dict[str, Floats]
    drawn: dict[str, Floats]

    def intervals(self) -> dict[str, tuple[float, float] | list[tuple[float, float]]]:
        """95 % intervals; those of a class as lists in the order of the classes."""
        return {
            name: interval(values) if values.ndim == 1 else [interval(column) for column in values.T]
            for name, values in self.drawn.items()
        }


def judge(
    labels: Labels,
    probability: Floats,
    decided: Labels,
    groups: Labels,
    counted: NDArray[np.bool_] | None = None,
) -> Judged:
    """The figures of one way of answering, whole and in each resample.

    labels, decided: (N,) class indices. probability: (N, classes). groups: (N,) indices from 0. counted:
    (classes,) which classes balanced accuracy and macro AUC are over; default those present. Classes are
    drawn by themselves, so that one that is present is present in every resample.
    """
    once = np.ones((1, len(labels)), np.float32)
    whole = in_resamples(labels, probability, decided, once, counted)
    parts = [
        in_resamples(labels, probability, decided, weights, counted) for weights in resamples(groups, labels)
    ]
    drawn = {name: np.concatenate([part[name] for part in parts]) for name in whole}
    return Judged({name: values[0] for name, values in whole.items()}, drawn)


def figures(
    labels: Labels,
    probability: Floats,
    decided: Labels,
    groups: Labels,
    counted: NDArray[np.bool_] | None = None,
) -> dict[str, tuple[float, float] | list[tuple[float, float]]]:
    """95 % intervals of the figures of one way of answering; the arguments are those of `judge`."""
    return judge(labels, probability, decided, groups, counted).intervals()


def in_resamples(
    labels: Labels,
    probability: Floats,
    decided: Labels,
    weights: Weights,
    counted: NDArray[np.bool_] | None = None,
) -> dict[str, Floats]:
    """The figures of one mode in each resample, (resamples,), or (resamples, classes) for those of a class."""
    if counted is None:
        counted = np.isin(np.arange(probability.shape[1]), labels)
    aucs = weighted_aucs(labels, probability, weights)
    found = weighted_sensitivities(labels, decided, weights, probability.shape[1])
    most_probable = (probability.argmax(axis=1) == labels).astype(float)
    return {
        "balanced_accuracy": found[:, counted].mean(axis=1),
        "macro_auc": aucs[:, counted].mean(axis=1),
        "accuracy_most_probable": weighted_mean(most_probable, weights),
        "expected_calibration_error": weighted_calibration_error(labels, probability, weights),
        "auc": aucs,
        "sensitivity": found,
    }


def group_indices(groups: pd.Series) -> Labels:
    """Group names as indices from 0, (N,)."""
    return pd.factorize(groups)[0].astype(np.int64)


def interval(values: Floats) -> tuple[float, float]:
    """The percentile interval of a figure's values in the resamples; NaN for one that never exists."""
    known = values[~np.isnan(values)]
    low, high = np.percentile(known, BOUNDS) if len(known) else (np.nan, np.nan)
    return float(low), float(high)


def wilson(hits: np.ndarray, count: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Ends of the 95 % interval of a share (Wilson 1927, J Am Stat Assoc 22:209)."""
    share, extra = hits / count, Z_95**2 / count
    centre = (share + extra / 2) / (1 + extra)
    half = Z_95 / (1 + extra) * np.sqrt(share * (1 - share) / count + extra / count / 4)
    return centre - half, centre + half


def weighted_aucs(labels: Labels, probability: Floats, weights: Weights) -> Floats:
    """One-against-rest AUC of each class in each resample, (resamples, classes); NaN where undefined.

    Mann and Whitney's statistic with ties counted half, from sums over blocks of equal scores.
    """
    return np.stack(
        [
            _weighted_auc(labels == label, probability[:, label], weights)
            for label in range(probability.shape[1])
        ],
        axis=1,
    )


def _weighted_auc(positive: NDArray[np.bool_], score: Floats, weights: Weights) -> Floats:
    order = np.argsort(score, kind="stable")
    ranked = score[order]
    starts = np.flatnonzero(np.concatenate([[True], ranked[1:] != ranked[:-1]]))
    of_positives, of_negatives = (
        np.add.reduceat(weights[:, order].astype(np.float64) * side[order], starts, axis=1)
        for side in (positive, ~positive)
    )
    below = np.cumsum(of_negatives, axis=1) - of_negatives
    in_order = (of_positives * (below + of_negatives / 2)).sum(axis=1)
    pairs = of_positives.sum(axis=1) * of_negatives.sum(axis=1)
    return _ratio(in_order, pairs)


def auc_interval(score: Floats, positive: NDArray[np.bool_], groups: Labels) -> tuple[float, float]:
    """95 % interval of the AUC of one question; score, positive: (N,). Groups are drawn by whether any of
    their photos is positive, since a patient may have lesions of both kinds.
    """
    return interval(drawn_aucs(score, positive, groups))


def drawn_aucs(score: Floats, positive: NDArray[np.bool_], groups: Labels) -> Floats:
    """The AUC of one question in each resample, (resamples,), drawn as for `auc_interval`."""
    strata = _has_any(positive, groups)
    return np.concatenate([_weighted_auc(positive, score, weights) for weights in resamples(groups, strata)])


def share_interval(
    chosen: NDArray[np.bool_], among: NDArray[np.bool_], groups: Labels
) -> tuple[float, float]:
    """95 % interval of the share of `among` that is `chosen`, such as a sensitivity; both (N,)."""
    parts = [
        _ratio(
            weights.astype(np.float64) @ (chosen & among).astype(float),
            weights.astype(np.float64) @ among.astype(float),
        )
        for weights in resamples(groups, _has_any(among, groups))
    ]
    return interval(np.concatenate(parts))


def balanced_accuracy_interval(labels: Labels, decided: Labels, groups: Labels) -> tuple[float, float]:
    """95 % interval of the mean sensitivity over the classes present."""
    present = np.unique(labels)
    classes = int(max(labels.max(), decided.max())) + 1
    parts = [
        weighted_sensitivities(labels, decided, weights, classes)[:, present].mean(axis=1)
        for weights in resamples(groups, labels)
    ]
    return interval(np.concatenate(parts))


def roc_band(score: Floats, positive: NDArray[np.bool_], groups: Labels, at: Floats) -> tuple[Floats, Floats]:
    """Bounds of the 95 % band of the sensitivity at each false positive rate in `at`; two of (rates,).

    The bounds hold at each rate by itself, not for the curve as a whole.
    """
    order = np.argsort(-score, kind="stable")
    ends = np.flatnonzero(np.append(np.diff(score[order]) != 0, True))  # a threshold takes all of a tie
    found = []
    for weights in resamples(groups, _has_any(positive, groups)):
        curves = [
            np.cumsum(weights[:, order].astype(np.float64) * side[order], axis=1)[:, ends]
            for side in (positive, ~positive)
        ]
        sensitivity, wrong = (_ratio(one, np.broadcast_to(one[:, -1:], one.shape)) for one in curves)
        found += [
            np.interp(at, np.append(0, x), np.append(0, y)) for x, y in zip(wrong, sensitivity, strict=True)
        ]
    low, high = np.percentile(np.array(found), BOUNDS, axis=0)
    return low, high


def _has_any(positive: NDArray[np.bool_], groups: Labels) -> Labels:
    """For each photo whether any of its group is positive, as 0 or 1, (N,)."""
    return (np.bincount(groups, positive) > 0)[groups].astype(np.int64)


def weighted_sensitivities(labels: Labels, decisions: Labels, weights: Weights, classes: int) -> Floats:
    """Sensitivity of each class in each resample, (resamples, classes); NaN for a class without photos."""
    truth = np.eye(classes, dtype=np.float32)[labels]
    right = truth * (labels == decisions)[:, None]
    return _ratio((weights @ right).astype(np.float64), (weights @ truth).astype(np.float64))


def weighted_mean(values: Floats, weights: Weights) -> Floats:
    """Mean of a value a photo, such as right or wrong, in each resample, (resamples,)."""
    return _ratio(weights.astype(np.float64) @ values, weights.sum(axis=1, dtype=np.float64))


def weighted_calibration_error(
    labels: Labels, probability: Floats, weights: Weights, bins: int = BINS
) -> Floats:
    """Top-label ECE with bins of equal width in each resample, (resamples,); see evaluation.reliability."""
    confidence = probability.max(axis=1)
    right = probability.argmax(axis=1) == labels
    which = equal_width(confidence, bins)
    gaps = np.eye(bins)[which] * (right - confidence)[:, None]
    return _ratio(
        np.abs(weights.astype(np.float64) @ gaps).sum(axis=1), weights.sum(axis=1, dtype=np.float64)
    )


def _ratio(part: Floats, whole: Floats) -> Floats:
    return np.divide(part, whole, out=np.full(np.shape(part), np.nan), where=whole > 0)
