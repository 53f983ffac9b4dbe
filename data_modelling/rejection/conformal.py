"""Thresholds of the prediction sets from out-of-fold probabilities; see inference.sets.

The groups are what is new each time, not the photos: a lesion with six photos counts as much as one with one.
Each photo of a class weighs 1 / (photos of its group), and the group of the next photo, whose score nobody knows,
weighs 1 as well. Then the set of a photo of a new group holds its class with at least the stated probability, for
any number of groups (hierarchical conformal prediction: Lee, Barber and Willett 2023, arXiv:2306.06342,
theorem 1). To draw one photo a group is as valid (Dunn, Wasserman and Ramdas 2022, doi:10.1080/01621459.2022.2060112),
but throws photos away, and its sets change with the draw.

mapie 1.6 has no class-conditional sets for a classifier without a solver for convex programs, and crepes 0.9.1
(which has, and is kept up) knows neither groups nor weights and breaks ties by chance; what is needed is one
weighted quantile a class.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits import EQUAL_FOLDS, deal
from data_modelling.evaluation.intervals import group_indices
from data_modelling.evaluation.predictions import logits, truth
from data_modelling.inference.decision import probabilities
from data_modelling.inference.diagnoses import codes, learned
from data_modelling.inference.sets import INPUTS, LEVELS, members

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Insides = NDArray[np.bool_]

DIGITS = 9  # of a threshold: those of rare classes are small
SLACK = 1e-9  # rounding of sums of weights


def group_weights(labels: Labels, groups: Labels) -> Floats:
    """1 / (photos of the group and class), (N,): the photos of a group weigh 1 together."""
    _, which, size = np.unique(
        np.stack([labels, groups], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return np.asarray(1 / size[which])


def thresholds(probability: Floats, labels: Labels, groups: Labels, level: float) -> Floats:
    """(classes,): at or above each lies the wanted share of the weight of its class, rounded down.

    probability: (N, classes). labels, groups: (N,) indices. level: the coverage, as a share. A class of so few
    groups that no threshold keeps the promise has 0: it is in every set.
    """
    weights = group_weights(labels, groups)
    found = [
        _threshold(probability[rows, label], weights[rows], level)
        for label, rows in enumerate(labels == np.arange(probability.shape[1])[:, None])
    ]
    return np.floor(np.array(found) * 10**DIGITS) / 10**DIGITS


def _threshold(score: Floats, weights: Floats, level: float) -> float:
    """The highest score at or above which lies `level` of all weight, that of the next group included."""
    order = np.argsort(-score)
    above = np.cumsum(weights[order])
    enough = above >= level * (weights.sum() + 1) - SLACK
    return float(score[order][np.argmax(enough)]) if enough.any() else 0.0


def fit(predictions: pd.DataFrame, task: str, temperature: float) -> dict[str, Any]:
    """The bundle's `prediction_sets` from its out-of-fold predictions: thresholds by input, level and class."""
    labels, groups = truth(predictions, task), group_indices(predictions["group_id"])
    by_input = {given: _calibrated(predictions, given, task, temperature) for given in INPUTS}
    counts = [len(np.unique(groups[labels == label])) for label in range(len(codes(task)))]
    return {
        **{
            given: {
                name: dict(
                    zip(
                        codes(task),
                        _of_task(thresholds(probability, labels, groups, level), task).tolist(),
                        strict=True,
                    )
                )
                for name, level in LEVELS.items()
            }
            for given, probability in by_input.items()
        },
        "method": "class-conditional conformal, each group of photos weighing the same (arXiv:2306.06342)",
        "groups": dict(zip(codes(task), counts, strict=True)),
    }


def crossed(predictions: pd.DataFrame, given: str, task: str, temperature: float) -> dict[str, Insides]:
    """By level which classes are in each photo's set, (N, classes), with thresholds from the other parts alone."""
    labels, groups = truth(predictions, task), group_indices(predictions["group_id"])
    probability = _calibrated(predictions, given, task, temperature)
    parts = parts_of(predictions)
    found = {name: np.zeros(probability.shape, bool) for name in LEVELS}
    for part in np.unique(parts):
        rows = parts == part
        for name, level in LEVELS.items():
            chosen = thresholds(probability[~rows], labels[~rows], groups[~rows], level)
            found[name][rows] = members(probability[rows], _of_task(chosen, task))
    return found


def parts_of(predictions: pd.DataFrame) -> NDArray[np.str_]:
    """The part of each photo, (N,): its fold; of a single fold, one of five parts dealt from its groups."""
    parts = predictions["part"].to_numpy(str)
    if len(set(parts)) > 1:
        return parts
    return deal(predictions.rename(columns={"truth": "diagnosis"}), EQUAL_FOLDS).to_numpy(str)


def with_served_thresholds(
    predictions: pd.DataFrame, given: str, metadata: Mapping[str, Any]
) -> dict[str, Insides]:
    """By level which classes are in each photo's set, (N, classes), as the bundle serves them."""
    probability = _calibrated(predictions, given, metadata["task"], metadata["temperature"])
    served = metadata["prediction_sets"][given]
    return {
        name: members(probability, np.array([served[name][code] for code in metadata["classes"]]))
        for name in LEVELS
    }


def _of_task(found: Floats, task: str) -> Floats:
    """Thresholds (classes,), that of a class without photos, which no set promises anything of, being 1."""
    return np.where(np.isin(codes(task), learned(task)), found, 1.0)


def _calibrated(predictions: pd.DataFrame, given: str, task: str, temperature: float) -> Floats:
    return probabilities(logits(predictions, given, task), temperature)
