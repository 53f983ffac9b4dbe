"""Published results beside a bundle's results, as a table of the model's page."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.http.languages import format_decimals
from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from app.model_page.metric_values import Cell, MetricValue, Table, metric_cells, metric_name
from app.model_page.sections import MetricsSection
from data_modelling.inference.bundle import Bundle

METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable")
PARTS = ("locked_test", "out_of_fold")
KEY = "published"


@dataclass(frozen=True)
class PublishedResult:
    """Hold a published result. who, how: in English. cite: the source. A metric that was not published is None."""

    who: str
    how: str
    test: str
    cite: str
    balanced_accuracy: float | None = None
    macro_auc: float | None = None
    accuracy: float | None = None


PUBLISHED_RESULTS = [
    PublishedResult(**result)
    for result in tomllib.loads(
        Path(__file__).with_name("published_results.toml").read_text(encoding="utf-8")
    )["results"]
]


def published_section(bundle: Bundle) -> MetricsSection | None:
    """Return our metrics and published ones, each with its test; None for another task or without metrics."""
    has_metrics = {
        part: bundle.metrics.get(part, {}).get("photo", {}).keys() >= set(METRICS) for part in PARTS
    }
    parts = [part for part in PARTS if has_metrics[part]]
    if bundle.task != "ham10000" or not parts:
        return None
    rows = [_own_row(part, bundle.metrics) for part in parts]
    rows += [_row(result) for result in PUBLISHED_RESULTS]
    columns = (_("Who"), _("Tested on"), *map(metric_name, METRICS))
    table = Table(KEY, _("Doctors and other models"), columns, tuple(rows))
    description = _(
        "The others were tested on different photos than our model, so a difference of a few hundredths means nothing."
    )
    return MetricsSection(KEY, _("Compared with doctors and other models"), description, (table,))


def _own_row(part: str, metrics: dict[str, Any]) -> tuple[Cell, ...]:
    tests = {
        "locked_test": _("our locked test"),
        "out_of_fold": _("photos that it had not seen (out-of-fold)"),
    }
    return (_("This model, photo alone"), tests[part], *metric_cells(metrics, f"{part}/photo", METRICS))


def _row(result: PublishedResult) -> tuple[Cell, ...]:
    values = (result.balanced_accuracy, result.macro_auc, result.accuracy)
    return (
        UntranslatedText(f"{result.who} ({result.how}; {result.cite})"),
        UntranslatedText(result.test),
        *(MetricValue("", None) if value is None else format_decimals(value) for value in values),
    )
