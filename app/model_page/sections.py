"""The sections of the page: first the clinic groups, then each set of photos, then sections of only some tasks."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from app.http.languages import format_number
from app.http.languages import translate as _
from app.metric_names import UntranslatedText, plain_name
from app.model_page.metric_values import Cell, Row, Table, metric_at, metric_cells, metric_name, value_at
from app.model_page.metrics_tables import OUT_OF_FOLD, part_tables
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.modes import MODES

CLINIC_METRICS = ("melanoma_auc", "macro_auc", "balanced_accuracy")
CLINIC_SHARES = ("refused", "all_clear_melanoma", "all_clear_benign", "ece", "ece_own_shares")
CLASS_STATUSES = ("n", "higher_concern", "uncertain", "no_cancer_class", "refused")
FEW_PHOTOS = (
    0.5  # share of the training photos: a network that learned from fewer says less about the served one
)
RARE_CLASS_METRICS = (
    "auc",
    "average_precision",
    "sensitivity_at_specificity_0.9",
    "sensitivity_at_specificity_0.95",
)


@dataclass(frozen=True)
class MetricsSection:
    """Hold the metrics on one set of photos, e.g. out-of-fold. title, description: what the photos are."""

    key: str
    title: str
    description: str
    tables: tuple[Table, ...]


def metrics_sections(bundle: Bundle) -> list[MetricsSection]:
    """Return the clinic groups first, then the parts of metrics.json that have metrics on photos, in its order."""
    parts = [
        MetricsSection(key, section_name(key), _describe_photos(key, metrics), tables)
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


def section_name(key: str) -> str:
    """Return the name of a part's photos."""
    names = {
        "out_of_fold": _("Photos of the training data that the network had not seen (out-of-fold)"),
        "locked_test": _("Locked test"),
    }
    return names.get(key) or plain_name(key)


def _clinics_section(metrics: dict[str, Any]) -> Iterator[MetricsSection]:
    """Yield the main section: the metrics of each clinic group, first the ones that a new clinic would get."""
    clinics = metrics.get("clinics")
    if not clinics:
        return
    networks = {
        "left_out": _("what a new clinic gets (left out whole)"),
        "seen": _("what a known clinic gets (out-of-fold)"),
    }
    headline, shares = [], []
    for index, clinic in enumerate(clinics):
        name, path = UntranslatedText(clinic["name"]), f"clinics/{index}"
        counts = metric_cells(metrics, path, ("photos", "melanomas"))
        values = [
            _clinic_cell(metrics, path, network, metric) for metric in CLINIC_METRICS for network in networks
        ]
        headline.append((name, *counts, *values))
        shares += [
            (name, title, *(_clinic_cell(metrics, path, network, metric) for metric in CLINIC_SHARES))
            for network, title in networks.items()
            if clinic.get(network)
        ]
    columns = (
        _("Clinic group"),
        _("Photos"),
        _("Melanomas"),
        *(f"{metric_name(metric)}: {title}" for metric in CLINIC_METRICS for title in networks.values()),
    )
    share_columns = (_("Clinic group"), _("Networks"), *map(metric_name, CLINIC_SHARES))
    status_columns = (_("Clinic group"), _("Diagnosis"), *map(metric_name, CLASS_STATUSES))
    statuses: tuple[tuple[Cell, ...], ...] = tuple(
        (
            UntranslatedText(row["clinic"]),
            UntranslatedText(row["class"]),
            *metric_cells(metrics, f"status_by_class/{index}", CLASS_STATUSES),
        )
        for index, row in enumerate(metrics.get("status_by_class", []))
    )
    yield MetricsSection(
        "clinics",
        _("How well it works at each clinic"),
        _(
            "The numbers for a new clinic come from networks that never saw a photo of the clinic group, in "
            "training or in any choice. The numbers for a known clinic come from networks that saw other "
            "photos of the same clinic group."
        )
        + _few_photos_text(clinics),
        (
            Table("clinics-headline", _("Each clinic group, photo alone"), columns, tuple(headline)),
            Table(
                "clinics-shares",
                _("Refusals, “No cancer class stands out” and calibration"),
                share_columns,
                tuple(shares),
            ),
            Table(
                "clinics-statuses",
                _("Answers for each diagnosis at a clinic that the network had not seen"),
                status_columns,
                statuses,
            ),
        ),
    )


def _few_photos_text(clinics: list[dict[str, Any]]) -> str:
    """Return a sentence on each network that lost most photos with its clinic group, and so says less."""
    texts = [
        _(
            "Without %(clinic)s, the network learned from only %(share)s %% of the photos. At a new clinic, "
            "the served network may do better than this row.",
            clinic=clinic["name"],
            share=format_number(round(100 * share)),
        )
        for clinic in clinics
        if (share := clinic.get("share_learned", 1)) < FEW_PHOTOS
    ]
    return "".join(f" {text}" for text in texts)


def _clinic_cell(metrics: dict[str, Any], path: str, network: str, metric: str) -> Cell:
    if not value_at(metrics, f"{path}/{network}"):
        return _("not left out") if network == "left_out" else "-"
    if not value_at(metrics, f"{path}/{network}/{metric}"):
        # The five frames of a known clinic's photos are not computed.
        return (
            _("not measured") if network == "seen" and metric.startswith("all_clear") else _("too few to say")
        )
    return metric_at(metrics, f"{path}/{network}/{metric}/value")


def _describe_photos(key: str, metrics: dict[str, Any]) -> str:
    """Return a text on the photos and on the networks that judged them."""
    if "groups" not in metrics:
        return ""
    counts = {
        "photos": format_number(int(metrics["photos"])),
        "groups": format_number(int(metrics["groups"])),
    }
    if metrics.get("grouped_by") == "patient":
        count = _("%(photos)s photos of %(groups)s patients.", **counts)
        unseen = _("Each was judged by a network that had seen no photo of its patient.")
    else:
        count = _("%(photos)s photos of %(groups)s lesions.", **counts)
        unseen = _("Each was judged by a network that had seen no photo of its lesion.")
    if key != OUT_OF_FOLD:
        return count
    chosen = _(
        "The thresholds were chosen on the same photos, so numbers that depend on them are a little too good."
    )
    return f"{count} {unseen} {chosen}"


def _melanoma_section(metrics: dict[str, Any]) -> Iterator[MetricsSection]:
    """Yield the metrics of a task of two classes: with and without the patient's other lesions."""
    melanoma = metrics.get("melanoma")
    if not isinstance(melanoma, dict):
        return
    target, name = "two_classes", _("melanoma or benign")
    input_names = {"photo": _("photo alone"), "both": _("photo and details")}
    rows: list[Row] = []
    for mode in MODES:
        places = {
            f"melanoma/{mode}/{target}": name,
            f"melanoma/{mode}/patient_context/{target}/with": _("%(target)s, in context", target=name),
        }
        rows += [
            (title, input_names[mode], *metric_cells(metrics, path, RARE_CLASS_METRICS))
            for path, title in places.items()
            if value_at(metrics, path)
        ]
    columns = (
        _("Target"),
        _("Input"),
        metric_name("auc"),
        metric_name("average_precision"),
        _("Sensitivity at a specificity of .9"),
        _("Sensitivity at a specificity of .95"),
    )
    yield MetricsSection(
        "melanoma",
        _("Melanoma or not"),
        _(
            "%(photos)s photos of %(patients)s patients; %(melanomas)s photos show melanomas. Each was "
            "judged by a network that had seen no photo of the patient. “In context” means: compared with "
            "the mean of the patient's other spots.",
            **{name: format_number(int(melanoma[name])) for name in ("photos", "patients", "melanomas")},
        ),
        (Table("melanoma", _("Melanoma or not"), columns, tuple(rows)),),
    )


def _unknown_class_section(bundle: Bundle) -> Iterator[MetricsSection]:
    """Yield how well photos of none of the classes are recognised, by the class left out."""
    by_class = value_at(bundle.metrics, "unknown/classes")
    if not by_class:
        return
    names = {diagnosis.code: diagnosis.name for diagnosis in TASKS[bundle.task]}
    rows: tuple[Row, ...] = tuple(
        (
            _(names[code]),
            *metric_cells(bundle.metrics, f"unknown/classes/{code}", ("photos", "others", "auroc")),
        )
        for code in by_class
    )
    columns = (_("Class left out"), _("Photos of the class"), _("Other photos"), metric_name("auc"))
    yield MetricsSection(
        "unknown",
        _("None of the known classes"),
        _(
            "Every training photo shows one of the classes. To test other kinds of spot, each of these classes was left "
            "out in turn. A network that had never seen the class then judged how well its photos fit."
        ),
        (Table("unknown", _("Left-out classes compared with the other classes"), columns, rows),),
    )
