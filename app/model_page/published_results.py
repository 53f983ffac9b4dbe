"""Published results beside a bundle's results, as a table of the model's page."""

from __future__ import annotations

import tomllib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.http.languages import format_decimals
from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from app.model_page.metric_values import MetricValue, metric_columns, metric_table
from app.model_page.sections import MetricsSection
from data_modelling.inference.bundle import Bundle

METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable")
KEY = "published"


# who, how, test, cite: in English. A metric that was not published is absent.
PUBLISHED_RESULTS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text("utf-8")
)["results"]


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
            UntranslatedText(f"{result['who']} ({result['how']}; {result['cite']})"),
            UntranslatedText(result["test"]),
            *(format_decimals(result[name]) if name in result else MetricValue("", None) for name in METRICS),
        )
        for result in PUBLISHED_RESULTS
    ]
    yield MetricsSection(KEY, (replace(table, rows=(*table.rows, *others)),))
