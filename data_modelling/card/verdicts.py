"""The words of the card that depend on whether an interval excludes a value."""

from collections.abc import Mapping
from typing import Any

from data_modelling.card.markdown import (
    METRIC_LABELS,
    MODE_NAMES,
    format_difference,
    format_interval,
    format_metric,
    metric_labels,
    metric_with_interval,
)
from data_modelling.inference.errors import join_names

MetricValues = Mapping[str, Any]

VERDICT_METRICS = metric_labels("balanced_accuracy", "macro_auc")
TARGET_TEXTS = {
    "calibration_error_out_of_fold": "{figure} out-of-fold at most {limit}",
    "locked_calibration_error_within_chance": "{figure} on the locked test below a perfect model's 95th percentile, {limit}",
    "locked_interval_contains_out_of_fold": "out-of-fold {figure} inside the locked test's interval {limit}",
}
TOO_FEW, NOT_LEFT_OUT, NOT_MEASURED = "too few to say", "not left out", "not measured"


def verdict(differences: MetricValues, more: str, less: str, neither: str) -> str:
    """Return one of three sentences, depending on which of the two differences are certain, and in which direction."""
    is_gain = {}
    for key, label in VERDICT_METRICS.items():
        low, high = differences[key]["interval"]
        if low > 0 or high < 0:
            is_gain[label] = low > 0
    if not is_gain:
        return f"{neither}."
    if len(set(is_gain.values())) > 1:
        return "The two metrics disagree."
    restriction = f" (certain only for {next(iter(is_gain))})" if len(is_gain) == 1 else ""
    return f"{more if all(is_gain.values()) else less}{restriction}."


def comparison(difference: MetricValues, more: str, less: str, alternative: str) -> str:
    """Return the words of a comparison with an alternative, with the paired difference."""
    low, high = difference["interval"]
    word = more if low > 0 else less if high < 0 else "not certainly different from"
    return f"{word} {alternative} ({signed_difference(difference)})"


def signed_difference(difference: MetricValues) -> str:
    """Return a difference of metrics.json and its interval."""
    return format_difference(difference["difference"], difference["interval"])


def differences_text(differences: MetricValues, preposition: str = "") -> str:
    """Return the differences of both VERDICT_METRICS."""
    return join_names(
        [
            f"{label} {preposition}{signed_difference(differences[key])}"
            for key, label in VERDICT_METRICS.items()
        ]
    )


def reached_text(metrics: MetricValues) -> str:
    """Return both VERDICT_METRICS with their intervals."""
    return join_names(
        [f"{label} {metric_with_interval(metrics, key)}" for key, label in VERDICT_METRICS.items()]
    )


def outside_intervals(locked_test_comparison: MetricValues) -> list[str]:
    """Return the metrics whose out-of-fold value lies outside the locked test's interval, with the direction."""
    return [
        f"{METRIC_LABELS[name]} with {mode_name} ({format_metric(metric['out_of_fold'])} lies "
        f"{'above' if metric['out_of_fold'] > metric['interval'][1] else 'below'} {format_interval(metric['interval'])})"
        for mode, mode_name in MODE_NAMES.items()
        for name, metric in locked_test_comparison[mode].items()
        if metric["contained"] is False
    ]


def target_text(target: MetricValues) -> str:
    """Return a target in words; without its limit where this is not known yet."""
    limit = target["limit"]
    limit_text = format_interval(limit) if isinstance(limit, list) else format_metric(limit)
    text = TARGET_TEXTS[target["name"]].format(
        figure=METRIC_LABELS[target["figure"]], limit=limit_text if limit else ""
    )
    return text.strip(" ,")


def coverage_text(row: MetricValues) -> str:
    """Return the coverage of prediction sets and its interval, in per cent; a dash if there is no group."""
    if row["coverage"] is None:
        return "-"
    low, high = (f"{100 * bound:.1f}" for bound in row["interval"])
    return f"{100 * row['coverage']:.1f} % [{low}, {high}]"


def clinic_metric(row: MetricValues, kind: str, name: str) -> str:
    """Return a metric of a clinic group, or why it has none. kind: `left_out` or `seen`."""
    metrics = row.get(kind)
    if not metrics:
        return NOT_LEFT_OUT if kind == "left_out" else "-"
    if not (metric := metrics.get(name)):
        return NOT_MEASURED if kind == "seen" and name.startswith("all_clear") else TOO_FEW
    return f"{format_metric(metric['value'])} {format_interval((metric['low'], metric['high']))}"
