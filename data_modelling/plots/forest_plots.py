"""Forest plots of the subgroups, the locked test and external sources: one metric and its 95 % interval in each row."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_modelling.evaluation.locked_test_comparison import CALIBRATION_ERROR
from data_modelling.plots.style import BLUE, GREY, ORANGE

MODE_STYLES = {"photo": ("photo alone", BLUE, "o"), "both": ("photo and details", ORANGE, "s")}


@dataclass(frozen=True)
class ForestRow:
    """One row of a forest plot: its name, the metric, the bounds of its interval, and its style."""

    name: str
    value: float
    interval: Sequence[float]
    colour: str = BLUE
    marker: str = "o"


def subgroup_rows(out_of_fold: dict[str, Any]) -> list[ForestRow]:
    """Return the rows of the subgroups that have metrics, subgroups of two attributes last."""
    return [
        ForestRow(
            f"{row['attribute']}: {row['value']} ({row['groups']:,} lesions, {row['classes']} classes)",
            row["macro_auc"],
            row["macro_auc_interval"],
        )
        for row in (*out_of_fold["subgroups"], *out_of_fold["intersections"])
        if "macro_auc" in row and row["attribute"] != "source"
    ]


def draw_subgroups(figure: Figure, out_of_fold: dict[str, Any]) -> None:
    """Draw the macro AUC of each subgroup with its interval, and the macro AUC of all photos as a line."""
    axes = figure.subplots()
    overall = out_of_fold["photo"]["macro_auc"]
    axes.axvline(overall, color=GREY, lw=1, ls="--")
    _draw_rows(axes, subgroup_rows(out_of_fold))
    axes.set(
        xlabel=f"Macro AUC with 95 % interval, photo alone; dashed: all photos ({overall:.3f})",
        title="Subgroups with enough lesions, each over its own classes",
    )


def draw_locked_test(figure: Figure, comparison: dict[str, Any]) -> None:
    """Draw the metrics of the locked test with their intervals, and the out-of-fold values as diamonds.

    The ECE has its own panel.
    """
    panels = figure.subplots(2, 1, height_ratios=[3, 1])
    for axes, is_error in zip(panels, (False, True), strict=True):
        rows, out_of_fold = [], []
        for mode, (mode_name, colour, marker) in MODE_STYLES.items():
            for name, metric in comparison[mode].items():
                if (name == CALIBRATION_ERROR) == is_error and None not in metric["interval"]:
                    title = f"{name.replace('_', ' ').replace('auc', 'AUC')}, {mode_name}"
                    rows.append(ForestRow(title, metric["locked_test"], metric["interval"], colour, marker))
                    out_of_fold.append(metric["out_of_fold"])
        _draw_rows(axes, rows)
        axes.plot(out_of_fold[::-1], range(len(rows)), "D", color="black", ms=5, mfc="none", ls="")
        axes.set_ylim(-0.6, len(rows) - 0.4)
    panels[0].set_title("The served model on the locked test (diamonds: out-of-fold)")
    panels[1].set_xlabel("Locked test with 95 % interval")


def draw_external_sources(figure: Figure, values: dict[str, Any]) -> None:
    """Draw the AUC of melanoma and of cancer on the bundle's own data and on each external source."""
    panels = figure.subplots(1, 2, sharey=True)
    own_points = values["out_of_fold"]["operating_points"]
    for axes, question in zip(panels, ("melanoma", "cancer"), strict=True):
        rows = [
            ForestRow("out-of-fold, photo alone", own["auc"], own["auc_interval"])
            for own in filter(None, [own_points.get(question)])
        ]
        for source, metrics in values["elsewhere"].items():
            kind = ", phone" if metrics["phone"] else ""
            rows += [
                ForestRow(
                    f"{source}{kind}, {mode_name}",
                    metrics[mode][f"{question}_auc"],
                    metrics[mode][f"{question}_auc_interval"],
                    colour,
                    marker,
                )
                for mode, (mode_name, colour, marker) in MODE_STYLES.items()
                if f"{question}_auc" in metrics[mode]
            ]
        _draw_rows(axes, rows)
        axes.axvline(0.5, color=GREY, lw=1, ls=":")
        axes.set(xlim=(0.4, 1), xlabel=f"AUC of {question}, 95 % interval; dotted: chance")
    panels[0].set_title("On other sources' photos")


def _draw_rows(axes: Axes, rows: list[ForestRow]) -> None:
    """Draw the rows from top to bottom."""
    if not rows:
        axes.text(0.5, 0.5, "none has enough lesions", ha="center", transform=axes.transAxes)
    for place, row in enumerate(reversed(rows)):
        axes.plot(row.interval, (place, place), color=row.colour, lw=2)
        axes.plot(row.value, place, row.marker, color=row.colour)
    axes.set_yticks(range(len(rows)), [row.name for row in reversed(rows)])
