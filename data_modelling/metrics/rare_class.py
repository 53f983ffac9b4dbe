"""Compute metrics of one rare class against the rest, each with its 95 % interval (bootstrap over groups)."""

from typing import Any

from data_modelling.metrics import curves
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.bootstrap import BootstrapMetrics, has_any, percentile_interval, weighted_metrics
from data_modelling.metrics.rounding import round_metric, to_json_value

SPECIFICITIES = (0.9, 0.95)


def rare_class_metrics(score: Floats, positive: Mask, groups: Labels) -> BootstrapMetrics:
    """Return AUC, average precision and sensitivity at SPECIFICITIES.

    score, positive: (N,). groups: (N,) indices from 0. A group is drawn among the positives if any of its
    photos is positive.
    """
    return weighted_metrics(
        lambda weights: {
            "auc": curves.binary_auc(score, positive, weights),
            "average_precision": curves.average_precision(score, positive, weights),
            **{
                f"sensitivity_at_specificity_{specificity:g}": curves.sensitivity_at_specificity(
                    score, positive, specificity, weights
                )
                for specificity in SPECIFICITIES
            },
        },
        groups,
        has_any(positive, groups),
    )


def metrics_as_json(metrics: BootstrapMetrics) -> dict[str, Any]:
    """Return each metric, and its interval as `<name>_interval`."""
    return {
        key: value
        for name, metric in metrics.whole.items()
        for key, value in (
            (name, round_metric(float(metric))),
            (f"{name}_interval", to_json_value(percentile_interval(metrics.drawn[name]))),
        )
    }


def metric_differences(first: BootstrapMetrics, second: BootstrapMetrics) -> dict[str, Any]:
    """Return the metrics of the second minus those of the first, with paired intervals; both are of the same photos."""
    whole = {name: second.whole[name] - first.whole[name] for name in first.whole}
    return metrics_as_json(
        BootstrapMetrics(whole, {name: second.drawn[name] - first.drawn[name] for name in first.drawn})
    )
