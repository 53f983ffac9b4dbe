"""Compute metrics of a clinic group (the photos of some clinics), from answers of networks that never saw the photos.

An answer is out-of-fold if its network saw other photos of the group, and left-out if it saw no photo of the group.
"""

from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.decision import CALIBRATION_BINS, NO_CANCER_CLASS, REFUSED, melanoma_column
from data_modelling.inference.diagnoses import TASKS
from data_modelling.metrics import bootstrap
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.calibration_error import expected_calibration_error

FEWEST_LESIONS = 50  # lesions that a calibration error needs; with fewer, it would be mostly chance
FEWEST_OF_CLASS = 10  # lesions that a class needs; with fewer, one lesion is over a tenth of the class


@dataclass(frozen=True)
class ClinicAnswers:
    """Hold the answers to all photos of a clinic group, refused photos included.

    labels, decisions: (N,) class indices. probability: (N, classes), calibrated for a reference population.
    lesions: (N,) the lesion of each photo. statuses: (N,) the status of each answer, such as "refused".
    """

    labels: Labels
    probability: Floats
    decisions: Labels
    lesions: NDArray[Any]
    statuses: NDArray[np.str_]


def clinic_row(group: str, name: str, answers: ClinicAnswers, task: str) -> dict[str, Any]:
    """Return group, name and the counts of photos, lesions and photos of melanomas."""
    return {
        "group": group,
        "name": name,
        "photos": len(answers.labels),
        "lesions": len(np.unique(answers.lesions)),
        "melanomas": int((answers.labels == melanoma_column(task)).sum()),
    }


def clinic_metrics(answers: ClinicAnswers, task: str, reference_shares: Floats) -> dict[str, Any]:
    """Return each metric of a group as {value, low, high}, with its 95 % interval (bootstrap over lesions or patients).

    A metric for which the group has too few lesions is absent. AUC and balanced accuracy are means over the classes
    with at least FEWEST_OF_CLASS lesions. reference_shares: (classes,), the class shares of the reference population.
    """
    lesions = bootstrap.renumbered(answers.lesions)
    metrics = {
        **_class_metrics(answers, lesions, melanoma_column(task)),
        **_calibration_errors(answers, lesions, reference_shares),
        "refused": _share(answers.statuses == REFUSED, np.ones(len(lesions), bool), lesions),
    }
    is_benign = np.array([diagnosis.flag == "benign" for diagnosis in TASKS[task]])
    subsets = {  # for the shares of photos with the status NO_CANCER_CLASS
        "all_clear_melanoma": answers.labels == melanoma_column(task),
        "all_clear_benign": is_benign[answers.labels],
    }
    return metrics | {
        name: _share(answers.statuses == NO_CANCER_CLASS, subset, lesions)
        for name, subset in subsets.items()
        if len(np.unique(lesions[subset])) >= FEWEST_OF_CLASS
    }


def adjust_to_shares(probability: Floats, shares: Floats, reference_shares: Floats) -> Floats:
    """Return probabilities (N, classes) for other class shares: p * shares / reference_shares, summing to 1.

    Formula: Saerens et al. 2002, Neural Computation 14:21. A class with a reference share of 0 is not reweighted.
    """
    ratio = np.divide(shares, reference_shares, out=np.ones(len(shares)), where=reference_shares > 0)
    weighted = probability * ratio
    return np.asarray(weighted / weighted.sum(axis=1, keepdims=True))


def _class_metrics(answers: ClinicAnswers, lesions: Labels, melanoma: int) -> dict[str, Any]:
    """Return macro AUC, balanced accuracy and melanoma AUC, or {} if fewer than two classes have enough lesions."""
    classes = range(answers.probability.shape[1])
    lesion_counts = np.array([len(np.unique(lesions[answers.labels == label])) for label in classes])
    has_enough = lesion_counts >= FEWEST_OF_CLASS
    if has_enough.sum() < 2:
        return {}
    metrics = bootstrap.bootstrap_metrics(
        answers.labels, answers.probability, answers.decisions, lesions, has_enough
    )
    values = {
        name: _with_interval(metrics.whole[name], metrics.drawn[name])
        for name in ("macro_auc", "balanced_accuracy")
    }
    if has_enough[melanoma]:
        values["melanoma_auc"] = _with_interval(
            metrics.whole["auc"][melanoma], metrics.drawn["auc"][:, melanoma]
        )
    return values


def _calibration_errors(answers: ClinicAnswers, lesions: Labels, reference_shares: Floats) -> dict[str, Any]:
    """Return the calibration error before and after adjusting to the group's class shares; {} for too few lesions."""
    if lesions.max() + 1 < FEWEST_LESIONS:
        return {}
    labels = answers.labels
    own_shares = np.bincount(labels, minlength=len(reference_shares)) / len(labels)
    adjusted = adjust_to_shares(answers.probability, own_shares, reference_shares)
    values = {}
    for name, probability in (("ece", answers.probability), ("ece_own_shares", adjusted)):
        error = partial(expected_calibration_error, labels, probability, CALIBRATION_BINS)
        values[name] = _with_interval(error(), bootstrap.resampled(error, lesions, labels))
    return values


def _share(chosen: Mask, subset: Mask, lesions: Labels) -> dict[str, Any]:
    """Return which share of the photos in `subset` is also in `chosen`, with its interval.

    If all or none are chosen, a bootstrap interval has no width, so Wilson's interval for the count of lesions is used.
    """
    value = float(chosen[subset].mean())
    if value in {0.0, 1.0}:
        count = len(np.unique(lesions[subset]))
        low, high = np.clip(bootstrap.wilson_interval(value * count, count), 0, 1)
        return bootstrap.value_with_interval(value, (low, high))
    return bootstrap.share_metric(chosen, subset, lesions)


def _with_interval(value: Floats, drawn: Floats) -> dict[str, Any]:
    return bootstrap.value_with_interval(float(value), bootstrap.percentile_interval(drawn))
