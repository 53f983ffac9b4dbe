"""The two questions that have a threshold, cancer and melanoma: their scores, what a threshold costs, and the
figures along their curves.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.evaluation import curves, intervals
from data_modelling.evaluation.calibration import sensitivity_threshold
from data_modelling.evaluation.metrics import class_aucs
from data_modelling.evaluation.rounding import plain, rounded
from data_modelling.inference.decision import cancer_columns, melanoma_column

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

RATES = (0.9, 0.95)  # sensitivities and specificities at which the cost is told
NET_BENEFIT_AT = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # threshold probabilities of the decision curve


def scores(probability: Floats, task: str) -> dict[str, Floats]:
    """Score (N,) of each question: the probability of the cancer group, and of melanoma."""
    return {
        "cancer": probability[:, cancer_columns(task)].sum(axis=1),
        "melanoma": probability[:, melanoma_column(task)],
    }


def questions(labels: Labels, probability: Floats, task: str) -> dict[str, tuple[Floats, Truth]]:
    """Score and truth, each (N,), of each question."""
    of_score = scores(probability, task)
    return {
        "cancer": (of_score["cancer"], cancer_columns(task)[labels]),
        "melanoma": (of_score["melanoma"], labels == melanoma_column(task)),
    }


def cost(score: Floats, positive: Truth, threshold: float) -> dict[str, Any]:
    """What a threshold costs, in counts."""
    flagged = score >= threshold
    return {
        "threshold": rounded(threshold),
        "sensitivity": rounded(flagged[positive].mean()) if positive.any() else None,
        "specificity": rounded((~flagged[~positive]).mean()) if not positive.all() else None,
        "positives": int(positive.sum()),
        "missed": int((positive & ~flagged).sum()),
        "negatives": int((~positive).sum()),
        "flagged": int((flagged & ~positive).sum()),
    }


def along_the_curve(score: Floats, positive: Truth, groups: Labels) -> dict[str, Any]:
    """Areas of one question, and what fixed rates cost; positives and others must both be there."""
    benefit = curves.net_benefit(score, positive, np.array(NET_BENEFIT_AT))
    return {
        "auc": rounded(auc(score, positive)),
        "auc_interval": plain(intervals.auc_interval(score, positive, groups)),
        "partial_auc_isic_above_80_sensitivity": rounded(curves.partial_auc_isic(score, positive)),
        "partial_auc_kaggle_above_80_sensitivity": rounded(curves.partial_auc_kaggle(score, positive)),
        "sensitivity_at_specificity": {
            str(rate): rounded(curves.sensitivity_at_specificity(score, positive, rate)) for rate in RATES
        },
        "specificity_at_sensitivity": {
            str(rate): rounded(curves.specificity_at_sensitivity(score, positive, rate)) for rate in RATES
        },
        "at_sensitivity": {
            str(rate): cost(score, positive, sensitivity_threshold(score, positive, rate)) for rate in RATES
        },
        "net_benefit": {str(at): rounded(value) for at, value in zip(NET_BENEFIT_AT, benefit, strict=True)},
    }


def auc(score: Floats, positive: Truth) -> float:
    """AUC of one question; NaN when only one kind of photo is there."""
    return class_aucs(positive.astype(np.int64), np.stack([1 - score, score], axis=1)).get(1, np.nan)


def has_both(positive: Truth) -> bool:
    """Whether there are both positives and others."""
    return bool(positive.any() and not positive.all())
