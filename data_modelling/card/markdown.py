"""Formats metrics and renders templates as Markdown, for the model cards and the documents."""

import re
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from data_modelling.inference.errors import join_names

MODE_NAMES = {"photo": "photo alone", "both": "photo and details"}
METRIC_LABELS = {  # the names of metrics in the card and the documents
    "balanced_accuracy": "balanced accuracy",
    "macro_auc": "macro AUC",
    "melanoma_auc": "melanoma AUC",
    "expected_calibration_error": "ECE",
}


def format_metric(value: float | None) -> str:
    """Return a metric with three decimals and without the leading zero, as `.652`, or a dash if it does not exist."""
    if value is None:
        return "-"
    text = f"{value:.3f}"
    return text.removeprefix("0") if value >= 0 else "-" + text.removeprefix("-0")


def format_interval(bounds: Sequence[float | None]) -> str:
    """Return an interval as `[.652, .748]`."""
    return f"[{', '.join(format_metric(bound) for bound in bounds)}]"


def format_percent(share: float) -> str:
    """Return a share, 0-1, as `1.6 %`."""
    return f"{100 * share:z.1f} %"


def share_with_interval(refusals: Mapping[str, Any]) -> str:
    """Return the share of refused photos and its interval as `1.6 % [1.3 %, 2.0 %]`."""
    return f"{format_percent(refusals['share'])} [{', '.join(map(format_percent, refusals['interval']))}]"


def metric_with_interval(metrics: Mapping[str, Any], name: str) -> str:
    """Return a metric and its interval, or a dash if the metric is missing.

    The interval of the metric `name` is `metrics["intervals"][name]` or `metrics["<name>_interval"]`.
    """
    if name not in metrics:
        return "-"
    bounds = metrics.get("intervals", {}).get(name) or metrics[f"{name}_interval"]
    return f"{format_metric(metrics[name])} {format_interval(bounds)}"


def format_difference(value: float, bounds: Sequence[float | None]) -> str:
    """Return a difference and its interval as `+0.019 [-0.007, +0.045]`."""
    return f"{value:+.3f} [{', '.join('-' if bound is None else f'{bound:+.3f}' for bound in bounds)}]"


def render_markdown(
    template: Path, filters: Mapping[str, Callable[..., Any]] | None = None, **context: Any
) -> str:
    """Return the text of a rendered Jinja template; several blank lines in a row become one.

    filters: added to FILTERS. Raises jinja2.UndefinedError if the template uses a name that `context` lacks.
    """
    environment = Environment(
        loader=FileSystemLoader(template.parent),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters |= FILTERS | dict(filters or {})
    text = environment.get_template(template.name).render(
        metric_labels=METRIC_LABELS, mode_names=MODE_NAMES, **context
    )
    return re.sub(r"\n{3,}", "\n\n", text).strip() + "\n"


FILTERS: dict[str, Callable[..., Any]] = {
    "count": "{:,.0f}".format,
    "difference": format_difference,
    "interval": format_interval,
    "join_names": join_names,
    "metric": format_metric,
    "percent": format_percent,
    "share": share_with_interval,
    "whole_percent": lambda share: f"{100 * share:.0f} %",
    "with_interval": metric_with_interval,
}
