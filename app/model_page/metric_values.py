"""Numbers of metrics.json, each with its path, its interval and its name, and the tables that hold them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

from app.http.languages import translate as _
from app.metric_names import plain_name

QUESTIONS = ("cancer", "melanoma")  # they have a threshold
# Metrics whose interval is `interval` beside them.
INTERVAL_METRICS = ("mean", "difference", "locked_test", "balanced_accuracy")


@dataclass(frozen=True)
class MetricValue:
    """Hold a number of metrics.json. path: its keys, joined by slashes. interval: (low, high), if it has one."""

    path: str
    number: float | None
    interval: tuple[float, float] | None = None

    @property
    def is_count(self) -> bool:
        """Return whether it is a count."""
        return isinstance(self.number, int)


Cell = MetricValue | str
Row = tuple[Cell, ...]


@dataclass(frozen=True)
class Table:
    """Hold a table.

    columns: the first has the row headers. wide: it has many narrow columns and stays a grid on a phone.
    """

    name: str
    caption: str
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    wide: bool = False


def metric_name(key: str) -> str:
    """Return the name of a metric."""
    names = {
        "balanced_accuracy": _("Balanced accuracy"),
        "macro_auc": _("AUC, mean of the classes"),
        "melanoma_auc": _("AUC, melanoma"),
        "accuracy_most_probable": _("Most probable class is right"),
        "expected_calibration_error": _("Calibration error (ECE)"),
        "auc": _("AUC"),
        "sensitivity": _("Sensitivity"),
        "specificity": _("Specificity"),
        "positive_predictive_value": _("Right when it names the class"),
        "negative_predictive_value": _("Right when it names another class"),
        "average_precision": _("Average precision"),
        "photos": _("Photos"),
        "n": _("Photos"),
        "higher_concern": _("Higher concern"),
        "uncertain": _("Uncertain: no result"),
        "no_cancer_class": _("No cancer class stands out"),
        "groups": _("Lesions"),
        "threshold": _("Threshold"),
        "positives": _("Photos of the class"),
        "missed": _("Missed"),
        "negatives": _("Other photos"),
        "flagged": _("Flagged"),
        "refused": _("Refused"),
        "all_clear_melanoma": _("Melanomas answered “No cancer class stands out”"),
        "all_clear_benign": _("Benign photos with this answer"),
        "ece": _("Calibration error (ECE)"),
        "ece_own_shares": _("Calibration error for the group's own class shares"),
    }
    return names.get(key) or plain_name(key)


def question_name(key: str) -> str:
    """Return the name of a question that has a threshold."""
    return {"cancer": _("Cancer classes together"), "melanoma": _("Melanoma")}.get(key, key)


def value_at(metrics: Any, path: str) -> Any:
    """Return the value of metrics.json at a path of keys joined by slashes; None where it is absent."""
    for key in path.split("/"):
        if isinstance(metrics, list) and key.isdigit() and int(key) < len(metrics):
            metrics = metrics[int(key)]
        elif isinstance(metrics, dict):
            metrics = metrics.get(key)
        else:
            return None
    return metrics


def metric_at(metrics: dict[str, Any], path: str) -> MetricValue:
    """Return the number at a path, with the interval that metrics.json has for it.

    The interval is `<name>_interval` beside the metric, `intervals[name]`, `interval`, or `low` and `high`.
    """
    parent, _slash, name = path.rpartition("/")
    beside = value_at(metrics, parent) or {}
    if not isinstance(beside, dict):
        return MetricValue(path, value_at(metrics, path))
    bounds = beside.get(f"{name}_interval") or beside.get("intervals", {}).get(name)
    if not bounds and name in INTERVAL_METRICS:
        bounds = beside.get("interval")
    if not bounds and name == "value":
        bounds = [beside.get("low"), beside.get("high")]
    return MetricValue(path, beside.get(name), _interval_bounds(bounds))


def metric_cells(metrics: dict[str, Any], path: str, names: Iterable[str]) -> tuple[MetricValue, ...]:
    """Return the numbers below a path, in the order of `names`."""
    return tuple(metric_at(metrics, f"{path}/{name}") for name in names)


def _interval_bounds(bounds: Any) -> tuple[float, float] | None:
    """Return an interval of metrics.json; None where it or one of its bounds is absent."""
    if not isinstance(bounds, (list, tuple)) or None in bounds:
        return None
    low, high = bounds
    return float(low), float(high)


def measured_cell(path: str, value: Any) -> Cell:
    """Return the cell of a number or of {value, low, high}; None gives "too few to say"."""
    if value is None:
        return _("too few to say")
    if isinstance(value, dict):
        return MetricValue(f"{path}/value", value["value"], (value["low"], value["high"]))
    return MetricValue(path, value)
