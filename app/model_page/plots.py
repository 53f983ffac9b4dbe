"""Lists the saved plots of a bundle (trained model) for its page. Plots in TABLES have a table, for blind readers.

The sentences about the plots are in templates/plots.html. All metrics are read from the bundle's files.
"""

import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np

from app.http.languages import capitalise_first, format_decimals, format_number
from app.http.languages import translate as _
from app.model_page.metric_values import (
    NAMES,
    QUESTIONS,
    Row,
    Table,
    metric_columns,
    metric_name,
    metric_table,
    name_of,
    value_at,
)
from app.model_page.sections import OUT_OF_FOLD, class_table, confusion_table, subgroup_table
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import class_codes

PLOTS_FOLDER = "plots/"


def saved_plots(bundle: Bundle) -> list[dict[str, Any]]:
    """Return the plots (PNG files) that SHA256SUMS lists under plots/: first those in TABLES, then all others.

    Keys of each plot: name (of the file, without ".png"), version (the start of its checksum, for the address of the
    image), title, and table (the numbers of the plot, or None if it has no table).
    """
    checksums = {
        name.removeprefix(PLOTS_FOLDER).removesuffix(".png"): checksum
        for name, checksum in bundle.sums.items()
        if name.startswith(PLOTS_FOLDER) and name.endswith(".png")
    }
    order = [*(name for name in TABLES if name in checksums), *sorted(checksums.keys() - TABLES.keys())]
    return [
        {
            "name": name,
            "version": checksums[name][:12],
            "title": name_of("plots", name),
            "table": _plot_table(bundle, name),
        }
        for name in order
    ]


def _plot_table(bundle: Bundle, name: str) -> Table | None:
    """Return a plot's table, named like the plot, or None if TABLES lacks the plot or the bundle lacks the numbers."""
    if name not in TABLES or "photo" not in bundle.metrics.get(OUT_OF_FOLD, {}):
        return None
    table = TABLES[name](bundle)
    wide, caption = len(table.columns) > 8, name_of("plots", name)
    return replace(table, name=f"plot-{name}", caption=caption, wide=wide) if table.rows else None


def worst_mistake(confusion: list[list[int]], task: str) -> dict[str, Any]:
    """Return the numbers of `right` decisions and of `all` photos, and facts about the most common mistake.

    These facts are `count` (the number of photos with this mistake), and the codes of the `true` and `decided` class.
    """
    matrix = np.array(confusion)
    wrong = matrix - np.diag(np.diag(matrix))
    true, decided = (class_codes(task)[int(index)] for index in np.unravel_index(wrong.argmax(), wrong.shape))
    counts = {"right": int(matrix.trace()), "all": int(matrix.sum()), "count": int(wrong.max())}
    return counts | {"true": true, "decided": decided}


def whole_percent(share: float) -> str:
    """Return a share in whole per cent."""
    return f"{100 * share:.0f}\N{NO-BREAK SPACE}%"


def _by_share(bundle: Bundle, name: str, columns: tuple[str, ...]) -> Table:
    """Return a table of the metric `name` for cancer and melanoma, with a row for each specificity or threshold."""
    path = f"{OUT_OF_FOLD}/operating_points"
    paths = ("share", *(f"{path}/{question}/{name}/{{row}}" for question in QUESTIONS))
    shares = value_at(bundle.metrics, f"{path}/cancer/{name}") or ()
    rows: dict[Any, Row] = {share: (whole_percent(float(share)),) for share in shares}
    return metric_table(bundle.metrics, "", dict(zip(paths, columns, strict=True)), rows)


def _roc(bundle: Bundle) -> Table:
    columns = (
        _("Share of the other photos that are not flagged"),
        _("Photos of cancers found"),
        _("Melanomas found"),
    )
    return _by_share(bundle, "sensitivity_at_specificity", columns)


def _decision_curve(bundle: Bundle) -> Table:
    names = (_("Net benefit: %(question)s", question=name_of("questions", name)) for name in QUESTIONS)
    return _by_share(bundle, "net_benefit", (_("Threshold"), *names))


def _reliability(bundle: Bundle) -> Table:
    path = f"{OUT_OF_FOLD}/photo/calibration/bins"
    columns = {
        "group": _("Group, from unsure to sure"),
        f"{path}/{{row}}/photos": _("Photos"),
        f"{path}/{{row}}/confidence": _("Mean probability"),
        f"{path}/{{row}}/accuracy": _("Share that is right"),
    }
    bins = range(len(value_at(bundle.metrics, path) or ()))
    return metric_table(bundle.metrics, "", columns, {number: (str(number + 1),) for number in bins})


def _risk_coverage(bundle: Bundle) -> Table:
    path = f"{OUT_OF_FOLD}/risk_coverage"
    columns = {"share": _("Share of photos answered"), f"{path}/{{row}}/error": _("Share of wrong decisions")}
    shares = reversed(value_at(bundle.metrics, path) or {})
    return metric_table(
        bundle.metrics, "", columns, {share: (whole_percent(float(share)),) for share in shares}
    )


def _locked_test(bundle: Bundle) -> Table:
    path = "fit_to_served/{row}"
    columns = {
        "metric": _("Metric"),
        f"{path}/out_of_fold": _("Expected"),
        f"{path}/locked_test": _("Locked test"),
    }
    rows: dict[Any, Row] = {
        f"{mode}/{name}": (f"{metric_name(name)}, {name_of('inputs', mode)}",)
        for mode in NAMES["inputs"]
        for name in value_at(bundle.metrics, f"fit_to_served/{mode}") or {}
    }
    return metric_table(bundle.metrics, "", columns, rows)


def _external_sources(bundle: Bundle) -> Table:
    path, phones = "elsewhere/{row}", _("phone photos")
    costs = f"{path}/photo/thresholds/cancer"
    columns = {
        "source": _("Source"),
        f"{path}/photos": _("Photos"),
        f"{path}/photo/cancer_auc": _("AUC, cancer classes"),
        f"{path}/photo/melanoma_auc": metric_name("melanoma_auc"),
        f"{costs}/positives": _("Photos of cancers"),
        **metric_columns(costs, ("missed", "negatives", "flagged")),
    }
    rows: dict[Any, Row] = {
        name: (name.replace("_", " ") + (f" ({phones})" if source.get("phone") else ""),)
        for name, source in bundle.metrics.get("elsewhere", {}).items()
    }
    return metric_table(bundle.metrics, "", columns, rows)


def _learning_curves(bundle: Bundle) -> Table:
    file = bundle.folder / "history.json"
    history = json.loads(file.read_text(encoding="utf-8")) if file.name in bundle.sums else {}
    rows: list[Row] = []
    for name, epochs in sorted(history.items()):
        smoothed = [epoch["smoothed_macro_auc"] for epoch in epochs if "smoothed_macro_auc" in epoch]
        if smoothed:
            best = smoothed.index(max(smoothed))
            words = name.replace("without_", _("without ")).replace("_", ", ")
            network = _("served model") if name == "served" else words.replace("fold", _("without fold "))
            auc = format_decimals(epochs[best]["stopping_macro_auc"])
            rows.append((network, str(len(epochs)), str(best + 1), auc))
    columns = (_("Network"), _("Epochs"), _("Epoch that was kept"), _("AUC on the stopping photos"))
    return Table("", "", columns, tuple(rows))


def _architecture(bundle: Bundle) -> Table:
    rows = [
        (
            str(layer["layer"]),
            str(layer["kind"]),
            " x ".join(map(str, layer["shape"])),
            format_number(int(layer["parameters"])),
        )
        for layer in bundle.metadata.get("layers", [])
    ]
    columns = (_("Layer"), _("Kind"), _("Shape of its output"), _("Parameters"))
    return Table("", "", columns, tuple(rows))


def _shortcuts(bundle: Bundle) -> Table:
    path = f"{OUT_OF_FOLD}/shortcuts"
    rows: dict[Any, Row] = {
        f"views/{view}/{metric}": (f"{metric_name(metric)}: {name_of('views', view)}",)
        for metric in ("balanced_accuracy", "macro_auc")
        for view in NAMES["views"]
    }
    rows |= {
        f"{test}/{kind}/mean": (capitalise_first(f"{name_of('tests', test)}: {name_of('maps', kind)}"),)
        for test in NAMES["tests"]
        for kind in NAMES["maps"]
    }
    columns = {"metric": _("Metric"), f"{path}/{{row}}": _("Value")}
    return metric_table(bundle.metrics, "", columns, rows if value_at(bundle.metrics, path) else {})


TABLES: dict[str, Callable[[Bundle], Table]] = {
    "confusion_matrix": lambda bundle: confusion_table(bundle, OUT_OF_FOLD),
    "roc": _roc,
    "reliability": _reliability,
    "precision_recall": lambda bundle: class_table(bundle, OUT_OF_FOLD, ("average_precision",)),
    "risk_coverage": _risk_coverage,
    "decision_curve": _decision_curve,
    "locked_test": _locked_test,
    "elsewhere": _external_sources,
    "shortcuts": _shortcuts,
    "subgroups": lambda bundle: subgroup_table(bundle.metrics, OUT_OF_FOLD),
    "learning_curves": _learning_curves,
    "architecture": _architecture,
}
