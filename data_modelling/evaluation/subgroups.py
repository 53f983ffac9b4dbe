"""The figures within sex, age, site, confirmation and source: where the model is worse, and where nobody can say."""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation import intervals, metrics

AGE_BANDS = ((0, 30), (30, 45), (45, 60), (60, 75), (75, 121))  # years, the end not included
NOT_KNOWN = "not known"
FEWEST_GROUPS = 50  # lesions below which no figure is given: its interval would be wider than any difference


def subgroups(
    predictions: pd.DataFrame,
    labels: NDArray[np.int64],
    probability: NDArray[np.float64],
    decided: NDArray[np.int64],
) -> list[dict[str, Any]]:
    """A row for each subgroup: attribute, value, photos, groups, and figures with intervals, or why there are none.

    predictions: the committed ones, whose rows the other arrays follow. Balanced accuracy and macro AUC are
    over the classes that the subgroup has; which they are is named, since subgroups differ in them.
    """
    groups = intervals.group_indices(predictions["group_id"])
    return [
        {"attribute": attribute, "value": value}
        | _figures(labels[inside], probability[inside], decided[inside], _numbered(groups[inside]))
        for attribute, value, inside in members(predictions)
    ]


def members(predictions: pd.DataFrame) -> Iterator[tuple[str, str, NDArray[np.bool_]]]:
    """Attribute, value and rows (N,) of each subgroup."""
    age = predictions["age"].to_numpy(np.float64)
    for low, high in AGE_BANDS:
        yield "age", f"{low}-{high - 1}", (age >= low) & (age < high)
    yield "age", NOT_KNOWN, np.isnan(age)
    for attribute in ("sex", "site", "confirmation", "source"):
        values = predictions[attribute].fillna(NOT_KNOWN)
        for value in sorted(values.unique()):
            yield attribute, value, (values == value).to_numpy()


def _figures(
    labels: NDArray[np.int64],
    probability: NDArray[np.float64],
    decided: NDArray[np.int64],
    groups: NDArray[np.int64],
) -> dict[str, Any]:
    count = len(np.unique(groups))
    row: dict[str, Any] = {"photos": len(labels), "groups": count}
    if count < FEWEST_GROUPS:
        return row | {"said": f"{count} lesions are too few to say anything."}
    present = np.unique(labels)
    if len(present) < 2:
        return row | {"said": "All of them are of one class, so that there is nothing to tell apart."}
    classes = probability.shape[1]
    between = intervals.figures(labels, probability, decided, groups)
    return row | {
        "classes": len(present),
        "balanced_accuracy": metrics.balanced_accuracy(metrics.confusion(labels, decided, classes)),
        "balanced_accuracy_interval": between["balanced_accuracy"],
        "macro_auc": metrics.macro_auc(labels, probability),
        "macro_auc_interval": between["macro_auc"],
    }


def _numbered(groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Group indices of a part, from 0 again."""
    return np.unique(groups, return_inverse=True)[1].astype(np.int64)
