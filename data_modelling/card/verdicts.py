"""The words of the card that depend on whether an interval excludes a value."""

from collections.abc import Mapping
from typing import Any

from data_modelling.card.markdown import METRIC_LABELS, MODE_NAMES, format_interval, format_metric

MetricValues = Mapping[str, Any]

VERDICT_METRICS = ("balanced_accuracy", "macro_auc")
TARGET_TEXTS = {
    "calibration_error_out_of_fold": "{figure} out-of-fold at most {limit}",
    "locked_calibration_error_within_chance": "{figure} on the locked test below a perfect model's 95th percentile, {limit}",
    "locked_interval_contains_out_of_fold": "out-of-fold {figure} inside the locked test's interval {limit}",
}


def verdict(differences: MetricValues, more: str, less: str, neither: str) -> str:
    """Return one of three sentences, depending on which of the two differences are certain, and in which direction."""
    is_gain = {}
    for name in VERDICT_METRICS:
        low, high = differences[name]["interval"]
        if low > 0 or high < 0:
            is_gain[METRIC_LABELS[name]] = low > 0
    if not is_gain:
        return f"{neither}."
    if len(set(is_gain.values())) > 1:
        return "The two metrics disagree."
    restriction = f" (certain only for {next(iter(is_gain))})" if len(is_gain) == 1 else ""
    return f"{more if all(is_gain.values()) else less}{restriction}."


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
