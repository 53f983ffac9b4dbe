"""How much the nearest known photos help, as a section of the model's page."""

from __future__ import annotations

from typing import Any

from app.answer.neighbour_texts import neighbours_worth_text
from app.http.languages import format_number
from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from app.model_page.metric_values import Cell, MetricValue, Table, measured_cell
from app.model_page.sections import MetricsSection
from data_modelling.inference.bundle import Bundle

NEIGHBOURS_KEY = "neighbours"  # key of the metrics in metrics.json, and of the index in metadata.json
MEASURES = ("nearest", "majority", "chance", "model", "warning_auc", "confidence_auc")


def neighbours_section(bundle: Bundle) -> MetricsSection | None:
    """Return how often the nearest known photos have the right diagnosis, by clinic group; None if not measured."""
    metrics, index = bundle.metrics.get(NEIGHBOURS_KEY), bundle.metadata.get(NEIGHBOURS_KEY)
    if not isinstance(metrics, dict) or not isinstance(index, dict):
        return None
    description = _(
        "The app compares each photo with %(photos)s known photos (%(sources)s). In this test, a network "
        "that had not seen the photo compared it with known photos of other lesions and patients.",
        photos=format_number(int(index["photos"])),
        sources=", ".join(index["sources"]),
    )
    rows = [_row(_("All photos"), f"{NEIGHBOURS_KEY}/all", metrics["all"])]
    rows += [
        _row(UntranslatedText(clinic["name"]), f"{NEIGHBOURS_KEY}/clinics/{index}", clinic)
        for index, clinic in enumerate(metrics["clinics"])
    ]
    columns = (
        _("Clinic group"),
        _("Photos"),
        _("Nearest photo is right"),
        _("Most frequent of six is right"),
        _("A random known photo is right"),
        _("The model is right"),
        _("AUC for wrong decisions: known photos with other diagnoses"),
        _("AUC for wrong decisions: low probability"),
    )
    table = Table(NEIGHBOURS_KEY, _("How much known photos help"), columns, tuple(rows))
    worth = neighbours_worth_text(metrics)
    return MetricsSection(NEIGHBOURS_KEY, _("Photos to compare with"), f"{description} {worth}", (table,))


def _row(name: str, path: str, values: dict[str, Any]) -> tuple[Cell, ...]:
    cells: list[Cell] = [MetricValue(f"{path}/photos", values["photos"])]
    return (name, *cells, *(measured_cell(f"{path}/{measure}", values.get(measure)) for measure in MEASURES))
