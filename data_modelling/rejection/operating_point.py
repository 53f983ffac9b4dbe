"""Where the model stops answering: which prediction sets are called wide (see inference.sets.WideRule).

Chosen on out-of-fold photos, photo alone: of the rules that leave at most LARGEST_SHARE of the photos refused or
wide, and under which melanomas among the answered photos are found no less often than among all, the one with the
best balanced accuracy of the answered photos. evaluation.operating_point judges the choice crosswise.
"""

from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation.metrics import balanced_accuracy, confusion, sensitivities
from data_modelling.evaluation.predictions import logits, refused, truth
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities
from data_modelling.inference.sets import NEVER_WIDE, PHOTO, RULE_LEVEL, WideRule
from data_modelling.rejection.conformal import crossed

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Which = NDArray[np.bool_]

DIGITS = 6  # of every figure
LARGEST_SHARE = 0.2  # of the out-of-fold photos that may be refused or marked wide


def rules(cancer: Which) -> Iterator[WideRule]:
    """The rules that are tried, the simplest and laxest first: each number never, or from so many classes on."""
    numbers = (None, *range(len(cancer), 1, -1))
    of_cancer = (None, *range(int(cancer.sum()), 0, -1))
    return (WideRule(all_classes, cancers) for all_classes in numbers for cancers in of_cancer)


def choose(labels: Labels, decided: Labels, inside: Which, is_refused: Which, task: str) -> WideRule:
    """The best rule; NEVER_WIDE when none keeps to the conditions or none is better than that.

    labels, decided: (N,) class indices. inside: (N, classes) the sets. is_refused: (N,) whatever the rule.
    """
    cancer = cancer_columns(task)
    least = melanoma_sensitivity(labels, decided, task)
    best, best_accuracy = NEVER_WIDE, _balanced_accuracy(labels, decided, ~is_refused)
    for rule in rules(cancer):
        answered = ~is_refused & ~rule.holds(inside, cancer)
        if np.mean(~answered) > LARGEST_SHARE or not answered.any():
            continue
        found = _balanced_accuracy(labels, decided, answered)
        keeps = melanoma_sensitivity(labels[answered], decided[answered], task) >= least
        if keeps and found > best_accuracy:
            best, best_accuracy = rule, found
    return best


def melanoma_sensitivity(labels: Labels, decided: Labels, task: str) -> float:
    """Share of the melanomas that are decided to be one; NaN without any."""
    matrix = confusion(labels, decided, len(cancer_columns(task)))
    return float(sensitivities(matrix)[melanoma_column(task)])


def choose_on(
    predictions: pd.DataFrame, task: str, temperature: float, decision_prior: Floats
) -> tuple[WideRule, dict[str, float]]:
    """The choice on out-of-fold predictions, and what it gives on these same photos."""
    labels = truth(predictions, task)
    decided = decisions(probabilities(logits(predictions, PHOTO, task), temperature), decision_prior)
    inside = crossed(predictions, PHOTO, task, temperature)[RULE_LEVEL]
    is_refused = refused(predictions)
    rule = choose(labels, decided, inside, is_refused, task)
    answered = ~is_refused & ~rule.holds(inside, cancer_columns(task))
    everything = np.ones(len(labels), bool)
    return rule, {
        "share_refused": float(np.mean(is_refused)),
        "share_refused_or_wide": float(np.mean(~answered)),
        "balanced_accuracy_of_all": _balanced_accuracy(labels, decided, everything),
        "balanced_accuracy_of_answered": _balanced_accuracy(labels, decided, answered),
    }


def fit(predictions: pd.DataFrame, task: str, temperature: float, decision_prior: Floats) -> dict[str, Any]:
    """The bundle's `operating_point`: the rule, what it was chosen by, and why."""
    rule, gave = choose_on(predictions, task, temperature, decision_prior)
    return {
        "level": RULE_LEVEL,
        "wide": {"classes": rule.classes, "cancer_classes": rule.cancer_classes},
        "largest_share": LARGEST_SHARE,
        "photos": len(predictions),
        **{name: None if np.isnan(value) else round(value, DIGITS) for name, value in gave.items()},
        "reason": _reason(rule, gave, len(predictions)),
    }


def _reason(rule: WideRule, gave: dict[str, float], photos: int) -> str:
    if rule == NEVER_WIDE:
        return (
            f"No set is called wide: no rule made the answered photos of {photos:,} better with at most "
            f"{LARGEST_SHARE:.0%} of them refused or marked, and without finding fewer of the melanomas."
        )
    return (
        f"A {RULE_LEVEL} % set is called wide {in_words(rule)}: of all such rules with at most {LARGEST_SHARE:.0%} of "
        f"{photos:,} out-of-fold photos refused or marked, and no melanoma found less often, this one gives the "
        f"answered photos the best balanced accuracy, {gave['balanced_accuracy_of_answered']:.3f} instead of "
        f"{gave['balanced_accuracy_of_all']:.3f}, with {gave['share_refused_or_wide']:.1%} refused or marked."
    )


def in_words(rule: WideRule) -> str:
    """When a set is wide, as the end of a sentence; of a rule that names a number."""
    parts = []
    if rule.classes is not None:
        parts.append(f"when it holds {rule.classes} or more classes")
    if rule.cancer_classes is not None:
        parts.append(f"when it holds {rule.cancer_classes} or more cancer classes and another one")
    return " or ".join(parts)


def _balanced_accuracy(labels: Labels, decided: Labels, rows: Which) -> float:
    if not rows.any():
        return float("nan")
    return balanced_accuracy(
        confusion(labels[rows], decided[rows], int(max(labels.max(), decided.max())) + 1)
    )
