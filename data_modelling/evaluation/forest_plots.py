"""Forest plots: a figure and its 95 % interval a row, for subgroups, the locked test and other sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_modelling.evaluation.style import BLUE, GREY, ORANGE

MODES = {"photo": ("photo alone", BLUE, "o"), "both": ("photo and details", ORANGE, "s")}


@dataclass(frozen=True)
class Row:
    """One line: its name, the figure, the bounds of its interval, and how it is drawn."""

    name: str
    value: float
    interval: Sequence[float]
    colour: str = BLUE
    marker: str = "o"


def subgroup_rows(out_of_fold: dict[str, Any]) -> list[Row]:
    """The subgroups that have figures, those by two attributes last."""
    rows = [
        row
        for row in (*out_of_fold["subgroups"], *out_of_fold["intersections"])
        if "macro_auc" in row and row["attribute"] != "source"
    ]
    return [
        Row(
            f"{row['attribute']}: {row['value']} ({row['groups']:,} lesions, {row['classes']} classes)",
            row["macro_auc"],
            row["macro_auc_interval"],
        )
        for row in rows
    ]


def draw_subgroups(figure: Figure, out_of_fold: dict[str, Any]) -> None:
    """Macro AUC of each subgroup with its interval, and of all photos as a line."""
    axes = figure.subplots()
    whole = out_of_fold["photo"]["macro_auc"]
    axes.axvline(whole, color=GREY, lw=1, ls="--")
    _forest(axes, subgroup_rows(out_of_fold))
    axes.set(
        xlabel=f"Macro AUC with 95 % interval, photo alone; dashed: all photos ({whole:.3f})",
        title="Subgroups with enough lesions, each over its own classes",
    )


def draw_fit(figure: Figure, fit: dict[str, Any]) -> None:
    """The locked test's figures with their intervals, and what was found out-of-fold as a diamond."""
    axes = figure.subplots()
    rows, expected = [], []
    for mode, (mode_name, colour, marker) in MODES.items():
        for name, found in fit[mode].items():
            if found["locked_test"] is None or None in found["interval"]:
                continue
            title = name.replace("_", " ").replace("auc", "AUC")
            rows.append(Row(f"{title}, {mode_name}", found["locked_test"], found["interval"], colour, marker))
            expected.append(found["out_of_fold"])
    _forest(axes, rows)
    axes.plot(
        expected[::-1], range(len(rows)), "D", color="black", ms=4, mfc="none", ls="", label="out-of-fold"
    )
    axes.legend(frameon=False, loc="center left", fontsize=9)
    axes.set(xlabel="Locked test with 95 % interval", title="The served model on the locked test")


def draw_elsewhere(figure: Figure, values: dict[str, Any]) -> None:
    """AUC of melanoma and of cancer on the bundle's own data and on each other source."""
    panels = figure.subplots(1, 2, sharey=True)
    own = values["out_of_fold"]["operating_points"]
    for axes, question in zip(panels, ("melanoma", "cancer"), strict=True):
        rows = []
        if question in own:
            point = own[question]
            rows.append(Row("out-of-fold, photo alone", point["auc"], point["auc_interval"]))
        for source, found in values["elsewhere"].items():
            kind = ", phone" if found["phone"] else ""
            rows += [
                Row(
                    f"{source}{kind}, {mode_name}",
                    found[mode][f"{question}_auc"],
                    found[mode][f"{question}_auc_interval"],
                    colour,
                    marker,
                )
                for mode, (mode_name, colour, marker) in MODES.items()
                if f"{question}_auc" in found[mode]
            ]
        _forest(axes, rows)
        axes.axvline(0.5, color=GREY, lw=1, ls=":")
        axes.set(xlim=(0.4, 1), xlabel=f"AUC of {question}, 95 % interval; dotted: chance")
    panels[0].set_title("On other sources' photos")


def _forest(axes: Axes, rows: list[Row]) -> None:
    """The rows from top to bottom."""
    if not rows:
        axes.text(0.5, 0.5, "none has enough lesions", ha="center", transform=axes.transAxes)
    for place, row in enumerate(reversed(rows)):
        axes.plot(row.interval, (place, place), color=row.colour, lw=2)
        axes.plot(row.value, place, row.marker, color=row.colour)
    axes.set_yticks(range(len(rows)), [row.name for row in reversed(rows)])
