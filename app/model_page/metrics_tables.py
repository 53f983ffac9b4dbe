"""The tables of a part of metrics.json, such as the out-of-fold photos; a table without metrics has no rows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from app.answer.wording import REGIONS
from app.http.languages import format_number
from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from app.model_page.metric_values import (
    NAMES,
    QUESTIONS,
    Table,
    measured_at,
    metric_columns,
    metric_name,
    metric_table,
    name_of,
    value_at,
)
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS, class_codes
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
THRESHOLD_METRICS = ("threshold", "positives", "missed", "negatives", "flagged", "sensitivity", "specificity")
OUT_OF_FOLD = "out_of_fold"


def part_tables(bundle: Bundle, key: str) -> Iterator[Table]:
    """Yield the tables of a part of metrics.json."""
    yield _overall(bundle.metrics, key)
    yield _thresholds(bundle.metrics, key)
    yield class_table(bundle, key, CLASS_METRICS)
    yield _operating_points(bundle.metrics, key)
    yield confusion_table(bundle, key)
    yield subgroup_table(bundle.metrics, key)


def _overall(metrics: dict[str, Any], key: str) -> Table:
    modes = [mode for mode in MODES if mode in metrics[key]]
    names = {"photo": _("Photo alone"), "both": _("Photo and details")}
    columns = {"metric": _("Metric")} | {f"{key}/{mode}/{{row}}": names[mode] for mode in modes}
    if "effect_of_details" in metrics[key]:
        columns[f"{key}/effect_of_details/{{row}}/difference"] = _("Change")
    rows = {
        name: (metric_name(name),)
        for name in OVERALL_METRICS
        if all(name in metrics[key][mode] for mode in modes)
    }
    return metric_table(metrics, f"{key}-overall", columns, rows)


def _thresholds(metrics: dict[str, Any], key: str) -> Table:
    columns = {"question": _("Question")} | metric_columns(f"{key}/thresholds/{{row}}", THRESHOLD_METRICS)
    rows = {
        name: (name_of("questions", name),)
        for name in QUESTIONS
        if set(THRESHOLD_METRICS) <= set(value_at(metrics, f"{key}/thresholds/{name}") or {})
    }
    return metric_table(metrics, f"{key}-thresholds", columns, rows)


def class_table(bundle: Bundle, key: str, names: Sequence[str]) -> Table:
    """Return the metrics of each class with the photo alone: those of `names` that metrics.json has."""
    by_class = bundle.metrics[key]["photo"].get("classes", {})
    names = [name for name in names if any(name in values for values in by_class.values())]
    path = f"{key}/photo/classes/{{row}}"
    rows = {d.code: (_(d.name),) for d in TASKS[bundle.task] if names and d.code in by_class}
    columns = {"class": _("Class")} | metric_columns(path, ("photos", *names))
    return metric_table(bundle.metrics, f"{key}-classes", columns, rows)


def _operating_points(metrics: dict[str, Any], key: str) -> Table:
    """Return the table of the costs of other thresholds."""
    rows = {
        f"{question}/at_sensitivity/{rate}": (
            _(
                "%(question)s, found: %(share)s",
                question=name_of("questions", question),
                share=format_number(float(rate)),
            ),
        )
        for question, question_metrics in metrics[key].get("operating_points", {}).items()
        for rate in question_metrics.get("at_sensitivity", {})
    }
    names = ("threshold", "sensitivity", "specificity", "missed", "flagged")
    columns = {"point": _("At a sensitivity of")} | metric_columns(f"{key}/operating_points/{{row}}", names)
    return metric_table(metrics, f"{key}-points", columns, rows)


def confusion_table(bundle: Bundle, key: str) -> Table:
    """Return the confusion matrix with the photo alone: true diagnosis by decision, in photos."""
    codes = [UntranslatedText(code) for code in class_codes(bundle.task)]  # one is a word: benign
    path = f"{key}/photo/confusion"
    columns = {"diagnosis": _("True diagnosis")}
    columns |= {f"{path}/{{row}}/{index}": code for index, code in enumerate(codes)}
    rows = {index: (codes[index],) for index in range(len(value_at(bundle.metrics, path) or []))}
    return replace(metric_table(bundle.metrics, f"{key}-confusion", columns, rows), wide=True)


def subgroup_table(metrics: dict[str, Any], key: str) -> Table:
    """Return the metrics of subgroups; a subgroup with too few photos says so."""
    path, metric_keys = f"{key}/subgroups/{{row}}", ("balanced_accuracy", "macro_auc")
    by_patient = metrics[key].get("grouped_by") == "patient"
    columns = {
        "subgroup": _("Subgroup"),
        f"{path}/photos": _("Photos"),
        f"{path}/groups": _("Patients") if by_patient else _("Lesions"),
        **metric_columns(path, metric_keys),
    }
    rows = {index: (subgroup_name(row),) for index, row in enumerate(metrics[key].get("subgroups", []))}
    return metric_table(metrics, f"{key}-subgroups", columns, rows, measured_at)


def subgroup_name(row: dict[str, Any]) -> str:
    """Return `attribute: value` in words."""
    attribute, value = str(row.get("attribute", "")), str(row.get("value", ""))
    attributes, values = NAMES["attributes"], NAMES["values"] | REGIONS
    name = _(attributes[attribute]) if attribute in attributes else attribute
    return f"{name}: {_(values[value]) if value in values else value}"
