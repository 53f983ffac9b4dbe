"""Compute the melanoma metrics of a bundle with two classes, without and with the scores of a patient's other lesions.

A patient's moles look alike, and a melanoma looks different. So one high score among low scores is a stronger sign
than high scores of all lesions. The contextual score is the log odds of melanoma minus a share (0-1) of the mean log
odds of the patient's other lesions. Each fold gets the share with the best AUC on the other folds.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.modes import MODES
from data_modelling.metrics import curves
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.bootstrap import (
    BootstrapMetrics,
    group_indices,
    has_any,
    renumbered,
    weighted_metrics,
)
from data_modelling.metrics.predictions import mode_logits, true_classes

MetricValues = dict[str, Any]

MELANOMA_KEY = "melanoma"  # the key of the melanoma metrics in metrics.json
SPECIFICITIES = (0.9, 0.95)
CONTEXT_WEIGHTS = tuple(round(0.1 * step, 1) for step in range(11))  # the shares that are tried


def has_two_classes(metadata: MetricValues) -> bool:
    """Return whether the bundle's task has only two classes, melanoma and benign."""
    return len(TASKS[metadata["task"]]) == 2


def melanoma_metrics(predictions: pd.DataFrame, metadata: MetricValues) -> MetricValues:
    """Return counts, and for each mode (photo alone, with details) the metrics without and with the other lesions."""
    task = metadata["task"]
    positive = true_classes(predictions, task) == melanoma_column(task)
    patients = group_indices(predictions["group_id"])
    parts = predictions["part"].to_numpy(str)
    counts = {
        "photos": len(predictions),
        "melanomas": int(positive.sum()),
        "patients": int(patients.max()) + 1,
    }
    values: MetricValues = dict(counts)
    for mode in MODES:
        logits = mode_logits(predictions, mode, task)
        log_odds = logits[:, melanoma_column(task)] - logits[:, 1 - melanoma_column(task)]
        context = context_metrics(log_odds, positive, patients, parts)
        values[mode] = {"two_classes": context["without"], "patient_context": {"two_classes": context}}
    return values


def mean_of_other_lesions(log_odds: Floats, patients: Labels) -> Floats:
    """Return for each lesion the mean log odds of the patient's other lesions, (N,).

    A patient's only lesion gets the mean of all patients' lesions. log_odds: (N,). patients: (N,) indices from 0.
    """
    count = np.bincount(patients)[patients]
    others = np.bincount(patients, log_odds)[patients] - log_odds
    return np.where(count > 1, others / np.maximum(count - 1, 1), log_odds.mean())


def contextual_log_odds(log_odds: Floats, patients: Labels, share: float) -> Floats:
    """Return the contextual score (N,): the log odds minus `share` times the mean of the patient's other lesions."""
    return log_odds - share * mean_of_other_lesions(log_odds, patients)


def best_context_weight(log_odds: Floats, positive: Mask, patients: Labels) -> float:
    """Return the share in CONTEXT_WEIGHTS with the best AUC; of equally good shares, return the smallest."""
    return max(
        CONTEXT_WEIGHTS,
        key=lambda share: (
            curves.binary_auc(contextual_log_odds(log_odds, patients, share), positive),
            -share,
        ),
    )


def context_metrics(
    log_odds: Floats, positive: Mask, patients: Labels, parts: NDArray[np.str_]
) -> dict[str, Any]:
    """Return the metrics without and with the patient's other lesions, and the share that is chosen for each fold.

    parts: (N,), the fold of each photo; all photos of a patient are in one fold. If there is only one fold, its
    share is chosen on that fold.
    """
    score = np.empty(len(log_odds))
    shares: dict[str, float] = {}
    for part in np.unique(parts):
        mask = parts == part
        fitting_rows = mask if mask.all() else ~mask
        shares[str(part)] = best_context_weight(
            log_odds[fitting_rows], positive[fitting_rows], renumbered(patients[fitting_rows])
        )
        score[mask] = contextual_log_odds(log_odds[mask], renumbered(patients[mask]), shares[str(part)])
    without_context = rare_class_metrics(log_odds, positive, patients)
    with_context = rare_class_metrics(score, positive, patients)
    names = list(with_context.whole)
    return {
        "without": without_context.as_json(names),
        "with": with_context.as_json(names),
        "difference": with_context.less(without_context, names).as_json(names),
        "shares": shares,
        "patients": int(patients.max()) + 1,
    }


def rare_class_metrics(score: Floats, positive: Mask, groups: Labels) -> BootstrapMetrics:
    """Return AUC, average precision, and the sensitivity at each of SPECIFICITIES.

    score, positive: (N,). groups: (N,) indices from 0; groups with and without positives are resampled separately.
    """
    return weighted_metrics(
        lambda weights: {
            "auc": curves.binary_auc(score, positive, weights),
            "average_precision": curves.average_precision(score, positive, weights),
            **{
                f"sensitivity_at_specificity_{specificity:g}": curves.sensitivity_at_specificity(
                    score, positive, specificity, weights
                )
                for specificity in SPECIFICITIES
            },
        },
        groups,
        has_any(positive, groups),
    )
