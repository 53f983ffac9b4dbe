"""Choose which prediction sets are wide; with a wide set the model names no class.

The rule is a WideSetRule (see inference.prediction_sets). The choice uses out-of-fold photos, photo alone. A
rule may leave at most MAX_WIDE_SHARE of the photos refused or wide. Among the answered photos, melanomas must
be found at least as often as among all. Of these rules, the one with the best balanced accuracy of the
answered photos is chosen.

A photo counts as answered if it is neither refused nor has a wide set. The thresholds of the sets come from
the other folds.
"""

import itertools
from collections.abc import Iterator
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.inference.decision import (
    calibrated_probabilities,
    cancer_columns,
    melanoma_column,
    predicted_classes,
)
from data_modelling.inference.modes import PHOTO_ONLY
from data_modelling.inference.prediction_sets import NEVER_WIDE, WIDE_RULE_LEVEL, WideSetRule
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.classification import balanced_accuracy, confusion_counts, sensitivities
from data_modelling.metrics.predictions import mode_logits, refused_mask, true_classes
from data_modelling.metrics.rounding import round_metric
from data_modelling.safety.conformal import cross_fitted_sets

COVERAGES = tuple(round(0.5 + 0.05 * step, 2) for step in range(11))  # of answered photos, for the curve
MAX_WIDE_SHARE = 0.2  # largest share of the out-of-fold photos that may be refused or have a wide set


def rules(cancer: Mask) -> Iterator[WideSetRule]:
    """Return the rules to try, the simplest and least strict first; each limit is None or a number of classes."""
    class_limits = (None, *range(len(cancer), 1, -1))
    cancer_limits = (None, *range(int(cancer.sum()), 0, -1))
    return itertools.starmap(WideSetRule, itertools.product(class_limits, cancer_limits))


def choose_wide_rule(
    labels: Labels, decisions: Labels, sets: Mask, is_refused: Mask, task: str
) -> WideSetRule:
    """Return the best rule; NEVER_WIDE if no rule meets the conditions or improves the answered photos.

    labels, decisions: (N,) class indices. sets: (N, classes). is_refused: (N,), independent of the rule.
    """
    cancer = cancer_columns(task)
    least_sensitivity = melanoma_sensitivity(labels, decisions, task)
    best, best_accuracy = NEVER_WIDE, _balanced_accuracy(labels, decisions, ~is_refused)
    for rule in rules(cancer):
        answered = ~is_refused & ~rule.holds(sets, cancer)
        if np.mean(~answered) > MAX_WIDE_SHARE or not answered.any():
            continue
        rule_accuracy = _balanced_accuracy(labels, decisions, answered)
        keeps_sensitivity = (
            melanoma_sensitivity(labels[answered], decisions[answered], task) >= least_sensitivity
        )
        if keeps_sensitivity and rule_accuracy > best_accuracy:
            best, best_accuracy = rule, rule_accuracy
    return best


def melanoma_sensitivity(labels: Labels, decisions: Labels, task: str) -> float:
    """Return the share of the melanomas that are decided as melanoma; NaN without any."""
    matrix = confusion_counts(labels, decisions, len(cancer_columns(task)))
    return float(sensitivities(matrix)[melanoma_column(task)])


def fit_operating_point(
    predictions: pd.DataFrame, task: str, temperature: float, decision_prior: Floats
) -> dict[str, Any]:
    """Return the bundle's `operating_point`: the rule chosen on out-of-fold predictions, its metrics there, and the reason."""
    labels = true_classes(predictions, task)
    decisions = predicted_classes(
        calibrated_probabilities(mode_logits(predictions, PHOTO_ONLY, task), temperature), decision_prior
    )
    sets = cross_fitted_sets(predictions, PHOTO_ONLY, task, temperature)[WIDE_RULE_LEVEL]
    is_refused = refused_mask(predictions)
    rule = choose_wide_rule(labels, decisions, sets, is_refused, task)
    answered = ~is_refused & ~rule.holds(sets, cancer_columns(task))
    all_rows = np.ones(len(labels), bool)
    metrics = {
        "share_refused": float(np.mean(is_refused)),
        "share_refused_or_wide": float(np.mean(~answered)),
        "balanced_accuracy_of_all": _balanced_accuracy(labels, decisions, all_rows),
        "balanced_accuracy_of_answered": _balanced_accuracy(labels, decisions, answered),
    }
    return {
        "level": WIDE_RULE_LEVEL,
        "wide": {"classes": rule.classes, "cancer_classes": rule.cancer_classes},
        "largest_share": MAX_WIDE_SHARE,
        "photos": len(predictions),
        **{name: round_metric(value) for name, value in metrics.items()},
        "reason": _reason(rule, metrics, len(predictions)),
    }


def _reason(rule: WideSetRule, metrics: dict[str, float], photos: int) -> str:
    if rule == NEVER_WIDE:
        return (
            "Only an empty set is wide. We compared rules that leave at most "
            f"{MAX_WIDE_SHARE:.0%} of the {photos:,} out-of-fold photos unanswered and do not lower the share of melanomas that "
            "are found. None of them raises the balanced accuracy of the answered photos."
        )
    return (
        f"A {WIDE_RULE_LEVEL} % set is wide if it is empty or {describe_rule(rule)}. A photo is unanswered if it is refused or "
        f"its set is wide. We compared rules of this kind that leave at most {MAX_WIDE_SHARE:.0%} of the {photos:,} out-of-fold "
        "photos unanswered and do not lower the share of melanomas that are found. This rule gives the answered photos the "
        f"best balanced accuracy: {metrics['balanced_accuracy_of_answered']:.3f} instead of "
        f"{metrics['balanced_accuracy_of_all']:.3f} for all photos. "
        f"It leaves {metrics['share_refused_or_wide']:.1%} of the photos unanswered."
    )


def describe_rule(rule: WideSetRule) -> str:
    """Return when a set that is not empty is wide, as the end of a sentence. The rule must have a number."""
    parts = []
    if rule.classes is not None:
        parts.append(f"has at least {rule.classes} classes")
    if rule.cancer_classes is not None:
        classes = "class" if rule.cancer_classes == 1 else "classes"
        parts.append(f"has at least {rule.cancer_classes} cancer {classes} and one other class")
    return ", or ".join(parts)


def _balanced_accuracy(labels: Labels, decisions: Labels, rows: Mask) -> float:
    if not rows.any():
        return float("nan")
    classes = int(max(labels.max(), decisions.max())) + 1
    return balanced_accuracy(confusion_counts(labels[rows], decisions[rows], classes))
