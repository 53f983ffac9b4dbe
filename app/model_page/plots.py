"""The saved plots of a bundle, each with its numbers as a table for readers who cannot see it.

The sentences are in templates/plots.html. Every number is read from the bundle's files; none is computed again.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from app.http.languages import capitalise_first, format_decimals, format_number
from app.http.languages import translate as _
from app.metric_names import plain_name
from app.model_page.metric_values import (
    QUESTIONS,
    Row,
    Table,
    metric_at,
    metric_cells,
    metric_name,
    question_name,
    value_at,
)
from app.model_page.metrics_tables import OUT_OF_FOLD, class_table, confusion_table, subgroup_table
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import class_codes

PLOTS_FOLDER = "plots/"


@dataclass(frozen=True)
class Plot:
    """Hold a plot.

    name: the name of its file in the bundle's folder of plots, without the ending. version: a part of its address that
    changes with its content. table: None where metrics.json lacks its numbers.
    """

    name: str
    version: str
    title: str
    table: Table | None


def saved_plots(bundle: Bundle) -> list[Plot]:
    """Return the PNG files that SHA256SUMS lists under plots/: known ones in the order of the page, then all others."""
    checksums = {
        name.removeprefix(PLOTS_FOLDER).removesuffix(".png"): checksum
        for name, checksum in bundle.sums.items()
        if name.startswith(PLOTS_FOLDER) and name.endswith(".png")
    }
    order = [*(name for name in TABLES if name in checksums), *sorted(checksums.keys() - TABLES.keys())]
    return [Plot(name, checksums[name][:12], plot_title(name), _plot_table(bundle, name)) for name in order]


def _plot_table(bundle: Bundle, name: str) -> Table | None:
    if name not in TABLES or "photo" not in bundle.metrics.get(OUT_OF_FOLD, {}):
        return None
    columns, rows = TABLES[name](bundle)
    return (
        Table(f"plot-{name}", plot_title(name), columns, tuple(rows), wide=len(columns) > 8) if rows else None
    )


def plot_title(name: str) -> str:
    """Return the title of a plot."""
    titles = {
        "confusion_matrix": _("Right and wrong decisions"),
        "roc": _("Photos found and photos wrongly flagged (ROC curves)"),
        "reliability": _("How reliable its probabilities are (calibration)"),
        "precision_recall": _("Share of flagged photos that are right (precision and recall)"),
        "risk_coverage": _("Errors when the uncertain photos are not answered"),
        "decision_curve": _("Whether flagging helps (decision curve)"),
        "locked_test": _("What was expected and what the locked test gave"),
        "elsewhere": _("On photos from elsewhere"),
        "shortcuts": _("Whether it looks at the lesion (shortcut tests)"),
        "shortcut_examples": _("Examples of the shortcut tests"),
        "subgroups": _("Where it is better and worse (subgroups)"),
        "learning_curves": _("How it learned (learning curves)"),
        "architecture": _("How it is built (architecture)"),
    }
    return titles.get(name) or plain_name(name)


def worst_mistake(confusion: list[list[int]], task: str) -> dict[str, Any]:
    """Return the counts of right and of all photos, and the most common mistake, of a confusion matrix."""
    matrix = np.array(confusion)
    wrong = matrix - np.diag(np.diag(matrix))
    true, decided = (class_codes(task)[int(index)] for index in np.unravel_index(wrong.argmax(), wrong.shape))
    counts = {"right": int(matrix.trace()), "all": int(matrix.sum()), "count": int(wrong.max())}
    return counts | {"true": true, "decided": decided}


def whole_percent(share: float) -> str:
    """Return a share in whole per cent."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


Content = tuple[tuple[str, ...], list[Row]]  # columns and rows of a table


def _content(table: Table) -> Content:
    return table.columns, list(table.rows)


def _by_share(bundle: Bundle, path: str, name: str, shares: list[str]) -> list[Row]:
    """Return a row for each share (keys of metrics.json), with the metric `name` of both questions."""
    return [
        (
            whole_percent(float(share)),
            *(metric_at(bundle.metrics, f"{path}/{question}/{name}/{share}") for question in QUESTIONS),
        )
        for share in shares
    ]


def _roc(bundle: Bundle) -> Content:
    path, name = f"{OUT_OF_FOLD}/operating_points", "sensitivity_at_specificity"
    columns = (
        _("Benign photos that are rightly not flagged"),
        _("Cancer photos found"),
        _("Melanomas found"),
    )
    return columns, _by_share(
        bundle, path, name, list(value_at(bundle.metrics, f"{path}/cancer/{name}") or ())
    )


def _decision_curve(bundle: Bundle) -> Content:
    path = f"{OUT_OF_FOLD}/operating_points"
    thresholds = list(value_at(bundle.metrics, f"{path}/cancer/net_benefit") or ())
    names = (_("Net benefit: %(question)s", question=question_name(name)) for name in QUESTIONS)
    return (_("Threshold"), *names), _by_share(bundle, path, "net_benefit", thresholds)


def _reliability(bundle: Bundle) -> Content:
    path, names = f"{OUT_OF_FOLD}/photo/calibration/bins", ("photos", "confidence", "accuracy")
    rows: list[Row] = [
        (str(number + 1), *metric_cells(bundle.metrics, f"{path}/{number}", names))
        for number in range(len(value_at(bundle.metrics, path) or ()))
    ]
    return (
        _("Group, from unsure to sure"),
        _("Photos"),
        _("Mean probability"),
        _("Share that is right"),
    ), rows


def _risk_coverage(bundle: Bundle) -> Content:
    path = f"{OUT_OF_FOLD}/risk_coverage"
    rows: list[Row] = [
        (whole_percent(float(share)), metric_at(bundle.metrics, f"{path}/{share}/error"))
        for share in reversed(value_at(bundle.metrics, path) or {})
    ]
    return (_("Share of photos answered"), _("Share decided wrong")), rows


def _locked_test(bundle: Bundle) -> Content:
    mode_names = {"photo": _("photo alone"), "both": _("photo and details")}
    rows: list[Row] = [
        (
            f"{metric_name(name)}, {mode_name}",
            *metric_cells(bundle.metrics, f"fit_to_served/{mode}/{name}", ("out_of_fold", "locked_test")),
        )
        for mode, mode_name in mode_names.items()
        for name in value_at(bundle.metrics, f"fit_to_served/{mode}") or {}
    ]
    return (_("Metric"), _("Expected"), _("Locked test")), rows


def _external_sources(bundle: Bundle) -> Content:
    costs, phones = ("positives", "missed", "negatives", "flagged"), _("phone photos")
    rows: list[Row] = [
        (
            name.replace("_", " ") + (f" ({phones})" if source.get("phone") else ""),
            metric_at(bundle.metrics, f"elsewhere/{name}/photos"),
            *metric_cells(bundle.metrics, f"elsewhere/{name}/photo", ("cancer_auc", "melanoma_auc")),
            *metric_cells(bundle.metrics, f"elsewhere/{name}/photo/thresholds/cancer", costs),
        )
        for name, source in bundle.metrics.get("elsewhere", {}).items()
    ]
    columns = (_("Source"), _("Photos"), _("AUC, cancer classes"), _("AUC, melanoma"), _("Cancer photos"))
    return (*columns, *map(metric_name, costs[1:])), rows


def _learning_curves(bundle: Bundle) -> Content:
    file = bundle.folder / "history.json"
    history = json.loads(file.read_text(encoding="utf-8")) if file.name in bundle.sums else {}
    rows: list[Row] = []
    for name, epochs in sorted(history.items()):
        smoothed = [epoch["smoothed_macro_auc"] for epoch in epochs if "smoothed_macro_auc" in epoch]
        if smoothed:
            best = smoothed.index(max(smoothed))
            network = _("served model") if name == "served" else name.replace("fold", _("without fold "))
            auc = format_decimals(epochs[best]["stopping_macro_auc"])
            rows.append((network, str(len(epochs)), str(best + 1), auc))
    return (_("Network"), _("Epochs"), _("Epoch that was kept"), _("AUC on the stopping photos")), rows


def _architecture(bundle: Bundle) -> Content:
    rows: list[Row] = [
        (
            str(layer["layer"]),
            str(layer["kind"]),
            " x ".join(map(str, layer["shape"])),
            format_number(int(layer["parameters"])),
        )
        for layer in bundle.metadata.get("layers", [])
    ]
    return (_("Layer"), _("Kind"), _("Shape of its output"), _("Parameters")), rows


def _shortcuts(bundle: Bundle) -> Content:
    path = f"{OUT_OF_FOLD}/shortcuts"
    views = {
        "intact": _("whole photo"),
        "lesion_painted": _("lesion painted over"),
        "background_painted": _("all but the lesion painted over"),
    }
    tests = {
        "inside": _("share inside the lesion"),
        "deletion": _("deletion test"),
        "deletion_of_the_rarer": _("deletion test of the rarer classes"),
    }
    maps = {"map": _("the model's map"), "random": _("random map"), "gaussian": _("centred Gaussian")}
    rows: list[Row] = [
        (f"{metric_name(metric)}: {name}", metric_at(bundle.metrics, f"{path}/views/{view}/{metric}"))
        for metric in ("balanced_accuracy", "macro_auc")
        for view, name in views.items()
    ]
    rows += [
        (capitalise_first(f"{title}: {name}"), metric_at(bundle.metrics, f"{path}/{test}/{kind}/mean"))
        for test, title in tests.items()
        for kind, name in maps.items()
    ]
    return (_("Metric"), _("Value")), rows if value_at(bundle.metrics, path) else []


TABLES: dict[str, Callable[[Bundle], Content]] = {
    "confusion_matrix": lambda bundle: _content(confusion_table(bundle, OUT_OF_FOLD)),
    "roc": _roc,
    "reliability": _reliability,
    "precision_recall": lambda bundle: _content(class_table(bundle, OUT_OF_FOLD, ("average_precision",))),
    "risk_coverage": _risk_coverage,
    "decision_curve": _decision_curve,
    "locked_test": _locked_test,
    "elsewhere": _external_sources,
    "shortcuts": _shortcuts,
    "subgroups": lambda bundle: _content(subgroup_table(bundle.metrics, OUT_OF_FOLD)),
    "learning_curves": _learning_curves,
    "architecture": _architecture,
}
