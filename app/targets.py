"""What single tasks are judged by beside the rest: melanoma asked in two ways, and photos of none of the classes."""

from __future__ import annotations

from typing import Any

from app.figures import MODES, Cell, Part, Table, Value, bounds_of, figure_name
from app.languages import counted
from app.languages import say as _
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS

KEY, UNKNOWN = "melanoma", "unknown"  # in metrics.json
SHOWN = ("auc", "average_precision", "sensitivity_at_specificity_0.9", "sensitivity_at_specificity_0.95")


def melanoma(bundle: Bundle) -> Part | None:
    """The figures of either target, with and without the patient's other lesions, where the bundle has them."""
    figures = bundle.metrics.get(KEY)
    if not isinstance(figures, dict):
        return None
    said = _(
        "%(photos)s photos of %(patients)s patients, %(melanomas)s of melanomas, each judged by a network that had seen "
        "no photo of the patient. In context: against the mean of the patient's other spots.",
        photos=counted(int(figures["photos"])),
        patients=counted(int(figures["patients"])),
        melanomas=counted(int(figures["melanomas"])),
    )
    rows = tuple(row for mode in MODES if mode in figures for row in _of_mode(mode, figures[mode]))
    columns = (
        _("Target"),
        _("Input"),
        figure_name("auc"),
        figure_name("average_precision"),
        _("Sensitivity at a specificity of .9"),
        _("Sensitivity at a specificity of .95"),
    )
    table = Table(KEY, _("Two ways of asking for melanoma"), columns, rows)
    return Part(KEY, _("Melanoma or not, asked in two ways"), said, figures, (table,))


def _of_mode(mode: str, figures: dict[str, Any]) -> list[tuple[Cell, ...]]:
    names = {
        "two_classes": _("melanoma or benign"),
        "nine_classes": _("nine classes, melanoma read off"),
    }
    given = {"photo": _("photo alone"), "both": _("photo and details")}
    rows: list[tuple[Cell, ...]] = []
    for target, name in names.items():
        if target not in figures:
            continue
        rows.append((name, given[mode], *_cells(f"{KEY}/{mode}/{target}", figures[target])))
        context = figures.get("patient_context", {}).get(target, {}).get("with")
        if context:
            path = f"{KEY}/{mode}/patient_context/{target}/with"
            rows.append((_("%(target)s, in context", target=name), given[mode], *_cells(path, context)))
    return rows


def _cells(path: str, figures: dict[str, Any]) -> list[Cell]:
    return [
        Value(f"{path}/{name}", figures[name], bounds_of(figures.get(f"{name}_interval"))) for name in SHOWN
    ]


def unknown(bundle: Bundle) -> Part | None:
    """How well photos of none of the classes are told apart, class after class left out, where the bundle says it."""
    figures = bundle.metrics.get(UNKNOWN)
    if not isinstance(figures, dict) or not figures.get("classes"):
        return None
    said = _(
        "No photo of training shows none of the classes. So each of these classes was left out in turn: a network that "
        "had never seen it was asked how well its photos fit."
    )
    names = {diagnosis.code: diagnosis.name for diagnosis in TASKS[bundle.task]}
    rows = tuple(
        (
            _(names[code]),
            Value(f"{UNKNOWN}/classes/{code}/photos", found["photos"]),
            Value(f"{UNKNOWN}/classes/{code}/others", found["others"]),
            Value(f"{UNKNOWN}/classes/{code}/auroc", found["auroc"], bounds_of(found.get("auroc_interval"))),
        )
        for code, found in figures["classes"].items()
    )
    columns = (_("Class left out"), _("Photos of it"), _("Other photos"), figure_name("auc"))
    table = Table(UNKNOWN, _("Told apart from the other classes"), columns, rows)
    return Part(UNKNOWN, _("None of the known classes"), said, figures, (table,))
