"""The sections of the page: first the clinic groups, then each set of photos, then sections of only some tasks."""

from __future__ import annotations

from collections.abc import Iterator
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
    """Return the clinic groups first, then the parts of metrics.json that have metrics on photos, in its order."""
    parts = [
        MetricsSection(key, tables)
        for key, metrics in bundle.metrics.items()
        if isinstance(metrics, dict) and "photos" in metrics and isinstance(metrics.get("photo"), dict)
        if (tables := tuple(table for table in part_tables(bundle, key) if table.rows))
    ]
    return [
        *_clinics_section(bundle.metrics),
        *parts,
        *_melanoma_section(bundle.metrics),
        *_unknown_class_section(bundle),
    ]


def _clinics_section(metrics: dict[str, Any]) -> Iterator[MetricsSection]:
    """Yield the main section: the metrics of each clinic group, first the ones that a new clinic would get."""
    clinics = metrics.get("clinics")
    if not clinics:
        return
    networks = {key: name_of("networks", key) for key in NAMES["networks"]}
    names = [UntranslatedText(clinic["name"]) for clinic in clinics]
    columns = {"clinic": _("Clinic group")} | metric_columns("clinics/{row}", ("photos", "melanomas"))
    columns |= {
        f"clinics/{{row}}/{network}/{metric}": f"{metric_name(metric)}: {title}"
        for metric in CLINIC_METRICS
        for network, title in networks.items()
    }
    share_columns = {"clinic": _("Clinic group"), "networks": _("Networks")}
    share_columns |= metric_columns("clinics/{row}", CLINIC_SHARES)
    share_rows = {
        f"{index}/{network}": (names[index], title)
        for index, clinic in enumerate(clinics)
        for network, title in networks.items()
        if clinic.get(network)
    }
    status_columns = {"clinic": _("Clinic group"), "diagnosis": _("Diagnosis")}
    status_columns |= metric_columns("status_by_class/{row}", CLASS_STATUSES)
    statuses = {
        index: (UntranslatedText(row["clinic"]), UntranslatedText(row["class"]))
        for index, row in enumerate(metrics.get("status_by_class", []))
    }
    rows = {index: (name,) for index, name in enumerate(names)}
    tables = (
        metric_table(metrics, "clinics-headline", columns, rows, _clinic_cell),
        metric_table(metrics, "clinics-shares", share_columns, share_rows, _clinic_cell),
        metric_table(metrics, "clinics-statuses", status_columns, statuses),
    )
    yield MetricsSection("clinics", tables)


def _clinic_cell(metrics: dict[str, Any], path: str) -> Cell:
    """Return the cell of a path such as clinics/0/photos or clinics/0/left_out/macro_auc."""
    network = path.rpartition("/")[0]
    if not value_at(metrics, network):
        return _("not left out") if network.endswith("left_out") else "-"
    return measured_at(metrics, path)


def _melanoma_section(metrics: dict[str, Any]) -> Iterator[MetricsSection]:
    """Yield the metrics of a task of two classes: with and without the patient's other lesions."""
    if not isinstance(metrics.get("melanoma"), dict):
        return
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
    yield MetricsSection("melanoma", (metric_table(metrics, "melanoma", columns, rows),))


def _unknown_class_section(bundle: Bundle) -> Iterator[MetricsSection]:
    """Yield how well photos of none of the classes are recognised, by the class left out."""
    by_class = value_at(bundle.metrics, "unknown/classes")
    if not by_class:
        return
    names = {diagnosis.code: diagnosis.name for diagnosis in TASKS[bundle.task]}
    path = "unknown/classes/{row}"
    columns = {
        "class": _("Class left out"),
        f"{path}/photos": _("Photos of the class"),
        f"{path}/others": _("Other photos"),
        f"{path}/auroc": metric_name("auc"),
    }
    rows = {code: (_(names[code]),) for code in by_class}
    yield MetricsSection("unknown", (metric_table(bundle.metrics, "unknown", columns, rows),))


def neighbours_section(bundle: Bundle) -> Iterator[MetricsSection]:
    """Yield how often the nearest known photos have the right diagnosis, by clinic group, if it was measured."""
    metrics = bundle.metrics.get("neighbours")
    if not isinstance(metrics, dict) or not isinstance(bundle.metadata.get("neighbours"), dict):
        return
    columns = {"clinic": _("Clinic group"), "neighbours/{row}/photos": metric_name("photos")}
    columns |= {f"neighbours/{{row}}/{key}": name_of("neighbours", key) for key in NAMES["neighbours"]}
    rows = {"all": (_("All photos"),)} | {
        f"clinics/{number}": (UntranslatedText(clinic["name"]),)
        for number, clinic in enumerate(metrics["clinics"])
    }
    table = metric_table(bundle.metrics, "neighbours", columns, rows, measured_at)
    yield MetricsSection("neighbours", (table,))


def skin_type_section(bundle: Bundle) -> Iterator[MetricsSection]:
    """Yield the metrics of the skin types that are on record, if there are any."""
    metrics = bundle.metrics.get("skin_types")
    if not isinstance(metrics, dict):
        return
    names = ("photos", "patients", "cancers", "cancer_auc", "sensitivity", "specificity")
    columns = {"type": _("Skin type")} | metric_columns("skin_types/{row}", names)
    rows = {name: (name,) for name in metrics}
    yield MetricsSection(
        "skin_types", (metric_table(bundle.metrics, "skin_types", columns, rows, measured_at),)
    )
