"""Makes the sections of the model page, which show a bundle's metrics in tables.

A table without metrics has no rows, so the page leaves it out. The page also leaves out a section without tables.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from app.answer.wording import REGIONS
from app.http.languages import format_number
from app.http.languages import translate as _
from app.model_page.metric_values import (
    NAMES,
    QUESTIONS,
    Cell,
    Table,
    UntranslatedText,
    measured_at,
    metric_columns,
    metric_name,
    metric_table,
    name_of,
    value_at,
)
from app.model_page.published_results import published_table
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS, class_codes
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


def metrics_sections(bundle: Bundle) -> list[dict[str, Any]]:
    """Return the sections that have numbers. Each set of photos in metrics.json, such as locked_test, gets a section.

    Keys of each section: key (its name in templates/texts.html), title (the heading), tables (only those with rows).
    """
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
    shown = ((key, [table for table in tables if table.rows]) for key, tables in sections)
    return [
        {"key": key, "title": name_of("sections", key), "tables": tables} for key, tables in shown if tables
    ]


def part_tables(bundle: Bundle, key: str) -> Iterator[Table]:
    """Yield the tables of a part of metrics.json, such as "locked_test"."""
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
    """Return the metrics `names` of each class, from the photo alone; a metric that no class has is left out."""
    by_class = bundle.metrics[key]["photo"].get("classes", {})
    names = [name for name in names if any(name in values for values in by_class.values())]
    path = f"{key}/photo/classes/{{row}}"
    rows = {d.code: (_(d.name),) for d in TASKS[bundle.task] if names and d.code in by_class}
    columns = {"class": _("Class")} | metric_columns(path, ("photos", *names))
    return metric_table(bundle.metrics, f"{key}-classes", columns, rows)


def _operating_points(metrics: dict[str, Any], key: str) -> Table:
    """Return the metrics at several thresholds, each of which was chosen to reach a certain sensitivity."""
    rows = {
        f"{question}/at_sensitivity/{rate}": (
            _(
                "%(question)s: a sensitivity of %(share)s",
                question=name_of("questions", question),
                share=format_number(float(rate)),
            ),
        )
        for question, question_metrics in metrics[key].get("operating_points", {}).items()
        for rate in question_metrics.get("at_sensitivity", {})
    }
    names = ("threshold", "sensitivity", "specificity", "missed", "flagged")
    columns = {"point": _("Threshold for")} | metric_columns(f"{key}/operating_points/{{row}}", names)
    return metric_table(metrics, f"{key}-points", columns, rows)


def confusion_table(bundle: Bundle, key: str) -> Table:
    """Return how many photos of each true diagnosis (rows) got each decision (columns), from the photo alone."""
    # The codes are not translated, although one of them, "benign", is also a word that the page translates.
    codes = [UntranslatedText(code) for code in class_codes(bundle.task)]
    path = f"{key}/photo/confusion"
    columns = {"diagnosis": _("True diagnosis")}
    columns |= {f"{path}/{{row}}/{index}": code for index, code in enumerate(codes)}
    rows = {index: (codes[index],) for index in range(len(value_at(bundle.metrics, path) or []))}
    return replace(metric_table(bundle.metrics, f"{key}-confusion", columns, rows), wide=True)


def subgroup_table(metrics: dict[str, Any], key: str) -> Table:
    """Return the metrics of subgroups; an absent metric becomes "too few to say"."""
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
    """Return the name of a subgroup in words, such as "sex: female"."""
    attribute, value = str(row.get("attribute", "")), str(row.get("value", ""))
    attributes, values = NAMES["attributes"], NAMES["values"] | REGIONS
    name = _(attributes[attribute]) if attribute in attributes else attribute
    return f"{name}: {_(values[value]) if value in values else value}"


def _clinic_tables(metrics: dict[str, Any]) -> Iterator[Table]:
    """Yield three tables about clinic groups: one of metrics, one of status shares and ECE, one of status counts."""
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
    """Return the cell of a path such as clinics/0/left_out/macro_auc."""
    network = path.rpartition("/")[0]
    if not value_at(metrics, network):  # the clinic group has no results of this kind of network
        return _("not left out") if network.endswith("left_out") else "-"
    return measured_at(metrics, path)


def _melanoma_table(metrics: dict[str, Any]) -> Table:
    """Return the metrics of a task of two classes, without and with the patient's other lesions as context."""
    target, name = "two_classes", _("melanoma or benign")
    titles = {target: name, f"patient_context/{target}/with": _("%(target)s, in context", target=name)}
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
    """Return how well photos of each class are recognised as unknown by a network trained without this class."""
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
    """Return how often a photo's neighbours in the index of known photos have its diagnosis; no index means no rows."""
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
    """Return a table of the metrics by skin type. It is empty if metrics.json has none."""
    names = ("photos", "patients", "cancers", "cancer_auc", "sensitivity", "specificity")
    columns = {"type": _("Skin type")} | metric_columns("skin_types/{row}", names)
    rows = {name: (name,) for name in metrics.get("skin_types") or ()}
    return metric_table(metrics, "skin_types", columns, rows, measured_at)
