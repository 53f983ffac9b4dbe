"""Compute how large the prediction sets are, and how often they contain the true class (the coverage).

A photo's set has each class whose probability reaches the class's threshold. Thresholds are fitted on the other folds,
or on other random parts of a single fold. The locked test gets the bundle's. A group (all photos of one lesion or
patient) counts once in each class that it has. Its coverage is the share of its photos with the true class in the set.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.datasets.splits.assignment import TEST
from data_modelling.evaluation.subgroups import FEWEST_GROUPS, attributes
from data_modelling.inference.decision import COVERAGE_LEVELS
from data_modelling.inference.modes import MODES
from data_modelling.metrics.array_types import Floats, Mask
from data_modelling.metrics.bootstrap import group_indices, wilson_interval
from data_modelling.metrics.predictions import true_classes
from data_modelling.metrics.rounding import round_metric
from data_modelling.safety.prediction_sets import (
    calibration_folds,
    cross_fitted_sets,
    group_weights,
    served_sets,
)

SUBGROUP_ATTRIBUTES = ("sex", "age")  # attributes whose subgroups are evaluated


def set_metrics(predictions: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Return the sizes of sets and the coverage (overall, by class, by subgroup) for each mode and coverage level."""
    metrics: dict[str, Any] = {"thresholds_from": "the bundle"}
    is_test = set(predictions["part"]) == {TEST}
    if not is_test:
        metrics["thresholds_from"] = f"the other {len(set(calibration_folds(predictions))) - 1} parts"
    for mode in MODES:
        sets = (
            served_sets(predictions, mode, metadata)
            if is_test
            else cross_fitted_sets(predictions, mode, metadata["task"], metadata["temperature"])
        )
        metrics[mode] = {
            level: _level_metrics(predictions, sets[level], metadata) for level in COVERAGE_LEVELS
        }
    return metrics


def _level_metrics(predictions: pd.DataFrame, sets: Mask, metadata: Mapping[str, Any]) -> dict[str, Any]:
    labels = true_classes(predictions, metadata["task"])
    weights = group_weights(labels, group_indices(predictions["group_id"]))
    covered = sets[np.arange(len(labels)), labels]
    size = sets.sum(axis=1)
    by_size = np.bincount(size, weights, minlength=sets.shape[1] + 1) / weights.sum()
    return {
        **_coverage(covered, weights),
        "mean_size": round_metric(np.average(size, weights=weights)),
        "share_of_sizes": {str(count): round_metric(share) for count, share in enumerate(by_size) if share},
        "classes": {
            code: _coverage(covered[labels == label], weights[labels == label])
            for label, code in enumerate(metadata["classes"])
        },
        "subgroups": [
            {"attribute": attribute, "value": value, **_coverage(covered[rows], weights[rows])}
            for attribute, value, rows in attributes(predictions)
            if attribute in SUBGROUP_ATTRIBUTES and weights[rows].sum() >= FEWEST_GROUPS
        ],
    }


def _coverage(covered: Mask, weights: Floats) -> dict[str, Any]:
    """Return the number of groups, the coverage and its 95 % interval. Without groups, the last two are None."""
    groups = weights.sum()
    if not groups:
        return {"groups": 0, "coverage": None, "interval": None}
    hits = float(weights[covered].sum())
    return {
        "groups": round(float(groups)),
        "coverage": round_metric(hits / groups),
        "interval": [round_metric(bound) for bound in wilson_interval(hits, groups)],
    }
