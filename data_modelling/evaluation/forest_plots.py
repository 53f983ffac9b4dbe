"""Forest plots: a figure and its 95 % interval a row, for subgroups, the locked test and other sources."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_modelling.evaluation.fit_to_served import ERROR
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
    """The locked test's figures with their intervals, and what was found out-of-fold as a diamond; ECE by itself."""
    panels = figure.subplots(2, 1, height_ratios=[3, 1])
    for axes, is_error in zip(panels, (False, True), strict=True):
        found = [
            (f"{_title(name)}, {mode_name}", of_mode, colour, marker)
            for mode, (mode_name, colour, marker) in MODES.items()
            for name, of_mode in fit[mode].items()
            if (name == ERROR) == is_error
            and of_mode["locked_test"] is not None
            and None not in of_mode["interval"]
        ]
        _forest(axes, [Row(name, one["locked_test"], one["interval"], *look) for name, one, *look in found])
        expected = [one["out_of_fold"] for _, one, *_ in reversed(found)]
        axes.plot(expected, range(len(found)), "D", color="black", ms=5, mfc="none", ls="")
        axes.set_ylim(-0.6, len(found) - 0.4)
    panels[0].set_title("The served model on the locked test (diamonds: out-of-fold)")
    panels[1].set_xlabel("Locked test with 95 % interval")


def _title(name: str) -> str:
    return name.replace("_", " ").replace("auc", "AUC")


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
