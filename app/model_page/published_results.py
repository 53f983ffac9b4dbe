"""Published results beside a bundle's results, as a table of the model's page."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from app.http.languages import format_decimals
from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from app.model_page.metric_values import MetricValue, metric_columns, metric_table
from app.model_page.sections import MetricsSection
from data_modelling.inference.bundle import Bundle

METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable")
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


def published_section(bundle: Bundle) -> Iterator[MetricsSection]:
    """Yield our metrics and published ones, each with its test; nothing for another task or without metrics."""
    who = _("This model, photo alone")
    tests = {
        "locked_test": (who, _("our locked test")),
        "out_of_fold": (who, _("photos that it had not seen (out-of-fold)")),
    }
    rows = {
        part: header
        for part, header in tests.items()
        if bundle.metrics.get(part, {}).get("photo", {}).keys() >= set(METRICS)
    }
    if bundle.task != "ham10000" or not rows:
        return
    columns = {"who": _("Who"), "test": _("Tested on")} | metric_columns("{row}/photo", METRICS)
    table = metric_table(bundle.metrics, KEY, columns, rows)
    others = [
        (
            UntranslatedText(f"{result.who} ({result.how}; {result.cite})"),
            UntranslatedText(result.test),
            *(
                MetricValue("", None) if value is None else format_decimals(value)
                for value in (result.balanced_accuracy, result.macro_auc, result.accuracy)
            ),
        )
        for result in PUBLISHED_RESULTS
    ]
    yield MetricsSection(KEY, (replace(table, rows=(*table.rows, *others)),))
