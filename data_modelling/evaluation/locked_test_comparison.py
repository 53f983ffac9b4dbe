"""Compare the out-of-fold metrics with the metrics of the locked test.

Three things turn logits into an answer: the temperature (it divides the logits), the decision prior (it divides the
probabilities) and thresholds. They were chosen with fold networks, each of which saw four fifths of the development
set. The comparison shows whether they fit the served network, which saw the whole set. No network saw the locked test.
"""

from collections.abc import Iterator
from typing import Any

import pandas as pd

from data_modelling.inference.decision import calibrated_probabilities, melanoma_column
from data_modelling.metrics import bootstrap
from data_modelling.metrics.calibration import fit_temperature
from data_modelling.metrics.predictions import MODES, mode_logits, true_classes
from data_modelling.metrics.rounding import round_metric, to_json_value
from data_modelling.metrics.thresholds import binary_questions

LARGEST_ERROR = 0.03  # the out-of-fold expected calibration error (ECE) must be at most this
BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC = "balanced_accuracy", "macro_auc", "melanoma_auc"
CALIBRATION_ERROR = "expected_calibration_error"


def compare_with_locked_test(
    values: dict[str, Any], locked: pd.DataFrame, metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return four metrics, out-of-fold and on the locked test, and how well temperature and thresholds fit this test.

    values: the content of metrics.json, with out_of_fold and locked_test. locked: the predictions of the locked test.
    """
    return {
        **{mode: _mode_comparison(values, mode, metadata) for mode in MODES},
        "temperature": {
            "used": metadata["temperature"],
            # Nothing uses the temperature that fits the locked test best; it is only reported.
            "refitted_in_hindsight": round_metric(fit_temperature(locked, metadata["task"])),
        },
        "thresholds": _threshold_sensitivities(locked, metadata),
    }


def metric_targets(values: dict[str, Any]) -> list[dict[str, Any]]:
    """Return the targets of the metrics; `met` is true if a target is reached, and None if that is not known.

    For balanced accuracy and the AUCs, the interval on the locked test must contain the out-of-fold value. The
    out-of-fold calibration error must be at most LARGEST_ERROR. On few photos, even a perfectly calibrated model has a
    calibration error by chance. So the error on the locked test must be below the 95th percentile of such errors.
    If the split has no locked test, only the target of the out-of-fold calibration error is returned.
    """
    return [target for mode in MODES for target in _mode_targets(values, mode)]


def _mode_targets(values: dict[str, Any], mode: str) -> Iterator[dict[str, Any]]:
    def target(name: str, metric: str, value: Any, limit: Any, met: bool | None) -> dict[str, Any]:
        return {"name": name, "input": mode, "figure": metric, "value": value, "limit": limit, "met": met}

    error = values["out_of_fold"][mode][CALIBRATION_ERROR]
    is_small = error <= LARGEST_ERROR
    yield target("calibration_error_out_of_fold", CALIBRATION_ERROR, error, LARGEST_ERROR, is_small)
    if values.get("no_locked_test"):
        return
    result: tuple[Any, Any, Any] = (None, None, None)
    if "locked_test" in values:
        calibration = values["locked_test"][mode]["calibration"]
        error = calibration["equal_width"]
        limit = calibration["equal_width_of_a_perfect_model"]["percentile_95"]
        result = error, limit, error < limit
    yield target("locked_calibration_error_within_chance", CALIBRATION_ERROR, *result)
    comparison = values.get("fit_to_served", {}).get(mode, {})
    for metric in (BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC):
        pair = comparison.get(metric, {})
        result = pair.get("out_of_fold"), pair.get("interval"), pair.get("contained")
        yield target("locked_interval_contains_out_of_fold", metric, *result)


def _mode_comparison(values: dict[str, Any], mode: str, metadata: dict[str, Any]) -> dict[str, Any]:
    comparison = {}
    for name in (BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC, CALIBRATION_ERROR):
        expected, _ = _metric_with_interval(values["out_of_fold"][mode], name, metadata)
        observed, interval = _metric_with_interval(values["locked_test"][mode], name, metadata)
        # The ECE of a bootstrap resample is larger than the ECE of the photos themselves. So even with perfect
        # calibration, the interval rarely contains the out-of-fold ECE. `metric_targets` has another target for it.
        contained = None if name == CALIBRATION_ERROR else _interval_contains(expected, interval)
        comparison[name] = {
            "out_of_fold": expected,
            "locked_test": observed,
            "interval": interval,
            "contained": contained,
        }
    return comparison


def _metric_with_interval(metrics: dict[str, Any], name: str, metadata: dict[str, Any]) -> tuple[Any, Any]:
    if name == MELANOMA_AUC:
        class_metrics = metrics["classes"][metadata["classes"][melanoma_column(metadata["task"])]]
        return class_metrics["auc"], class_metrics["auc_interval"]
    return metrics[name], metrics["intervals"][name]


def _interval_contains(value: float | None, interval: list[float | None]) -> bool | None:
    """Return whether an interval contains a value, or None if the value or the interval does not exist."""
    low, high = interval
    return None if value is None or low is None or high is None else bool(low <= value <= high)


def _threshold_sensitivities(locked: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return for each threshold its sensitivity on the locked test, and the sensitivity for which it was chosen."""
    task, target = metadata["task"], metadata["settings"]["cancer_sensitivity"]
    probability = calibrated_probabilities(mode_logits(locked, "photo", task), metadata["temperature"])
    groups = bootstrap.group_indices(locked["group_id"])
    sensitivities = {}
    for name, (score, positive) in binary_questions(true_classes(locked, task), probability, task).items():
        if positive.any():
            flagged = score >= metadata["thresholds"][name]
            interval = to_json_value(bootstrap.share_interval(flagged, positive, groups))
            sensitivities[name] = {
                "chosen_for": target,
                "sensitivity": round_metric(flagged[positive].mean()),
                "interval": interval,
                "contained": _interval_contains(target, interval),
            }
    return sensitivities
