"""Makes the table of the model page that compares a bundle's results with published results of others."""

import tomllib
from dataclasses import replace
from pathlib import Path
from typing import Any

from app.http.languages import format_decimals
from app.http.languages import translate as _
from app.model_page.metric_values import MetricValue, Table, UntranslatedText, metric_columns, metric_table
from data_modelling.inference.bundle import Bundle

METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable")

# Each result has the texts `who`, `how`, `test` and `cite`, all in English. A metric that nobody measured is absent.
PUBLISHED_RESULTS: list[dict[str, Any]] = tomllib.loads(
    Path(__file__).with_suffix(".toml").read_text("utf-8")
)["results"]


def published_table(bundle: Bundle) -> Table:
    """Return our and others' results. The table is empty if the bundle's task is not ham10000, or if it lacks METRICS."""
    who = _("This model, photo alone")
    opened = bundle.metrics.get("openings", {}).get("rows")
    locked = (
        _("our locked test (model version %(version)s)", version=opened[-1]["version"]) if opened else None
    )
    tests = {
        "locked_test": (who, locked or _("our locked test")),
        "out_of_fold": (who, _("photos that it had not seen (out-of-fold)")),
    }
    rows = {
        part: header
        for part, header in tests.items()
        if bundle.task == "ham10000" and bundle.metrics.get(part, {}).get("photo", {}).keys() >= set(METRICS)
    }
    columns = {"who": _("Who"), "test": _("Tested on")} | metric_columns("{row}/photo", METRICS)
    table = metric_table(bundle.metrics, "published", columns, rows)
    others = [
        (
            UntranslatedText(f"{result['who']} ({result['how']}; {result['cite']})"),
            UntranslatedText(result["test"]),
            *(format_decimals(result[name]) if name in result else MetricValue("", None) for name in METRICS),
        )
        for result in PUBLISHED_RESULTS
    ]
    return replace(table, rows=(*table.rows, *others)) if rows else table
