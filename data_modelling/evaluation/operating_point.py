"""What refusing photos and marking wide sets gains, and what it costs.

Answered means neither refused nor marked wide: a photo of higher concern keeps its status when its set is wide, but
its class is not counted as an answer. Out-of-fold, both the thresholds of the sets and the rule by which one is
wide come from the other parts; the locked test is judged with those of the bundle.
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits import TEST
from data_modelling.evaluation import intervals
from data_modelling.evaluation.metrics import balanced_accuracy, confusion
from data_modelling.evaluation.predictions import logits, refused, truth
from data_modelling.evaluation.rounding import rounded
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities
from data_modelling.inference.sets import INPUTS, RULE_KEY, RULE_LEVEL, WideRule
from data_modelling.rejection.conformal import crossed, parts_of, with_served_thresholds
from data_modelling.rejection.operating_point import choose_on, melanoma_sensitivity

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Which = NDArray[np.bool_]

SHARES = tuple(
    round(0.5 + 0.05 * step, 2) for step in range(11)
)  # of the photos that are answered, for the curve


def figures(predictions: pd.DataFrame, metadata: Mapping[str, Any]) -> dict[str, Any]:
    """Shares refused, uncertain and wide, and the figures of the answered photos beside those of all, by input."""
    chosen = _rules(predictions, metadata)
    return {
        "largest_share": metadata[RULE_KEY]["largest_share"],
        **{given: _of_input(predictions, given, chosen, metadata) for given in INPUTS},
    }


def _rules(predictions: pd.DataFrame, metadata: Mapping[str, Any]) -> list[tuple[Which, WideRule]]:
    """Rows (N,) and the rule that judges them: chosen without them, or for the locked test the bundle's."""
    if _is_test(predictions):
        return [(np.ones(len(predictions), bool), WideRule(**metadata[RULE_KEY]["wide"]))]
    parts = parts_of(predictions)
    return [
        (
            parts == part,
            choose_on(
                predictions[parts != part], metadata["task"], metadata["temperature"], _prior(metadata)
            )[0],
        )
        for part in np.unique(parts)
    ]


def _of_input(
    predictions: pd.DataFrame, given: str, chosen: list[tuple[Which, WideRule]], metadata: Mapping[str, Any]
) -> dict[str, Any]:
    task, cancer = metadata["task"], cancer_columns(metadata["task"])
    labels, inside = truth(predictions, task), _sets(predictions, given, metadata)
    probability = probabilities(logits(predictions, given, task), metadata["temperature"])
    decided = decisions(probability, _prior(metadata))
    is_refused = refused(predictions)
    wide = np.zeros(len(labels), bool)
    for rows, rule in chosen:
        wide[rows] = rule.holds(inside[rows], cancer)
    wide &= ~is_refused
    answered = ~is_refused & ~wide
    uncertain = wide & ~_is_of_concern(probability, metadata)
    return {
        "photos": len(labels),
        "refused": int(is_refused.sum()),
        "uncertain": int(uncertain.sum()),
        "wide": int(wide.sum()),
        "share_refused_or_uncertain": rounded(np.mean(is_refused | uncertain)),
        "share_refused_or_wide": rounded(np.mean(~answered)),
        "all": _judged(labels, decided, task),
        "answered": {"photos": int(answered.sum())} | _judged(labels[answered], decided[answered], task),
        "gain": _gain(labels, decided, answered, intervals.group_indices(predictions["group_id"]), task),
        "melanomas": _melanomas(
            labels, decided, {"refused": is_refused, "wide": wide, "uncertain": uncertain}, task
        ),
        "curve": _curve(labels, decided, probability, is_refused, task),
    }


def _melanomas(labels: Labels, decided: Labels, left_out: dict[str, Which], task: str) -> dict[str, int]:
    """What became of the melanomas, in photos."""
    melanoma = labels == melanoma_column(task)
    answered = melanoma & ~left_out["refused"] & ~left_out["wide"]
    return {
        "photos": int(melanoma.sum()),
        **{name: int((melanoma & rows).sum()) for name, rows in left_out.items()},
        "answered": int(answered.sum()),
        "answered_and_found": int((answered & (decided == labels)).sum()),
    }


def _curve(
    labels: Labels, decided: Labels, probability: Floats, is_refused: Which, task: str
) -> list[dict[str, Any]]:
    """What is gained when the least sure photos are left out as well, in steps of the share that is answered.

    Sure is a photo as far as its most probable class is.
    """
    order = np.argsort(np.where(is_refused, -1, probability.max(axis=1)))[::-1]
    kept = [order[: round(share * len(labels))] for share in SHARES if share <= 1 - np.mean(is_refused)]
    return [
        {"share_answered": rounded(len(rows) / len(labels))} | _judged(labels[rows], decided[rows], task)
        for rows in kept
        if len(rows)
    ]


def _sets(predictions: pd.DataFrame, given: str, metadata: Mapping[str, Any]) -> Which:
    """(N, classes) the sets that decide."""
    found = (
        with_served_thresholds(predictions, given, metadata)
        if _is_test(predictions)
        else crossed(predictions, given, metadata["task"], metadata["temperature"])
    )
    return found[RULE_LEVEL]


def _prior(metadata: Mapping[str, Any]) -> Floats:
    return np.array([metadata["decision_prior"][code] for code in metadata["classes"]])


def _is_of_concern(probability: Floats, metadata: Mapping[str, Any]) -> Which:
    """Whether the cancer group or melanoma is at or above its threshold, (N,)."""
    task, threshold = metadata["task"], metadata["thresholds"]
    cancer = probability[:, cancer_columns(task)].sum(axis=1)
    of_melanoma = probability[:, melanoma_column(task)]
    return np.asarray((cancer >= threshold["cancer"]) | (of_melanoma >= threshold["melanoma"]))


def _judged(labels: Labels, decided: Labels, task: str) -> dict[str, Any]:
    """Balanced accuracy over the classes present, how many these are, and the sensitivity for melanoma."""
    if not len(labels):
        return {"classes": 0, "balanced_accuracy": None, "melanoma_sensitivity": None}
    return {
        "classes": len(np.unique(labels)),
        "balanced_accuracy": rounded(
            balanced_accuracy(confusion(labels, decided, len(cancer_columns(task))))
        ),
        "melanoma_sensitivity": rounded(melanoma_sensitivity(labels, decided, task)),
    }


def _gain(labels: Labels, decided: Labels, answered: Which, groups: Labels, task: str) -> dict[str, Any]:
    """95 % intervals of what the answered photos have more than all: paired, from the same resamples of groups."""
    classes, melanoma = len(cancer_columns(task)), melanoma_column(task)
    differences: list[Floats] = []
    if answered.any():
        for weights in intervals.resamples(groups, labels):
            whole, kept = (
                intervals.weighted_sensitivities(labels[rows], decided[rows], weights[:, rows], classes)
                for rows in (np.ones(len(labels), bool), answered)
            )
            means = [_mean_of_known(kept) - _mean_of_known(whole), (kept - whole)[:, melanoma]]
            differences.append(np.stack(means, axis=1))
    found = np.concatenate(differences) if differences else np.full((1, 2), np.nan)
    return {
        f"{name}_interval": [rounded(bound) for bound in intervals.interval(found[:, column])]
        for column, name in enumerate(("balanced_accuracy", "melanoma_sensitivity"))
    }


def _mean_of_known(sensitivity: Floats) -> Floats:
    """Mean over the classes that a resample has, (resamples,); sensitivity: (resamples, classes)."""
    known = ~np.isnan(sensitivity)
    return np.asarray(np.where(known, sensitivity, 0).sum(axis=1) / np.maximum(known.sum(axis=1), 1))


def _is_test(predictions: pd.DataFrame) -> bool:
    return set(predictions["part"]) == {TEST}
