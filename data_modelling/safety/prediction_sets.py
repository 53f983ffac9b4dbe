"""Fit the prediction sets (the classes that remain possible for a photo), and choose which sets are too wide.

For a photo of a new group (lesion or patient), the set shall contain the photo's class with a stated probability. This
is a probability over groups, so all groups count the same: a lesion with six photos counts as much as a lesion with
one. Within a class, a photo has the weight 1 / (photos of the class in the photo's group). The group of the new photo
adds 1 to the total weight, although we do not know the new photo. With this, the stated probability is reached for any
number of groups. This is hierarchical conformal prediction (Lee, Barber and Willett 2023, arXiv:2306.06342, theorem 1).
Drawing one photo per group is also valid (Dunn, Wasserman and Ramdas 2022, doi:10.1080/01621459.2022.2060112). But it
wastes photos, and the sets then change with the draw.

We use no package, because we need only one weighted quantile per class. For class-conditional sets, the package mapie
1.6 needs a solver for convex programs. The package crepes 0.9.1 has no groups or weights, and breaks ties at random.

A rule says which sets are wide (see inference.decision). It is chosen on out-of-fold answers without details, with
thresholds from the other folds. A photo is answered if it is not refused and its set is not wide. An acceptable rule
leaves at most MAX_WIDE_SHARE of the photos unanswered. With it, the sensitivity for melanoma on the answered photos
is at least as high as on all photos. We choose the acceptable rule with the best balanced accuracy on answered photos.
"""

import itertools
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits.assignment import EQUAL_FOLD_SHARES, assign_parts
from data_modelling.inference.decision import (
    COVERAGE_LEVELS,
    NEVER_WIDE,
    WIDE_RULE_LEVEL,
    WideSetRule,
    calibrated_probabilities,
    cancer_columns,
    melanoma_column,
    predicted_classes,
    set_members,
)
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.modes import MODES, PHOTO_ONLY
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.bootstrap import group_indices
from data_modelling.metrics.classification import balanced_accuracy, confusion_counts, sensitivities
from data_modelling.metrics.predictions import mode_logits, refused_mask, true_classes
from data_modelling.metrics.rounding import round_metric

DIGITS = 9  # decimals of a threshold; the thresholds of rare classes are small
SLACK = 1e-9  # tolerance for rounding errors in sums of weights
MAX_WIDE_SHARE = 0.2  # largest share of the out-of-fold photos that may be refused or have a wide set


def group_weights(labels: Labels, groups: Labels) -> Floats:
    """Return the weight of each photo, (N,): the photos of one class in one group share the weight 1 equally."""
    _, group_of_row, group_sizes = np.unique(
        np.stack([labels, groups], axis=1), axis=0, return_inverse=True, return_counts=True
    )
    return np.asarray(1 / group_sizes[group_of_row])


def class_thresholds(probability: Floats, labels: Labels, groups: Labels, level: float) -> Floats:
    """Return each class's threshold, (classes,). The photos that reach it have at least `level` of the class's weight.

    probability: (N, classes). labels, groups: (N,) indices. level: the coverage. The threshold of a class with too few
    groups for this coverage is 0, so the class is in every set. Thresholds are rounded down.
    """
    weights = group_weights(labels, groups)
    thresholds = [
        _threshold(probability[rows, label], weights[rows], level)
        for label, rows in enumerate(labels == np.arange(probability.shape[1])[:, None])
    ]
    return np.floor(np.array(thresholds) * 10**DIGITS) / 10**DIGITS


def _threshold(score: Floats, weights: Floats, level: float) -> float:
    """Return the highest score with at least `level` of the weight at or above it; a new group adds 1 to the weight."""
    order = np.argsort(-score)
    cumulative_weights = np.cumsum(weights[order])
    is_enough = cumulative_weights >= level * (weights.sum() + 1) - SLACK
    return float(score[order][np.argmax(is_enough)]) if is_enough.any() else 0.0


def fit_prediction_sets(predictions: pd.DataFrame, task: str, temperature: float) -> dict[str, Any]:
    """Return `prediction_sets` of metadata.json: method, group counts, and thresholds by mode, level and class."""
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
    """Return for each level a mask (N, classes) of the classes in each photo's set; thresholds are from other folds."""
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
    """Return the part of each photo, (N,): its fold, or one of five random parts if all photos are of one fold."""
    parts = predictions["part"].to_numpy(str)
    if len(set(parts)) > 1:
        return parts
    return assign_parts(predictions.rename(columns={"truth": "diagnosis"}), EQUAL_FOLD_SHARES).to_numpy(str)


def served_sets(predictions: pd.DataFrame, mode: str, metadata: Mapping[str, Any]) -> dict[str, Mask]:
    """Return for each level a mask (N, classes) of the classes in each photo's set, with the bundle's thresholds."""
    probability = _calibrated(predictions, mode, metadata["task"], metadata["temperature"])
    thresholds = metadata["prediction_sets"][mode]
    return {
        name: set_members(probability, np.array([thresholds[name][code] for code in metadata["classes"]]))
        for name in COVERAGE_LEVELS
    }


def _complete_thresholds(thresholds: Floats, task: str) -> Floats:
    """Return thresholds (classes,). A class of unknown coverage (no training photos) gets 1, so it is in no set."""
    return np.where(np.isin(class_codes(task), learned_class_codes(task)), thresholds, 1.0)


def _calibrated(predictions: pd.DataFrame, mode: str, task: str, temperature: float) -> Floats:
    return calibrated_probabilities(mode_logits(predictions, mode, task), temperature)


def rules(cancer: Mask) -> Iterator[WideSetRule]:
    """Return the rules to try. Each limit of a rule is None (no limit) first, then a number, from large to small."""
    class_limits = (None, *range(len(cancer), 1, -1))
    cancer_limits = (None, *range(int(cancer.sum()), 0, -1))
    return itertools.starmap(WideSetRule, itertools.product(class_limits, cancer_limits))


def choose_wide_rule(
    labels: Labels, decisions: Labels, sets: Mask, is_refused: Mask, task: str
) -> WideSetRule:
    """Return the best acceptable rule, or NEVER_WIDE if none raises the balanced accuracy of the answered photos.

    labels, decisions: (N,) class indices. sets: (N, classes). is_refused: (N,), whether each photo is refused.
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
    """Return the share of the melanomas that are decided as melanoma, or NaN without melanomas."""
    matrix = confusion_counts(labels, decisions, len(cancer_columns(task)))
    return float(sensitivities(matrix)[melanoma_column(task)])


def fit_operating_point(
    predictions: pd.DataFrame, task: str, temperature: float, decision_prior: Floats
) -> dict[str, Any]:
    """Return `operating_point` of metadata.json: the chosen rule, its metrics (out-of-fold), and why it is chosen."""
    labels = true_classes(predictions, task)
    decisions = predicted_classes(_calibrated(predictions, PHOTO_ONLY, task, temperature), decision_prior)
    sets = cross_fitted_sets(predictions, PHOTO_ONLY, task, temperature)[WIDE_RULE_LEVEL]
    is_refused = refused_mask(predictions)
    rule = choose_wide_rule(labels, decisions, sets, is_refused, task)
    answered = ~is_refused & ~rule.holds(sets, cancer_columns(task))
    metrics = {
        "share_refused": float(np.mean(is_refused)),
        "share_refused_or_wide": float(np.mean(~answered)),
        "balanced_accuracy_of_all": _balanced_accuracy(labels, decisions, np.ones(len(labels), bool)),
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
    compared = (
        "A photo is unanswered if it is refused or its set is wide. We compared several definitions of a wide set. "
        f"An acceptable one leaves at most {MAX_WIDE_SHARE * 100:.0f} % of the {photos:,} out-of-fold photos "
        "unanswered, and does not lower the sensitivity for melanoma on the answered photos."
    )
    if rule == NEVER_WIDE:
        no_rule = "No acceptable definition raises the balanced accuracy of the answered photos."
        return f"Only an empty set is wide. {compared} {no_rule}"
    accuracies = "{balanced_accuracy_of_answered:.3f} instead of {balanced_accuracy_of_all:.3f}"
    return (
        f"{compared} We use the acceptable definition with the best balanced accuracy of the answered photos: "
        f"a {WIDE_RULE_LEVEL} % set is wide if it {describe_rule(rule)}, and also if it is empty. "
        f"This balanced accuracy is {accuracies.format(**metrics).replace('0.', '.')} for all photos, and "
        f"{metrics['share_refused_or_wide'] * 100:.1f} % of the photos are unanswered."
    )


def describe_rule(rule: WideSetRule) -> str:
    """Describe when a set is wide, such as "has at least 4 classes". At least one limit of `rule` must be a number."""
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
