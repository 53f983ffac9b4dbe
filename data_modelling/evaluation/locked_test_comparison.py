"""Compare the out-of-fold metrics with those of the locked test.

The comparison shows whether choices that were made with fold models fit the served one. Temperature, decision
prior and thresholds come from networks of the same recipe that each saw four fifths of the photos. The served
network saw them all. None of them saw the locked test.
"""

from typing import Any

import pandas as pd

from data_modelling.inference.decision import calibrated_probabilities, melanoma_column
from data_modelling.metrics import bootstrap
from data_modelling.metrics.calibration import fit_temperature
from data_modelling.metrics.predictions import MODES, mode_logits, true_classes
from data_modelling.metrics.rounding import round_metric, to_json_value
from data_modelling.metrics.thresholds import binary_questions

LARGEST_ERROR = 0.03  # accepted expected calibration error, out-of-fold
BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC, CALIBRATION_ERROR = (
    "balanced_accuracy",
    "macro_auc",
    "melanoma_auc",
    "expected_calibration_error",
)


def compare_with_locked_test(
    values: dict[str, Any], locked: pd.DataFrame, metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return the out-of-fold metrics and those of the locked test, pair by pair.

    values: the parts of metrics.json; locked: the predictions of the locked test.
    """
    return {
        **{mode: _mode_comparison(values, mode, metadata) for mode in MODES},
        "temperature": {
            "used": metadata["temperature"],
            # The temperature that fits the locked test best. Nothing uses it.
            "refitted_in_hindsight": round_metric(fit_temperature(locked, metadata["task"])),
        },
        "thresholds": _threshold_sensitivities(locked, metadata),
    }


def metric_targets(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the targets of the metrics and whether they are met; `met` is null before the test is opened.

    For balanced accuracy and the AUCs, the locked interval must contain the out-of-fold value. The
    calibration error is shown without this target, because it is larger by chance with fewer photos. It is
    compared with a perfectly calibrated model instead.
    """
    return [
        target
        for mode in MODES
        for target in (_calibration_target(values, mode), *_locked_test_targets(values, mode))
    ]


def _mode_comparison(values: dict[str, Any], mode: str, metadata: dict[str, Any]) -> dict[str, Any]:
    comparison = {
        name: _expected_and_observed(
            *(
                _metric_with_interval(values[part][mode], name, metadata)
                for part in ("out_of_fold", "locked_test")
            )
        )
        for name in (BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC, CALIBRATION_ERROR)
    }
    # A resampled ECE is larger than the ECE itself. Even with perfect calibration, the interval rarely contains
    # the value from more photos. `_chance_target` has the target instead.
    return comparison | {CALIBRATION_ERROR: comparison[CALIBRATION_ERROR] | {"contained": None}}


def _metric_with_interval(metrics: dict[str, Any], name: str, metadata: dict[str, Any]) -> tuple[Any, Any]:
    """Return a metric of a mode and its interval."""
    if name == MELANOMA_AUC:
        class_metrics = metrics["classes"][metadata["classes"][melanoma_column(metadata["task"])]]
        return class_metrics["auc"], class_metrics["auc_interval"]
    return metrics[name], metrics["intervals"][name]


def _expected_and_observed(expected: tuple[Any, Any], observed: tuple[Any, Any]) -> dict[str, Any]:
    return {"out_of_fold": expected[0], "locked_test": observed[0], "interval": observed[1]} | {
        "contained": _interval_contains(expected[0], observed[1])
    }


def _interval_contains(value: float | None, interval: list[float | None]) -> bool | None:
    """Return whether an interval contains a value; None where either does not exist."""
    low, high = interval
    return None if value is None or low is None or high is None else bool(low <= value <= high)


def _threshold_sensitivities(locked: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the sensitivity at the served thresholds, on the locked test and as it was chosen."""
    task = metadata["task"]
    probability = calibrated_probabilities(mode_logits(locked, "photo", task), metadata["temperature"])
    groups = bootstrap.group_indices(locked["group_id"])
    target_sensitivity = metadata["settings"]["cancer_sensitivity"]
    sensitivities = {}
    for name, (score, positive) in binary_questions(true_classes(locked, task), probability, task).items():
        if not positive.any():
            continue
        flagged = score >= metadata["thresholds"][name]
        interval = to_json_value(bootstrap.share_interval(flagged, positive, groups))
        sensitivities[name] = {
            "chosen_for": target_sensitivity,
            "sensitivity": round_metric(flagged[positive].mean()),
            "interval": interval,
            "contained": _interval_contains(target_sensitivity, interval),
        }
    return sensitivities


def _calibration_target(values: dict[str, Any], mode: str) -> dict[str, Any]:
    error = values["out_of_fold"][mode][CALIBRATION_ERROR]
    return _target_row(
        "calibration_error_out_of_fold",
        mode,
        CALIBRATION_ERROR,
        error,
        LARGEST_ERROR,
        met=error <= LARGEST_ERROR,
    )


def _locked_test_targets(values: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    """Return the targets on the locked test; none if the split has no locked test."""
    if values.get("no_locked_test"):
        return []
    return [_chance_target(values, mode), *_interval_targets(values, mode)]


def _chance_target(values: dict[str, Any], mode: str) -> dict[str, Any]:
    name = "locked_calibration_error_within_chance"
    if "locked_test" not in values:
        return _target_row(name, mode, CALIBRATION_ERROR, None, None, met=None)
    calibration = values["locked_test"][mode]["calibration"]
    error, limit = calibration["equal_width"], calibration["equal_width_of_a_perfect_model"]["percentile_95"]
    return _target_row(name, mode, CALIBRATION_ERROR, error, limit, met=error < limit)


def _interval_targets(values: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    name = "locked_interval_contains_out_of_fold"
    comparison = values.get("fit_to_served", {}).get(mode, {})
    return [
        _target_row(
            name,
            mode,
            metric,
            comparison.get(metric, {}).get("out_of_fold"),
            comparison.get(metric, {}).get("interval"),
            met=comparison.get(metric, {}).get("contained"),
        )
        for metric in (BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC)
    ]


def _target_row(
    name: str, mode: str, metric: str, value: Any, limit: Any, *, met: bool | None
) -> dict[str, Any]:
    """Return a row of `bars`. value: the observed metric; limit: a metric or an interval."""
    return {"name": name, "input": mode, "figure": metric, "value": value, "limit": limit, "met": met}
