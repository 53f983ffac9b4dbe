"""How often the prediction sets hold the true class, and how large they are; one photo a group.

A group counts once: with the share of its photos whose set holds the true class, which is what one photo drawn
from it holds on average. Out-of-fold photos are judged with thresholds from the other parts alone, the locked test
with those that are served.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits import TEST
from data_modelling.evaluation.intervals import group_indices, wilson
from data_modelling.evaluation.predictions import truth
from data_modelling.evaluation.subgroups import FEWEST_GROUPS, attributes
from data_modelling.inference.sets import INPUTS, LEVELS
from data_modelling.rejection.conformal import crossed, group_weights, parts_of, with_served_thresholds

Floats = NDArray[np.float64]

DIGITS = 6  # of every figure
WITHIN = ("sex", "age")  # the subgroups that are judged


def figures(predictions: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Coverage (pooled, a class, a subgroup) and size of the sets, for each input and level."""
    is_test = set(predictions["part"]) == {TEST}
    found: dict[str, Any] = {
        "thresholds_from": "the bundle"
        if is_test
        else f"the other {len(set(parts_of(predictions))) - 1} parts"
    }
    for given in INPUTS:
        inside = (
            with_served_thresholds(predictions, given, metadata)
            if is_test
            else crossed(predictions, given, metadata["task"], metadata["temperature"])
        )
        found[given] = {level: _of_level(predictions, inside[level], metadata) for level in LEVELS}
    return found


def _of_level(
    predictions: pd.DataFrame, inside: NDArray[np.bool_], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    labels = truth(predictions, metadata["task"])
    weights = group_weights(labels, group_indices(predictions["group_id"]))
    covered = inside[np.arange(len(labels)), labels]
    size = inside.sum(axis=1)
    by_size = np.bincount(size, weights, minlength=inside.shape[1] + 1) / weights.sum()
    return {
        **_coverage(covered, weights),
        "mean_size": round(float(np.average(size, weights=weights)), DIGITS),
        "share_of_sizes": {
            str(count): round(float(share), DIGITS) for count, share in enumerate(by_size) if share
        },
        "classes": {
            code: _coverage(covered[labels == label], weights[labels == label])
            for label, code in enumerate(metadata["classes"])
        },
        "subgroups": [
            {"attribute": attribute, "value": value, **_coverage(covered[rows], weights[rows])}
            for attribute, value, rows in attributes(predictions)
            if attribute in WITHIN and weights[rows].sum() >= FEWEST_GROUPS
        ],
    }


def _coverage(covered: NDArray[np.bool_], weights: Floats) -> dict[str, Any]:
    """Groups, coverage and its 95 % interval; None where there is no group."""
    groups = weights.sum()
    if not groups:
        return {"groups": 0, "coverage": None, "interval": None}
    hits = float(weights[covered].sum())
    low, high = wilson(np.array(hits), np.array(groups))
    return {
        "groups": round(float(groups)),
        "coverage": round(hits / float(groups), DIGITS),
        "interval": [round(float(low), DIGITS), round(float(high), DIGITS)],
    }
