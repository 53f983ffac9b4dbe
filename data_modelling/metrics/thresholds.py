"""Compute scores and metrics for two questions about a lesion: whether it is a cancer, and whether it is a melanoma."""

from typing import Any

import numpy as np

from data_modelling.inference.decision import cancer_columns, melanoma_column
from data_modelling.metrics import bootstrap, curves
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.calibration import sensitivity_threshold
from data_modelling.metrics.rounding import round_metric, to_json_value

RATES = (0.9, 0.95)  # specificity is reported at these sensitivities, and sensitivity at these specificities
NET_BENEFIT_THRESHOLDS = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # probabilities on the decision curve


def question_scores(probability: Floats, task: str) -> dict[str, Floats]:
    """Return the score (N,) of each question: the summed probability of the cancer classes, or that of melanoma."""
    return {
        "cancer": probability[:, cancer_columns(task)].sum(axis=1),
        "melanoma": probability[:, melanoma_column(task)],
    }


def binary_questions(labels: Labels, probability: Floats, task: str) -> dict[str, tuple[Floats, Mask]]:
    """Return, for each question, the score (N,) and a mask (N,) of the photos for which the answer is yes."""
    scores = question_scores(probability, task)
    return {
        "cancer": (scores["cancer"], cancer_columns(task)[labels]),
        "melanoma": (scores["melanoma"], labels == melanoma_column(task)),
    }


def threshold_counts(score: Floats, positive: Mask, threshold: float) -> dict[str, Any]:
    """Return sensitivity and specificity at a threshold, and counts of photos; `flagged` counts only negatives."""
    flagged = score >= threshold
    return {
        "threshold": round_metric(threshold),
        "sensitivity": round_metric(flagged[positive].mean()) if positive.any() else None,
        "specificity": round_metric((~flagged[~positive]).mean()) if not positive.all() else None,
        "positives": int(positive.sum()),
        "missed": int((positive & ~flagged).sum()),
        "negatives": int((~positive).sum()),
        "flagged": int((flagged & ~positive).sum()),
    }


def roc_metrics(score: Floats, positive: Mask, groups: Labels) -> dict[str, Any]:
    """Return areas under a question's ROC curve, threshold costs and net benefits; `positive` must have both values."""
    net_benefits = curves.net_benefit(score, positive, np.array(NET_BENEFIT_THRESHOLDS))
    return {
        "auc": round_metric(curves.binary_auc(score, positive)),
        "auc_interval": to_json_value(bootstrap.auc_interval(score, positive, groups)),
        "partial_auc_isic_above_80_sensitivity": round_metric(curves.partial_auc_isic(score, positive)),
        "partial_auc_kaggle_above_80_sensitivity": round_metric(curves.partial_auc_kaggle(score, positive)),
        "sensitivity_at_specificity": {
            str(rate): round_metric(curves.sensitivity_at_specificity(score, positive, rate))
            for rate in RATES
        },
        "specificity_at_sensitivity": {
            str(rate): round_metric(curves.specificity_at_sensitivity(score, positive, rate))
            for rate in RATES
        },
        "at_sensitivity": {
            str(rate): threshold_counts(score, positive, sensitivity_threshold(score, positive, rate))
            for rate in RATES
        },
        "net_benefit": {
            str(threshold): round_metric(value)
            for threshold, value in zip(NET_BENEFIT_THRESHOLDS, net_benefits, strict=True)
        },
    }


def has_both_outcomes(positive: Mask) -> bool:
    """Return whether there are both positives and negatives."""
    return bool(positive.any() and not positive.all())
