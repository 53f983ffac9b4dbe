"""The metrics by skin type, as a section of the model's page."""

from __future__ import annotations

from typing import Any

from app.http.languages import translate as _
from app.model_page.metric_values import MetricValue, Table, measured_cell, metric_name
from app.model_page.sections import MetricsSection
from data_modelling.inference.bundle import Bundle

SKIN_TYPES_KEY = "skin_types"  # in metrics.json
COUNTS = ("photos", "patients", "cancers")
MEASURES = ("cancer_auc", "sensitivity", "specificity")


def skin_type_section(bundle: Bundle) -> MetricsSection | None:
    """Return the metrics of the skin types that are on record; None where the bundle has none."""
    metrics = bundle.metrics.get(SKIN_TYPES_KEY)
    if not isinstance(metrics, dict):
        return None
    description = _(
        "Only the phone photos of PAD-UFES-20 have a skin type on record (Fitzpatrick I, very light, to VI, very dark). "
        "Actinic keratosis is left out."
    )
    rows = tuple((name, *_cells(f"{SKIN_TYPES_KEY}/{name}", values)) for name, values in metrics.items())
    columns = (
        _("Skin type"),
        _("Photos"),
        _("Patients"),
        _("Photos of cancers"),
        _("Cancer AUC"),
        metric_name("sensitivity"),
        metric_name("specificity"),
    )
    table = Table(SKIN_TYPES_KEY, _("Cancer or benign, photo alone"), columns, rows)
    return MetricsSection(SKIN_TYPES_KEY, _("Skin types"), description, (table,))


def _cells(path: str, values: dict[str, Any]) -> list[MetricValue | str]:
    counts = [MetricValue(f"{path}/{name}", values[name]) for name in COUNTS]
    return [*counts, *(measured_cell(f"{path}/{name}", values.get(name)) for name in MEASURES)]
