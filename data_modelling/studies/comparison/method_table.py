"""The table and the page of comparison, ablation and story: a row for each recipe, change or step.

The table is a csv, and the page is made from the csv alone.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.card.markdown import (
    format_difference,
    format_interval,
    format_metric,
    metric_labels,
    render_markdown,
)
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.metrics import bootstrap
from data_modelling.metrics.paired_comparison import paired_differences
from data_modelling.metrics.predictions import true_classes
from data_modelling.metrics.rounding import round_metric

Record = dict[str, Any]

# Metrics of the answers from the photo alone, and their titles on the page.
METHOD_METRICS = metric_labels("macro_auc", "balanced_accuracy", "melanoma_auc")
DIFFERENCE = "less"  # column of the row that a row is compared with, and ending of the differences' columns
TEMPLATES = Path(__file__).parents[1] / "templates"


@dataclass(frozen=True)
class Method:
    """Hold the content of a row: its facts by column, and its metrics. reference: the row that it is compared with."""

    name: str
    facts: Record
    metrics: bootstrap.BootstrapMetrics
    reference: str | None


def method_table(methods: Sequence[Method], names: Sequence[str]) -> pd.DataFrame:
    """Return a row for each method: its facts, the metrics `names` with intervals, and paired differences.

    Columns of each metric: its name, `_low`, `_high`; the same with `_less`, empty for a row without reference.
    """
    by_name = {method.name: method.metrics for method in methods}
    return pd.DataFrame(
        [
            {"name": method.name}
            | method.facts
            | _metric_columns(method.metrics, names)
            | {DIFFERENCE: method.reference}
            | (
                _difference_columns(by_name[method.reference], method.metrics, names)
                if method.reference
                else {}
            )
            for method in methods
        ]
    )


def check_same_photos(named_predictions: Sequence[tuple[str, pd.DataFrame]]) -> None:
    """Raise InputError unless all predictions, each with a name, are of the same photos."""
    first, *rest = ([name, set(predictions["image_id"])] for name, predictions in named_predictions)
    for name, photos in rest:
        if photos != first[1]:
            raise InputError(
                f"{first[0]} and {name} were judged on different photos; remove the older run and train it again."
            )


def evaluate_answers(
    predictions: pd.DataFrame,
    probability: NDArray[np.float64],
    decisions: NDArray[np.int64],
    task: str,
) -> bootstrap.BootstrapMetrics:
    """Return the metrics of probabilities (N, classes) and decisions (N,) for the photos of `predictions`, row by row.

    Melanoma's AUC and sensitivity have separate names. Paired metrics need the photos in the same order.
    """
    labels, groups = true_classes(predictions, task), bootstrap.group_indices(predictions["group_id"])
    metrics = bootstrap.bootstrap_metrics(labels, probability, decisions, groups)
    melanoma = melanoma_column(task)
    melanoma_metrics = {f"melanoma_{name}": name for name in ("auc", "sensitivity")}
    return bootstrap.BootstrapMetrics(
        metrics.whole | {column: metrics.whole[name][melanoma] for column, name in melanoma_metrics.items()},
        metrics.drawn
        | {column: metrics.drawn[name][:, melanoma] for column, name in melanoma_metrics.items()},
    )


def _metric_columns(metrics: bootstrap.BootstrapMetrics, names: Sequence[str]) -> Record:
    columns: Record = {}
    for name in names:
        bounds = bootstrap.percentile_interval(metrics.drawn[name])
        columns |= _columns(name, float(metrics.whole[name]), bounds)
    return columns


def _difference_columns(
    first: bootstrap.BootstrapMetrics, second: bootstrap.BootstrapMetrics, names: Sequence[str]
) -> Record:
    columns: Record = {}
    for name, difference in paired_differences(first, second, names).items():
        columns |= _columns(f"{name}_{DIFFERENCE}", difference.value, difference.interval)
    return columns


def _columns(name: str, value: float, bounds: tuple[float, float]) -> Record:
    return dict(zip((name, f"{name}_low", f"{name}_high"), map(round_metric, (value, *bounds)), strict=True))


def write_table_and_page(out: Path, rows: pd.DataFrame, page: Callable[[pd.DataFrame, str], str]) -> None:
    """Write the table as csv next to the page `out`, and the page from this csv.

    page: makes the page's text from the csv's table and name.
    """
    source = out.with_suffix(".csv")
    with atomic_write(source) as temporary:
        rows.to_csv(temporary, index=False, lineterminator="\n")
    with atomic_write(out) as temporary:
        temporary.write_text(page(read_table(source), source.name))


def read_table(source: Path) -> pd.DataFrame:
    """Return a table that `write_table_and_page` wrote."""
    return pd.read_csv(source, dtype={"folds": str})


def table_records(rows: pd.DataFrame) -> list[Record]:
    """Return the rows of a table as dictionaries by column name, with None for an empty cell."""
    return [
        {str(column): None if pd.isna(value) else value for column, value in row.items()}
        for row in rows.to_dict("records")
    ]


def method_page(
    template: str,
    rows: pd.DataFrame,
    metrics: Mapping[str, str],
    filters: Mapping[str, Callable[..., Any]] | None = None,
    **context: Any,
) -> str:
    """Return the page of a table as Markdown.

    template: its name in `studies/templates`. metrics: the columns of the metrics with their titles. context: title,
    option, source (name of the csv), head, difference_head, labels and difference_labels by the rows' names, columns
    (further ones: from title to a function of a row), and what the template needs beside.
    """
    return render_markdown(
        TEMPLATES / f"{template}.md.jinja",
        FILTERS | dict(filters or {}),
        rows=table_records(rows),
        metrics=metrics,
        resamples=bootstrap.RESAMPLES,
        **context,
    )


def metric_interval(row: Record, name: str) -> tuple[float, float]:
    """Return the ends of a metric's interval in a row of such a table."""
    return row[f"{name}_low"], row[f"{name}_high"]


def metric_text(row: Record, name: str) -> str:
    """Return a metric of a row and its interval."""
    return f"{format_metric(row[name])} {format_interval(metric_interval(row, name))}"


def difference_text(row: Record, name: str) -> str:
    """Return the paired difference of a metric from the row's reference, and its interval."""
    column = f"{name}_{DIFFERENCE}"
    return format_difference(row[column], metric_interval(row, column))


FILTERS: dict[str, Callable[..., Any]] = {
    "has_reference": lambda row, metrics: row[f"{next(iter(metrics))}_{DIFFERENCE}"] is not None,
    "less": difference_text,
    "value": metric_text,
}
