"""Compute the main metrics in metrics.json, on out-of-fold photos or the locked test (kept for the final evaluation).

Balanced accuracy, sensitivity, specificity and the confusion matrix evaluate the decided class, which is the
class that the model names. AUC, log-likelihood, Brier score and calibration errors evaluate the probabilities.
"""

from typing import Any

import numpy as np
import pandas as pd

from data_modelling.evaluation import prediction_sets
from data_modelling.evaluation.subgroups import UNKNOWN_VALUE, attributes, intersections, subgroup_rows
from data_modelling.inference.decision import calibrated_probabilities, cancer_columns, predicted_classes
from data_modelling.inference.modes import MODES
from data_modelling.metrics import bootstrap, calibration_error, classification
from data_modelling.metrics.array_types import Floats, Labels
from data_modelling.metrics.classification import selective_risks
from data_modelling.metrics.predictions import available_modes, mode_logits, true_classes
from data_modelling.metrics.rounding import round_metric, to_json_value
from data_modelling.metrics.thresholds import (
    binary_questions,
    has_both_outcomes,
    roc_metrics,
    threshold_counts,
)
from data_modelling.settings import FOLD_COUNT

LESION = "lesion"  # what the photos of a group share, unless metadata.json names something else (a patient)
NO_LOCKED_TEST = "none"  # value in metadata.json if the split has no locked test
# Shares of the photos. For each share, the error is reported for the photos with the most certain answers.
ANSWERED = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
# The metrics over all classes that are reported with an interval.
OVERALL_METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable", "expected_calibration_error")
# Pairs of modes whose metrics are compared. "both" is photo and details. "shuffled" is the photo with the details of
# another lesion or patient.
COMPARED_MODES = (("both", "photo"), ("photo", "details"), ("both", "shuffled"))


def split_metrics(predictions: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of predictions, computed with the bundle's temperature, decision prior and thresholds."""
    task = metadata["task"]
    labels = true_classes(predictions, task)
    groups = bootstrap.group_indices(predictions["group_id"])
    by_mode = {
        # The logits of the mode "details" are those of a logistic regression, which needs no temperature.
        mode: calibrated_probabilities(
            mode_logits(predictions, mode, task), 1.0 if mode == "details" else metadata["temperature"]
        )
        for mode in available_modes(predictions, task)
    }
    photo_probability = by_mode["photo"]
    metrics_by_mode = {
        mode: bootstrap.bootstrap_metrics(labels, probability, decide_classes(probability, metadata), groups)
        for mode, probability in by_mode.items()
    }
    comparisons = {
        f"{mode}_less_{reference}": bootstrap.paired_differences(
            metrics_by_mode[reference], metrics_by_mode[mode]
        )
        for mode, reference in COMPARED_MODES
        if mode in metrics_by_mode and reference in metrics_by_mode
    }
    questions = binary_questions(labels, photo_probability, task)
    decisions = decide_classes(photo_probability, metadata)
    noun = metadata.get("data", {}).get("grouped_by", LESION)
    return {
        "photos": len(predictions),
        "groups": int(predictions["group_id"].nunique()),
        "parts": sorted(predictions["part"].unique().tolist()),
        "grouped_by": noun,
        "folds": FOLD_COUNT,
        "majority_share": round_metric(np.bincount(labels).max() / len(labels)),
        **{mode: _mode_metrics(labels, by_mode[mode], metrics_by_mode[mode], metadata) for mode in by_mode},
        **_source_metrics(predictions, labels, {mode: by_mode[mode] for mode in MODES}, metadata),
        "effect_of_details": comparisons["both_less_photo"],
        "comparisons": comparisons,
        "as_trained": {
            mode: _uncalibrated_errors(labels, mode_logits(predictions, mode, task)) for mode in MODES
        },
        "thresholds": {
            name: threshold_counts(*question, metadata["thresholds"][name])
            for name, question in questions.items()
        },
        "operating_points": {
            name: roc_metrics(*question, groups)
            for name, question in questions.items()
            if has_both_outcomes(question[1])
        },
        "risk_coverage": _risk_coverage(labels, photo_probability, decisions),
        "confirmation_of_cancers": _confirmation_of_cancers(predictions, labels, task),
        **{
            name: subgroup_rows(predictions, labels, photo_probability, decisions, members, noun)
            for name, members in (("subgroups", attributes), ("intersections", intersections))
        },
        "prediction_sets": prediction_sets.set_metrics(predictions, metadata),
    }


def decide_classes(probability: Floats, metadata: dict[str, Any]) -> Labels:
    """Return the decided class of each photo, (N,): the index of the largest ratio of probability to decision prior."""
    prior = np.array([metadata["decision_prior"][code] for code in metadata["classes"]])
    return predicted_classes(probability, prior)


def _source_metrics(
    predictions: pd.DataFrame, labels: Labels, by_mode: dict[str, Floats], metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return {"by_source": the metrics of each source's photos}, or {} if there is only one source."""
    names = sorted(predictions["source"].unique())
    if len(names) < 2:
        return {}
    metrics_by_source: dict[str, Any] = {}
    for name in names:
        mask = (predictions["source"] == name).to_numpy()
        groups, source_labels = bootstrap.group_indices(predictions.loc[mask, "group_id"]), labels[mask]
        metrics_by_source[name] = {"photos": int(mask.sum()), "groups": int(groups.max()) + 1}
        for mode, probability in by_mode.items():
            decisions = decide_classes(probability[mask], metadata)
            metrics = bootstrap.bootstrap_metrics(source_labels, probability[mask], decisions, groups)
            values = metrics.with_intervals(OVERALL_METRICS)
            intervals = values.pop("intervals")
            metrics_by_source[name][mode] = values | {
                "majority_share": round_metric(np.bincount(source_labels).max() / len(source_labels)),
                "classes": len(np.unique(source_labels)),
                "intervals": intervals,
            }
    return {"by_source": metrics_by_source}


def _uncalibrated_errors(labels: Labels, scores: Floats) -> dict[str, Any]:
    """Return calibration error and negative log-likelihood of the probabilities without temperature scaling."""
    probability = calibrated_probabilities(scores, 1.0)
    return {
        "expected_calibration_error": round_metric(
            calibration_error.expected_calibration_error(labels, probability)
        ),
        "negative_log_likelihood": round_metric(classification.negative_log_likelihood(labels, probability)),
    }


def _risk_coverage(labels: Labels, probability: Floats, decisions: Labels) -> dict[str, Any]:
    """Return error and balanced error of the most certain photos, for each share in ANSWERED."""
    risks = selective_risks(labels, probability, decisions, np.array(ANSWERED))
    return {
        str(share): {"error": round_metric(error), "balanced_error": round_metric(balanced_error)}
        for share, error, balanced_error in zip(ANSWERED, *risks, strict=True)
    }


def _confirmation_of_cancers(predictions: pd.DataFrame, labels: Labels, task: str) -> dict[str, int]:
    """Return the number of photos with a cancer, by how the diagnosis was confirmed."""
    confirmations = predictions.loc[cancer_columns(task)[labels], "confirmation"].fillna(UNKNOWN_VALUE)
    return {str(name): int(count) for name, count in confirmations.value_counts().sort_index().items()}


def _mode_metrics(
    labels: Labels, probability: Floats, metrics: bootstrap.BootstrapMetrics, metadata: dict[str, Any]
) -> dict[str, Any]:
    classes = metadata["classes"]
    decisions = decide_classes(probability, metadata)
    matrix = classification.confusion_counts(labels, decisions, len(classes))
    overall = metrics.with_intervals(OVERALL_METRICS)
    return {
        "balanced_accuracy": overall["balanced_accuracy"],
        "macro_auc": overall["macro_auc"],
        "accuracy": round_metric(classification.accuracy(matrix)),
        "accuracy_most_probable": overall["accuracy_most_probable"],
        "expected_calibration_error": overall["expected_calibration_error"],
        "intervals": overall["intervals"],
        "macro_f1": round_metric(classification.macro_f1(matrix)),
        "negative_log_likelihood": round_metric(classification.negative_log_likelihood(labels, probability)),
        "brier_score": round_metric(classification.brier_score(labels, probability)),
        "mean_confidence": round_metric(probability.max(axis=1).mean()),
        "calibration": _calibration_metrics(labels, probability),
        "classes": _class_metrics(labels, probability, matrix, metrics, classes),
        "confusion": matrix.tolist(),
    }


def _class_metrics(
    labels: Labels,
    probability: Floats,
    matrix: Labels,
    metrics: bootstrap.BootstrapMetrics,
    classes: list[str],
) -> dict[str, Any]:
    intervals = metrics.intervals()
    columns = {
        "auc": metrics.whole["auc"],
        "auc_interval": intervals["auc"],
        "sensitivity": metrics.whole["sensitivity"],
        "sensitivity_interval": intervals["sensitivity"],
        **classification.class_rates(matrix),
        "average_precision": classification.average_precisions(labels, probability),
    }
    photos = matrix.sum(axis=1)
    return {
        code: {"photos": int(photos[index])}
        | {name: to_json_value(values[index]) for name, values in columns.items()}
        for index, code in enumerate(classes)
    }


def _calibration_metrics(labels: Labels, probability: Floats) -> dict[str, Any]:
    """Return three calibration errors, the error that a perfect model has by chance, and the reliability bins."""
    perfect = calibration_error.errors_of_perfect_model(probability)
    return {
        "equal_width": round_metric(calibration_error.expected_calibration_error(labels, probability)),
        "equal_mass": round_metric(calibration_error.equal_mass_calibration_error(labels, probability)),
        "classwise": round_metric(calibration_error.classwise_calibration_error(labels, probability)),
        "equal_width_of_a_perfect_model": {
            "mean": round_metric(perfect.mean()),
            "percentile_95": round_metric(np.percentile(perfect, 95)),
        },
        "bins": [
            {"photos": photos, "confidence": round_metric(confidence), "accuracy": round_metric(accuracy)}
            for photos, confidence, accuracy in calibration_error.reliability_bins(labels, probability)
        ],
    }
