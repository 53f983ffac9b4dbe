"""The tables of a part of metrics.json, such as the out-of-fold photos; a table without metrics is left out."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from app.http.languages import format_number
from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from app.model_page.metric_values import (
    QUESTIONS,
    Cell,
    Row,
    Table,
    metric_at,
    metric_cells,
    metric_name,
    question_name,
    value_at,
)
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.modes import MODES

OVERALL_METRICS = ("balanced_accuracy", "macro_auc", "accuracy_most_probable", "expected_calibration_error")
CLASS_METRICS = (
    "auc",
    "sensitivity",
    "specificity",
    "positive_predictive_value",
    "negative_predictive_value",
    "average_precision",
)
OUT_OF_FOLD = "out_of_fold"


def part_tables(bundle: Bundle, key: str) -> Iterator[Table]:
    """Yield the tables of a part of metrics.json; a table without metrics has no rows."""
    yield _overall(bundle.metrics, key)
    yield _thresholds(bundle.metrics, key)
    yield class_table(bundle, key, CLASS_METRICS)
    yield _operating_points(bundle.metrics, key)
    yield confusion_table(bundle, key)
    yield subgroup_table(bundle.metrics, key)


def _overall(metrics: dict[str, Any], key: str) -> Table:
    modes = [mode for mode in MODES if mode in metrics[key]]
    names = {"photo": _("Photo alone"), "both": _("Photo and details")}
    has_effect = "effect_of_details" in metrics[key]
    rows: list[Row] = []
    for name in OVERALL_METRICS:
        if all(name in metrics[key][mode] for mode in modes):
            values = [metric_at(metrics, f"{key}/{mode}/{name}") for mode in modes]
            change = [metric_at(metrics, f"{key}/effect_of_details/{name}/difference")] if has_effect else []
            rows.append((metric_name(name), *values, *change))
    columns = (_("Metric"), *(names[mode] for mode in modes), *([_("Change")] if has_effect else []))
    return Table(f"{key}-overall", _("In short"), columns, tuple(rows))


def _thresholds(metrics: dict[str, Any], key: str) -> Table:
    columns = ("threshold", "positives", "missed", "negatives", "flagged", "sensitivity", "specificity")
    rows: tuple[Row, ...] = tuple(
        (question_name(name), *metric_cells(metrics, f"{key}/thresholds/{name}", columns))
        for name in QUESTIONS
        if set(columns) <= set(value_at(metrics, f"{key}/thresholds/{name}") or {})
    )
    titles = (_("Question"), *map(metric_name, columns))
    return Table(f"{key}-thresholds", _("What the thresholds cost, in photos"), titles, rows)


def class_table(bundle: Bundle, key: str, names: Sequence[str]) -> Table:
    """Return the metrics of each class with the photo alone: those of `names` that metrics.json has."""
    by_class = bundle.metrics[key]["photo"].get("classes", {})
    names = [name for name in names if any(name in values for values in by_class.values())]
    rows: tuple[Row, ...] = tuple(
        (
            _(diagnosis.name),
            *metric_cells(bundle.metrics, f"{key}/photo/classes/{diagnosis.code}", ("photos", *names)),
        )
        for diagnosis in TASKS[bundle.task]
        if diagnosis.code in by_class
    )
    columns = (_("Class"), _("Photos"), *map(metric_name, names))
    return Table(f"{key}-classes", _("Each class, photo alone"), columns, rows if names else ())


def _operating_points(metrics: dict[str, Any], key: str) -> Table:
    """Return the table of the costs of other thresholds."""
    columns = ("threshold", "sensitivity", "specificity", "missed", "flagged")
    rows: list[Row] = []
    for question, question_metrics in metrics[key].get("operating_points", {}).items():
        for rate in question_metrics.get("at_sensitivity", {}):
            title = _(
                "%(question)s, found: %(share)s",
                question=question_name(question),
                share=format_number(float(rate)),
            )
            path = f"{key}/operating_points/{question}/at_sensitivity/{rate}"
            rows.append((title, *metric_cells(metrics, path, columns)))
    titles = (_("At a sensitivity of"), *map(metric_name, columns))
    return Table(f"{key}-points", _("What other thresholds would cost"), titles, tuple(rows))


def confusion_table(bundle: Bundle, key: str) -> Table:
    """Return the confusion matrix with the photo alone: true diagnosis by decision, in photos."""
    codes = [UntranslatedText(diagnosis.code) for diagnosis in TASKS[bundle.task]]  # one is a word: benign
    path = f"{key}/photo/confusion"
    rows: tuple[Row, ...] = tuple(
        (code, *metric_cells(bundle.metrics, f"{path}/{row}", map(str, range(len(line)))))
        for row, (code, line) in enumerate(zip(codes, value_at(bundle.metrics, path) or [], strict=False))
    )
    caption = _("Decisions (columns) for each true diagnosis (rows), in photos")
    return Table(f"{key}-confusion", caption, (_("True diagnosis"), *codes), rows, wide=True)


def subgroup_table(metrics: dict[str, Any], key: str) -> Table:
    """Return the metrics of subgroups; a subgroup with too few photos says so."""
    rows: list[Row] = []
    for index, row in enumerate(metrics[key].get("subgroups", [])):
        path = f"{key}/subgroups/{index}"
        counts = metric_cells(metrics, path, ("photos", "groups"))
        values: Sequence[Cell] = metric_cells(metrics, path, ("balanced_accuracy", "macro_auc"))
        rows.append((subgroup_name(row), *counts, *([_("too few to say")] * 2 if "said" in row else values)))
    columns = (
        _("Subgroup"),
        _("Photos"),
        _("Patients") if metrics[key].get("grouped_by") == "patient" else _("Lesions"),
        metric_name("balanced_accuracy"),
        metric_name("macro_auc"),
    )
    return Table(f"{key}-subgroups", _("Subgroups, photo alone"), columns, tuple(rows))


def subgroup_name(row: dict[str, Any]) -> str:
    """Return `attribute: value` in words."""
    attributes = {
        "age": _("age"),
        "sex": _("sex"),
        "site": _("place on the body"),
        "confirmation": _("confirmed by"),
        "source": _("source"),
    }
    values = {
        "not known": _("not known"),
        "female": _("female"),
        "male": _("male"),
        "head/neck": _("head or neck"),
        "anterior torso": _("front of the torso"),
        "posterior torso": _("back"),
        "torso": _("torso"),
        "upper extremity": _("arm or hand"),
        "lower extremity": _("leg or foot"),
        "palms/soles": _("palm or sole"),
        "oral/genital": _("mouth or genitals"),
        "confocal": _("confocal microscopy"),
        "consensus": _("consensus of doctors"),
        "follow_up": _("watching it (moles only)"),
        "histo": _("histology"),
    }
    attribute, value = str(row.get("attribute", "")), str(row.get("value", ""))
    return f"{attributes.get(attribute, attribute)}: {values.get(value, value)}"
