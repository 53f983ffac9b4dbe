"""The sections of the page: first the clinic groups, then each set of photos, then sections of only some tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from app.model_page.metric_values import (
    NAMES,
    Cell,
    Table,
    measured_at,
    metric_columns,
    metric_name,
    metric_table,
    name_of,
    value_at,
)
from app.model_page.metrics_tables import part_tables
from app.model_page.published_results import published_table
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.modes import MODES

CLINIC_METRICS = ("melanoma_auc", "macro_auc", "balanced_accuracy")
CLINIC_SHARES = ("refused", "all_clear_melanoma", "all_clear_benign", "ece", "ece_own_shares")
CLASS_STATUSES = ("n", "higher_concern", "uncertain", "no_cancer_class", "refused")
RARE_CLASS_METRICS = (
    "auc",
    "average_precision",
    "sensitivity_at_specificity_0.9",
    "sensitivity_at_specificity_0.95",
)


@dataclass(frozen=True)
class MetricsSection:
    """Hold the metrics on one set of photos, e.g. out-of-fold. key: templates/texts.html describes the photos by it."""

    key: str
    tables: tuple[Table, ...]

    @property
    def title(self) -> str:
        """Return the name of the photos."""
        return name_of("sections", self.key)


def metrics_sections(bundle: Bundle) -> list[MetricsSection]:
    """Return the sections that have numbers: the clinic groups, the parts of metrics.json with metrics on photos, others."""
    metrics = bundle.metrics
    parts = [
        (key, part_tables(bundle, key))
        for key, part in metrics.items()
        if isinstance(part, dict) and "photos" in part and isinstance(part.get("photo"), dict)
    ]
    sections: list[tuple[str, Iterable[Table]]] = [
        ("clinics", _clinic_tables(metrics)),
        *parts,
        ("melanoma", [_melanoma_table(metrics)]),
        ("unknown", [_unknown_class_table(bundle)]),
        ("published", [published_table(bundle)]),
        ("neighbours", [_neighbours_table(bundle)]),
        ("skin_types", [_skin_type_table(metrics)]),
    ]
    shown = ((key, tuple(table for table in tables if table.rows)) for key, tables in sections)
    return [MetricsSection(key, tables) for key, tables in shown if tables]


def _clinic_tables(metrics: dict[str, Any]) -> Iterator[Table]:
    """Yield the metrics of each clinic group, first the ones that a new clinic would get, its shares, and its statuses."""
    clinics = metrics.get("clinics") or []
    networks = {key: name_of("networks", key) for key in NAMES["networks"]}
    names = [UntranslatedText(clinic["name"]) for clinic in clinics]
    columns = {"clinic": _("Clinic group")} | metric_columns("clinics/{row}", ("photos", "melanomas"))
    columns |= {
        f"clinics/{{row}}/{network}/{metric}": f"{metric_name(metric)}: {title}"
        for metric in CLINIC_METRICS
        for network, title in networks.items()
    }
    rows = {index: (name,) for index, name in enumerate(names)}
    yield metric_table(metrics, "clinics-headline", columns, rows, _clinic_cell)
    columns = {"clinic": _("Clinic group"), "networks": _("Networks")}
    columns |= metric_columns("clinics/{row}", CLINIC_SHARES)
    share_rows = {
        f"{index}/{network}": (names[index], title)
        for index, clinic in enumerate(clinics)
        for network, title in networks.items()
        if clinic.get(network)
    }
    yield metric_table(metrics, "clinics-shares", columns, share_rows, _clinic_cell)
    columns = {"clinic": _("Clinic group"), "diagnosis": _("Diagnosis")}
    columns |= metric_columns("status_by_class/{row}", CLASS_STATUSES)
    statuses = {
        index: (UntranslatedText(row["clinic"]), UntranslatedText(row["class"]))
        for index, row in enumerate(metrics.get("status_by_class", []) if clinics else [])
    }
    yield metric_table(metrics, "clinics-statuses", columns, statuses)


def _clinic_cell(metrics: dict[str, Any], path: str) -> Cell:
    """Return the cell of a path such as clinics/0/photos or clinics/0/left_out/macro_auc."""
    network = path.rpartition("/")[0]
    if not value_at(metrics, network):
        return _("not left out") if network.endswith("left_out") else "-"
    return measured_at(metrics, path)


def _melanoma_table(metrics: dict[str, Any]) -> Table:
    """Return the metrics of a task of two classes: with and without the patient's other lesions."""
    target, name = "two_classes", _("melanoma or benign")
    titles = {
        target: name,
        f"patient_context/{target}/with": _("%(target)s, in context", target=name),
    }
    rows = {
        f"{mode}/{place}": (title, name_of("inputs", mode))
        for mode in MODES
        for place, title in titles.items()
        if value_at(metrics, f"melanoma/{mode}/{place}")
    }
    columns = {"target": _("Target"), "input": _("Input")}
    columns |= metric_columns("melanoma/{row}", RARE_CLASS_METRICS)
    return metric_table(metrics, "melanoma", columns, rows)


def _unknown_class_table(bundle: Bundle) -> Table:
    """Return how well photos of none of the classes are recognised, by the class left out."""
    names = {diagnosis.code: diagnosis.name for diagnosis in TASKS[bundle.task]}
    path = "unknown/classes/{row}"
    columns = {
        "class": _("Class left out"),
        f"{path}/photos": _("Photos of the class"),
        f"{path}/others": _("Other photos"),
        f"{path}/auroc": metric_name("auc"),
    }
    rows = {code: (_(names[code]),) for code in value_at(bundle.metrics, "unknown/classes") or ()}
    return metric_table(bundle.metrics, "unknown", columns, rows)


def _neighbours_table(bundle: Bundle) -> Table:
    """Return how often the nearest known photos have the right diagnosis, by clinic group, if it was measured."""
    has_index = isinstance(bundle.metadata.get("neighbours"), dict)
    metrics = bundle.metrics.get("neighbours") if has_index else None
    columns = {"clinic": _("Clinic group"), "neighbours/{row}/photos": metric_name("photos")}
    columns |= {f"neighbours/{{row}}/{key}": name_of("neighbours", key) for key in NAMES["neighbours"]}
    rows = {"all": (_("All photos"),)} if metrics else {}
    rows |= {
        f"clinics/{number}": (UntranslatedText(clinic["name"]),)
        for number, clinic in enumerate(metrics["clinics"] if metrics else [])
    }
    return metric_table(bundle.metrics, "neighbours", columns, rows, measured_at)


def _skin_type_table(metrics: dict[str, Any]) -> Table:
    """Return the metrics of the skin types that are on record, if there are any."""
    names = ("photos", "patients", "cancers", "cancer_auc", "sensitivity", "specificity")
    columns = {"type": _("Skin type")} | metric_columns("skin_types/{row}", names)
    rows = {name: (name,) for name in metrics.get("skin_types") or ()}
    return metric_table(metrics, "skin_types", columns, rows, measured_at)
