"""The figures within sex, age, site, confirmation and source: where the model is worse, and where nobody can say."""

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation import intervals, metrics
from data_modelling.inference.details import SEXES

AGE_BANDS = ((0, 30), (30, 45), (45, 60), (60, 75), (75, 121))  # years, the end not included
NOT_KNOWN = "not known"
FEWEST_OF_CLASS = (
    10  # lesions below which a class does not count: a single one would move its figure by tenths
)
FEWEST_GROUPS = 50  # lesions below which no figure is given: its interval would be wider than any difference


Members = Iterator[tuple[str, str, NDArray[np.bool_]]]  # attribute, value and rows (N,) of each subgroup


def attributes(predictions: pd.DataFrame) -> Members:
    """The subgroups by one attribute: age, sex, site, confirmation, source."""
    age = predictions["age"].to_numpy(np.float64)
    for low, high in AGE_BANDS:
        yield "age", f"{low}-{high - 1}", (age >= low) & (age < high)
    yield "age", NOT_KNOWN, np.isnan(age)
    for attribute in ("sex", "site", "confirmation", "source"):
        values = predictions[attribute].fillna(NOT_KNOWN)
        for value in sorted(values.unique()):
            yield attribute, value, (values == value).to_numpy()


def intersections(predictions: pd.DataFrame) -> Members:
    """The subgroups by sex and age together, where both are known."""
    age = predictions["age"].to_numpy(np.float64)
    for sex in SEXES:
        for low, high in AGE_BANDS:
            inside = (predictions["sex"] == sex).to_numpy() & (age >= low) & (age < high)
            yield "sex and age", f"{sex}, {low}-{high - 1}", inside


def subgroups(
    predictions: pd.DataFrame,
    labels: NDArray[np.int64],
    probability: NDArray[np.float64],
    decided: NDArray[np.int64],
    members: Callable[[pd.DataFrame], Members] = attributes,
    noun: str = "lesion",
) -> list[dict[str, Any]]:
    """A row for each subgroup: attribute, value, photos, groups, and figures with intervals, or why there are none.

    members: which subgroups there are. predictions: the committed ones, whose rows the other arrays follow. Balanced accuracy and macro AUC are
    over the classes of which the subgroup has enough lesions; how many these are is told, since subgroups
    differ in them. noun: what the photos of a group share.
    """
    groups = intervals.group_indices(predictions["group_id"])
    return [
        {"attribute": attribute, "value": value}
        | _figures(labels[inside], probability[inside], decided[inside], _numbered(groups[inside]), noun)
        for attribute, value, inside in members(predictions)
    ]


def _figures(
    labels: NDArray[np.int64],
    probability: NDArray[np.float64],
    decided: NDArray[np.int64],
    groups: NDArray[np.int64],
    noun: str,
) -> dict[str, Any]:
    count = len(np.unique(groups))
    row: dict[str, Any] = {"photos": len(labels), "groups": count}
    if count < FEWEST_GROUPS:
        return row | {"said": f"{count} {noun}{' is' if count == 1 else 's are'} too few to say anything."}
    classes = probability.shape[1]
    counted = _groups_of_classes(labels, groups, classes) >= FEWEST_OF_CLASS
    if counted.sum() < 2:
        return row | {
            "said": f"Fewer than two classes have {FEWEST_OF_CLASS} {noun}s: nothing to tell apart."
        }
    between = intervals.figures(labels, probability, decided, groups, counted)
    aucs = metrics.class_aucs(labels, probability)
    sensitivities = metrics.sensitivities(metrics.confusion(labels, decided, classes))
    return row | {
        "classes": int(counted.sum()),
        "balanced_accuracy": float(sensitivities[counted].mean()),
        "balanced_accuracy_interval": between["balanced_accuracy"],
        "macro_auc": float(np.mean([aucs[index] for index in np.flatnonzero(counted)])),
        "macro_auc_interval": between["macro_auc"],
    }


def _groups_of_classes(
    labels: NDArray[np.int64], groups: NDArray[np.int64], classes: int
) -> NDArray[np.int64]:
    """Lesions of each class, (classes,)."""
    return np.array([len(np.unique(groups[labels == label])) for label in range(classes)])


def _numbered(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Group indices of a part, from 0 again."""
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)
