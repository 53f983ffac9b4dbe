"""Fit the thresholds of the prediction sets on out-of-fold probabilities (see inference.prediction_sets).

New data means new groups, not new photos: a lesion with six photos counts as much as a lesion with one. A
photo of a class has the weight 1 / (photos of its group). The group of the next photo, whose score is
unknown, has the weight 1 as well. Then the set of a photo of a new group contains its class with at least the
stated probability, for any number of groups. This is hierarchical conformal prediction (Lee, Barber and
Willett 2023, arXiv:2306.06342, theorem 1). Drawing one photo per group is also valid (Dunn, Wasserman and
Ramdas 2022, doi:10.1080/01621459.2022.2060112), but it wastes photos, and its sets change with the draw.

mapie 1.6 needs a solver for convex programs for class-conditional sets of a classifier. crepes 0.9.1 has such
sets and is maintained, but it has neither groups nor weights, and breaks ties at random. We need only
one weighted quantile per class.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits.assignment import EQUAL_FOLD_SHARES, assign_parts
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.modes import MODES
from data_modelling.inference.prediction_sets import COVERAGE_LEVELS, set_members
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.bootstrap import group_indices
from data_modelling.metrics.predictions import mode_logits, true_classes

DIGITS = 9  # decimals of a threshold: those of rare classes are small
SLACK = 1e-9  # tolerance for rounding errors in sums of weights


def group_weights(labels: Labels, groups: Labels) -> Floats:
    """Return 1 / (photos of the group and class), (N,): all photos of a group together have the weight 1."""
    _, group_of_row, group_sizes = np.unique(
        np.stack([labels, groups], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return np.asarray(1 / group_sizes[group_of_row])


def class_thresholds(probability: Floats, labels: Labels, groups: Labels, level: float) -> Floats:
    """Return thresholds (classes,) that the wanted share of each class's weight reaches, rounded down.

    probability: (N, classes). labels, groups: (N,) indices. level: the coverage, as a share. A class with too
    few groups for this coverage has 0, so it is in every set.
    """
    weights = group_weights(labels, groups)
    thresholds = [
        _threshold(probability[rows, label], weights[rows], level)
        for label, rows in enumerate(labels == np.arange(probability.shape[1])[:, None])
    ]
    return np.floor(np.array(thresholds) * 10**DIGITS) / 10**DIGITS


def _threshold(score: Floats, weights: Floats, level: float) -> float:
    """Return the highest score that `level` of all weight reaches, including the weight of the next group."""
    order = np.argsort(-score)
    cumulative_weights = np.cumsum(weights[order])
    is_enough = cumulative_weights >= level * (weights.sum() + 1) - SLACK
    return float(score[order][np.argmax(is_enough)]) if is_enough.any() else 0.0


def fit_prediction_sets(predictions: pd.DataFrame, task: str, temperature: float) -> dict[str, Any]:
    """Return the bundle's `prediction_sets` from out-of-fold predictions: thresholds by mode, level, class."""
    labels, groups = true_classes(predictions, task), group_indices(predictions["group_id"])
    codes = class_codes(task)
    thresholds: dict[str, Any] = {}
    for mode in MODES:
        probability = _calibrated(predictions, mode, task, temperature)
        levels = {
            name: _complete_thresholds(class_thresholds(probability, labels, groups, level), task).tolist()
            for name, level in COVERAGE_LEVELS.items()
        }
        thresholds[mode] = {name: dict(zip(codes, values, strict=True)) for name, values in levels.items()}
    counts = [len(np.unique(groups[labels == label])) for label in range(len(codes))]
    return thresholds | {
        "method": "class-conditional conformal, each group of photos weighing the same (arXiv:2306.06342)",
        "groups": dict(zip(codes, counts, strict=True)),
    }


def cross_fitted_sets(predictions: pd.DataFrame, mode: str, task: str, temperature: float) -> dict[str, Mask]:
    """Return by level the classes in each photo's set, (N, classes), with thresholds from other parts."""
    labels, groups = true_classes(predictions, task), group_indices(predictions["group_id"])
    probability = _calibrated(predictions, mode, task, temperature)
    parts = calibration_folds(predictions)
    sets = {name: np.zeros(probability.shape, bool) for name in COVERAGE_LEVELS}
    for part in np.unique(parts):
        rows = parts == part
        for name, level in COVERAGE_LEVELS.items():
            thresholds = class_thresholds(probability[~rows], labels[~rows], groups[~rows], level)
            sets[name][rows] = set_members(probability[rows], _complete_thresholds(thresholds, task))
    return sets


def calibration_folds(predictions: pd.DataFrame) -> NDArray[np.str_]:
    """Return the part of each photo, (N,): its fold, or one of five random parts if all are of one fold."""
    parts = predictions["part"].to_numpy(str)
    if len(set(parts)) > 1:
        return parts
    return assign_parts(predictions.rename(columns={"truth": "diagnosis"}), EQUAL_FOLD_SHARES).to_numpy(str)


def served_sets(predictions: pd.DataFrame, mode: str, metadata: Mapping[str, Any]) -> dict[str, Mask]:
    """Return by level the classes in each photo's set, (N, classes), as the bundle serves them."""
    probability = _calibrated(predictions, mode, metadata["task"], metadata["temperature"])
    thresholds = metadata["prediction_sets"][mode]
    return {
        name: set_members(probability, np.array([thresholds[name][code] for code in metadata["classes"]]))
        for name in COVERAGE_LEVELS
    }


def _complete_thresholds(thresholds: Floats, task: str) -> Floats:
    """Return thresholds (classes,) with 1 for a class without photos, because no coverage can be stated for it."""
    return np.where(np.isin(class_codes(task), learned_class_codes(task)), thresholds, 1.0)


def _calibrated(predictions: pd.DataFrame, mode: str, task: str, temperature: float) -> Floats:
    return calibrated_probabilities(mode_logits(predictions, mode, task), temperature)
