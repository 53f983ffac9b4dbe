"""All figures of one part's predictions, as metrics.json has them.

The decision (`class`) judges balanced accuracy, sensitivity, specificity and the confusion matrix; the
probabilities are judged by AUC, losses and calibration errors.
"""

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation import curves, intervals, metrics, reliability
from data_modelling.evaluation.calibration import sensitivity_threshold
from data_modelling.evaluation.comparison import differences
from data_modelling.evaluation.predictions import MODES, logits, truth
from data_modelling.evaluation.subgroups import subgroups
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]
Truth = NDArray[np.bool_]

DIGITS = 6  # of every figure
RATES = (0.9, 0.95)  # sensitivities and specificities at which the cost is told
NET_BENEFIT_AT = (0.02, 0.05, 0.1, 0.2, 0.3, 0.4, 0.5)  # threshold probabilities of the decision curve
# The figures of a mode that have an interval beside them.
OVERALL = ("balanced_accuracy", "macro_auc", "accuracy_most_probable", "expected_calibration_error")


def figures(predictions: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Figures of the committed predictions with the temperature and the choices of the bundle."""
    task = metadata["task"]
    labels = truth(predictions, task)
    groups = intervals.group_indices(predictions["group_id"])
    by_mode = {
        mode: probabilities(logits(predictions, mode, task), metadata["temperature"]) for mode in MODES
    }
    photo = by_mode["photo"]
    judged = {
        mode: intervals.judge(labels, probability, _decided(probability, metadata), groups)
        for mode, probability in by_mode.items()
    }
    questions = _questions(labels, photo, task)
    return {
        "photos": len(predictions),
        "groups": int(predictions["group_id"].nunique()),
        "parts": sorted(predictions["part"].unique().tolist()),
        "majority_share": _rounded(np.bincount(labels).max() / len(labels)),
        **{mode: _of_mode(labels, by_mode[mode], judged[mode], metadata) for mode in MODES},
        "effect_of_details": _effect_of_details(judged),
        "thresholds": {
            name: _cost(*question, metadata["thresholds"][name]) for name, question in questions.items()
        },
        "operating_points": {
            name: _along_the_curve(*question)
            for name, question in questions.items()
            if _has_both(question[1])
        },
        "subgroups": [
            {key: _plain(value) for key, value in row.items()}
            for row in subgroups(predictions, labels, photo, _decided(photo, metadata))
        ],
    }


def _effect_of_details(judged: dict[str, intervals.Judged]) -> dict[str, Any]:
    """What the details add to the photo alone: paired differences with their intervals."""
    return {
        name: {"difference": _rounded(found.value), "interval": _plain(found.interval)}
        for name, found in differences(*(judged[mode] for mode in MODES)).items()
    }


def _of_mode(
    labels: Labels, probability: Floats, judged: intervals.Judged, metadata: dict[str, Any]
) -> dict[str, Any]:
    classes = metadata["classes"]
    decided = _decided(probability, metadata)
    matrix = metrics.confusion(labels, decided, len(classes))
    between = judged.intervals()
    return {
        "balanced_accuracy": _rounded(metrics.balanced_accuracy(matrix)),
        "macro_auc": _rounded(metrics.macro_auc(labels, probability)),
        "accuracy": _rounded(metrics.accuracy(matrix)),
        "accuracy_most_probable": _rounded(np.mean(probability.argmax(axis=1) == labels)),
        "expected_calibration_error": _rounded(reliability.expected_calibration_error(labels, probability)),
        "intervals": {name: _plain(between[name]) for name in OVERALL},
        "macro_f1": _rounded(metrics.macro_f1(matrix)),
        "negative_log_likelihood": _rounded(metrics.negative_log_likelihood(labels, probability)),
        "brier_score": _rounded(metrics.brier_score(labels, probability)),
        "mean_confidence": _rounded(probability.max(axis=1).mean()),
        "calibration": _calibration(labels, probability),
        "classes": _of_classes(labels, probability, matrix, between, classes),
        "confusion": matrix.tolist(),
    }


def _of_classes(
    labels: Labels, probability: Floats, matrix: Labels, between: dict[str, Any], classes: list[str]
) -> dict[str, Any]:
    aucs, precisions = (
        metrics.class_aucs(labels, probability),
        metrics.average_precisions(labels, probability),
    )
    columns = {
        "auc": [aucs.get(index, np.nan) for index in range(len(classes))],
        "auc_interval": between["auc"],
        "sensitivity": metrics.sensitivities(matrix),
        "sensitivity_interval": between["sensitivity"],
        "specificity": metrics.specificities(matrix),
        "positive_predictive_value": metrics.positive_predictive_values(matrix),
        "negative_predictive_value": metrics.negative_predictive_values(matrix),
        "average_precision": [precisions.get(index, np.nan) for index in range(len(classes))],
    }
    photos = matrix.sum(axis=1)
    return {
        code: {"photos": int(photos[index])}
        | {name: _plain(values[index]) for name, values in columns.items()}
        for index, code in enumerate(classes)
    }


def _calibration(labels: Labels, probability: Floats) -> dict[str, Any]:
    """Calibration error in three forms, and what a perfectly calibrated model would show on as many photos."""
    perfect = reliability.of_a_perfect_model(probability)
    return {
        "equal_width": _rounded(reliability.expected_calibration_error(labels, probability)),
        "equal_mass": _rounded(reliability.equal_mass_calibration_error(labels, probability)),
        "classwise": _rounded(reliability.classwise_calibration_error(labels, probability)),
        "equal_width_of_a_perfect_model": {
            "mean": _rounded(perfect.mean()),
            "percentile_95": _rounded(np.percentile(perfect, 95)),
        },
    }


def _questions(labels: Labels, probability: Floats, task: str) -> dict[str, tuple[Floats, Truth]]:
    """Score and truth, each (N,), of the two questions that have a threshold."""
    cancer, melanoma = cancer_columns(task), melanoma_column(task)
    return {
        "cancer": (probability[:, cancer].sum(axis=1), cancer[labels]),
        "melanoma": (probability[:, melanoma], labels == melanoma),
    }


def _along_the_curve(score: Floats, positive: Truth) -> dict[str, Any]:
    """Areas of one question, and what fixed rates cost."""
    benefit = curves.net_benefit(score, positive, np.array(NET_BENEFIT_AT))
    return {
        "auc": _rounded(
            metrics.class_aucs(positive.astype(np.int64), np.stack([1 - score, score], axis=1))[1]
        ),
        "partial_auc_isic_above_80_sensitivity": _rounded(curves.partial_auc_isic(score, positive)),
        "partial_auc_kaggle_above_80_sensitivity": _rounded(curves.partial_auc_kaggle(score, positive)),
        "sensitivity_at_specificity": {
            str(rate): _rounded(curves.sensitivity_at_specificity(score, positive, rate)) for rate in RATES
        },
        "at_sensitivity": {
            str(rate): _cost(score, positive, sensitivity_threshold(score, positive, rate)) for rate in RATES
        },
        "net_benefit": {str(at): _rounded(value) for at, value in zip(NET_BENEFIT_AT, benefit, strict=True)},
    }


def _cost(score: Floats, positive: Truth, threshold: float) -> dict[str, Any]:
    """What a threshold costs, in counts."""
    flagged = score >= threshold
    return {
        "threshold": _rounded(threshold),
        "sensitivity": _rounded(flagged[positive].mean()) if positive.any() else None,
        "specificity": _rounded((~flagged[~positive]).mean()) if not positive.all() else None,
        "positives": int(positive.sum()),
        "missed": int((positive & ~flagged).sum()),
        "negatives": int((~positive).sum()),
        "flagged": int((flagged & ~positive).sum()),
    }


def _decided(probability: Floats, metadata: dict[str, Any]) -> Labels:
    prior = np.array([metadata["decision_prior"][code] for code in metadata["classes"]])
    return decisions(probability, prior)


def _has_both(positive: Truth) -> bool:
    return bool(positive.any() and not positive.all())


def _plain(value: Any) -> Any:
    """A value as JSON has it: figures rounded, an interval as a list."""
    if isinstance(value, tuple):
        return [_rounded(bound) for bound in value]
    return _rounded(value) if isinstance(value, float) else value


def _rounded(value: float) -> float | None:
    """Six decimals; None (JSON's null) for a figure that does not exist."""
    return None if np.isnan(value) else round(float(value), DIGITS)
