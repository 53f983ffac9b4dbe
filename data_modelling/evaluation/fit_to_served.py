"""Do the choices that were made with fold models fit the served one? Shown once, on the locked test.

Temperature, decision prior and thresholds come from networks of the same recipe that each saw four fifths of the
photos; the served network saw them all. The locked test, which neither saw, tells whether the one's figures are
the other's.
"""

from typing import Any

import pandas as pd

from data_modelling.evaluation import intervals
from data_modelling.evaluation.calibration import fitted_temperature
from data_modelling.evaluation.predictions import MODES, logits, truth
from data_modelling.evaluation.questions import questions
from data_modelling.evaluation.rounding import plain, rounded
from data_modelling.inference.decision import melanoma_column, probabilities

LARGEST_ERROR = 0.03  # expected calibration error out-of-fold that is accepted
BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC, ERROR = (
    "balanced_accuracy",
    "macro_auc",
    "melanoma_auc",
    "expected_calibration_error",
)


def fit_to_served(values: dict[str, Any], locked: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Out-of-fold beside the locked test. values: metrics.json's parts; locked: the test's predictions."""
    return {
        **{mode: _of_mode(values, mode, metadata) for mode in MODES},
        "temperature": {
            "used": metadata["temperature"],
            # What would have fitted the locked test best; nothing uses it.
            "refitted_in_hindsight": rounded(fitted_temperature(locked, metadata["task"])),
        },
        "thresholds": _thresholds(locked, metadata),
    }


def bars(values: dict[str, Any]) -> list[dict[str, Any]]:
    """What the figures were meant to reach, and whether they did: `met` is null before the test is opened.

    That the locked interval contains the out-of-fold value is asked of balanced accuracy and the AUCs. Of the
    calibration error it is shown but not asked: with fewer photos it is larger by chance, which is why it is held
    against a perfectly calibrated model instead.
    """
    return [bar for mode in MODES for bar in (_error_bar(values, mode), *_locked_bars(values, mode))]


def _of_mode(values: dict[str, Any], mode: str, metadata: dict[str, Any]) -> dict[str, Any]:
    found = {
        name: _beside(
            *(_figure(values[part][mode], name, metadata) for part in ("out_of_fold", "locked_test"))
        )
        for name in (BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC, ERROR)
    }
    # A resampled ECE is larger than the ECE itself: even of a perfect calibration the interval rarely contains the value
    # of more photos. `_chance_bar` asks instead.
    return found | {ERROR: found[ERROR] | {"contained": None}}


def _figure(figures: dict[str, Any], name: str, metadata: dict[str, Any]) -> tuple[Any, Any]:
    """A figure of a mode and its interval."""
    if name == MELANOMA_AUC:
        of_class = figures["classes"][metadata["classes"][melanoma_column(metadata["task"])]]
        return of_class["auc"], of_class["auc_interval"]
    return figures[name], figures["intervals"][name]


def _beside(expected: tuple[Any, Any], found: tuple[Any, Any]) -> dict[str, Any]:
    return {"out_of_fold": expected[0], "locked_test": found[0], "interval": found[1]} | {
        "contained": _inside(expected[0], found[1])
    }


def _inside(value: float | None, interval: list[float | None]) -> bool | None:
    """Whether an interval contains a value; None where either does not exist."""
    low, high = interval
    return None if value is None or low is None or high is None else bool(low <= value <= high)


def _thresholds(locked: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Sensitivity on the locked test at the served thresholds, beside the one that they were chosen for."""
    task = metadata["task"]
    probability = probabilities(logits(locked, "photo", task), metadata["temperature"])
    groups = intervals.group_indices(locked["group_id"])
    chosen_for = metadata["settings"]["cancer_sensitivity"]
    found = {}
    for name, (score, positive) in questions(truth(locked, task), probability, task).items():
        if not positive.any():
            continue
        flagged = score >= metadata["thresholds"][name]
        interval = plain(intervals.share_interval(flagged, positive, groups))
        found[name] = {
            "chosen_for": chosen_for,
            "sensitivity": rounded(flagged[positive].mean()),
            "interval": interval,
            "contained": _inside(chosen_for, interval),
        }
    return found


def _error_bar(values: dict[str, Any], mode: str) -> dict[str, Any]:
    error = values["out_of_fold"][mode][ERROR]
    return _bar(
        "calibration_error_out_of_fold", mode, ERROR, error, LARGEST_ERROR, met=error <= LARGEST_ERROR
    )


def _locked_bars(values: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    """The bars that the locked test is held against; none where there is no such test."""
    if values.get("no_locked_test"):
        return []
    return [_chance_bar(values, mode), *_contained_bars(values, mode)]


def _chance_bar(values: dict[str, Any], mode: str) -> dict[str, Any]:
    name = "locked_calibration_error_within_chance"
    if "locked_test" not in values:
        return _bar(name, mode, ERROR, None, None, met=None)
    calibration = values["locked_test"][mode]["calibration"]
    error, limit = calibration["equal_width"], calibration["equal_width_of_a_perfect_model"]["percentile_95"]
    return _bar(name, mode, ERROR, error, limit, met=error < limit)


def _contained_bars(values: dict[str, Any], mode: str) -> list[dict[str, Any]]:
    name = "locked_interval_contains_out_of_fold"
    of_mode = values.get("fit_to_served", {}).get(mode, {})
    return [
        _bar(
            name,
            mode,
            figure,
            of_mode.get(figure, {}).get("out_of_fold"),
            of_mode.get(figure, {}).get("interval"),
            met=of_mode.get(figure, {}).get("contained"),
        )
        for figure in (BALANCED_ACCURACY, MACRO_AUC, MELANOMA_AUC)
    ]


def _bar(name: str, mode: str, figure: str, value: Any, limit: Any, *, met: bool | None) -> dict[str, Any]:
    """value: what was found; limit: what it is held against, a figure or an interval."""
    return {"name": name, "input": mode, "figure": figure, "value": value, "limit": limit, "met": met}
