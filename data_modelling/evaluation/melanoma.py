"""Compute the melanoma metrics of a bundle with two classes.

The metrics are given without and with the scores of the patient's other lesions.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation.patient_context import context_metrics
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.modes import MODES
from data_modelling.metrics.bootstrap import group_indices
from data_modelling.metrics.predictions import mode_logits, true_classes
from data_modelling.metrics.rare_class import metrics_as_json, rare_class_metrics

Floats = NDArray[np.float64]
MetricValues = dict[str, Any]

MELANOMA_KEY = "melanoma"  # in metrics.json
TARGETS = {"two_classes": "melanoma or benign"}
MELANOMA_METRIC_LABELS = {
    "auc": "AUC",
    "average_precision": "average precision",
    "sensitivity_at_specificity_0.9": "sensitivity at a specificity of .9",
    "sensitivity_at_specificity_0.95": "at .95",
}


def log_odds(logits: NDArray[np.floating], column: int) -> Floats:
    """Return log(p / (1 - p)) of one class, (N,), from logits (N, classes)."""
    scores = np.asarray(logits, np.float64)
    others = np.delete(scores, column, axis=1)
    largest = others.max(axis=1)
    return np.asarray(scores[:, column] - largest - np.log(np.exp(others - largest[:, None]).sum(axis=1)))


def has_two_classes(metadata: MetricValues) -> bool:
    """Return whether the bundle's task is melanoma or not."""
    return len(TASKS[metadata["task"]]) == 2


def melanoma_metrics(predictions: pd.DataFrame, metadata: MetricValues) -> MetricValues:
    """Return the metrics by mode, and the effect of the patient's lesions. predictions: out-of-fold."""
    task = metadata["task"]
    positive = true_classes(predictions, task) == melanoma_column(task)
    patients = group_indices(predictions["group_id"])
    parts = predictions["part"].to_numpy(str)
    values: MetricValues = {
        "photos": len(predictions),
        "melanomas": int(positive.sum()),
        "patients": int(patients.max()) + 1,
    }
    for mode in MODES:
        score = log_odds(mode_logits(predictions, mode, task), melanoma_column(task))
        metrics = metrics_as_json(rare_class_metrics(score, positive, patients))
        context = {"two_classes": context_metrics(score, positive, patients, parts)}
        values[mode] = {"two_classes": metrics, "patient_context": context}
    return values
