"""Draws forest plots: each row shows a metric with its interval, such as the AUC of a subgroup or external source."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_modelling.evaluation.locked_test_comparison import CALIBRATION_ERROR
from data_modelling.plots.style import BLUE, GREEN, GREY, ORANGE

MODE_STYLES = {"photo": ("photo alone", BLUE, "o"), "both": ("photo and details", ORANGE, "s")}
# Names and colours for the shortcut tests, which measure whether the network looks at the lesion.
VIEW_NAMES = {
    "intact": "photo as it is",
    "lesion_painted": "lesion painted over",
    "background_painted": "background painted over",
}
MAP_NAMES = {"map": "the class's map", "random": "random cells", "gaussian": "centred Gaussian"}
MAP_COLOURS = {"map": BLUE, "random": GREY, "gaussian": ORANGE}


@dataclass(frozen=True)
class ForestRow:
    """Holds one row of a forest plot: name, metric, lower and upper bound of the interval, and style."""

    name: str
    value: float
    interval: Sequence[float]
    colour: str = BLUE
    marker: str = "o"


def subgroup_rows(out_of_fold: dict[str, Any]) -> list[ForestRow]:
    """Return rows of the subgroups (except those by source) with a macro AUC; subgroups by two attributes come last."""
    noun = out_of_fold["grouped_by"]
    return [
        ForestRow(
            f"{row['attribute']}: {row['value']} ({row['groups']:,} {noun}s, {row['classes']} classes)",
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
        title=f"Subgroups with enough {out_of_fold['grouped_by']}s; each AUC is over its own classes",
    )


def draw_locked_test(figure: Figure, comparison: dict[str, Any]) -> None:
    """Draw the locked test's metrics with intervals, and out-of-fold values as diamonds; calibration is drawn below."""
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


def draw_shortcuts(figure: Figure, shortcuts: dict[str, Any]) -> None:
    """Draw metrics of painted-over photos, the share of the heat map in the lesion, and areas under deletion curves.

    A deletion curve shows the probability as more of the photo is painted over. shortcuts: from metrics.json.
    """
    views, inside, deletion = figure.subplots(1, 3)
    for name, colour, marker, shift in (
        ("balanced_accuracy", BLUE, "o", -0.1),
        ("macro_auc", GREEN, "s", 0.1),
    ):
        rows = [(view[name], view["intervals"][name]) for view in map(shortcuts["views"].get, VIEW_NAMES)]
        label = name.replace("_", " ").replace("auc", "AUC")
        _draw_intervals(views, rows, [colour] * len(rows), marker, shift, label)
    for chance, colour in ((shortcuts["balanced_accuracy_by_chance"], BLUE), (0.5, GREEN)):
        views.axvline(chance, color=colour, lw=1, ls=":")
    _names(views, list(VIEW_NAMES.values()))
    views.set(xlim=(0, 1), title="Painted over", xlabel="dotted: by chance")
    views.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2, fontsize=9)
    share = f"lesion's share of the photo: {shortcuts['lesion_share']:.2f}"
    for axes, measure, title, label in (
        (inside, "inside", "Share of the map in the lesion", share),
        (deletion, "deletion", "Area under the deletion curve", "smaller is better"),
    ):
        rows = [(of_map["mean"], of_map["interval"]) for of_map in map(shortcuts[measure].get, MAP_NAMES)]
        _draw_intervals(axes, rows, list(MAP_COLOURS.values()), "o", 0, None)
        _names(axes, list(MAP_NAMES.values()))
        axes.set(xlim=(0, 1), title=title, xlabel=label)
    inside.axvline(shortcuts["lesion_share"], color=GREY, lw=1, ls=":")
    figure.suptitle(
        f"Does the network look at the lesion? {shortcuts['photos']:,} out-of-fold photos, photo alone, 95 % intervals",
        x=0.01,
        ha="left",
    )


def _draw_rows(axes: Axes, rows: list[ForestRow]) -> None:
    """Draw the rows from top to bottom."""
    if not rows:
        axes.text(0.5, 0.5, "no row has enough photos", ha="center", transform=axes.transAxes)
    for place, row in enumerate(reversed(rows)):
        axes.plot(row.interval, (place, place), color=row.colour, lw=2)
        axes.plot(row.value, place, row.marker, color=row.colour)
    axes.set_yticks(range(len(rows)), [row.name for row in reversed(rows)])


def _draw_intervals(
    axes: Axes,
    rows: list[tuple[float, list[float]]],
    colours: list[str],
    marker: str,
    shift: float,
    label: str | None,
) -> None:
    """Draw metrics with intervals, the first at the top. shift: how far the marks are moved down, in rows."""
    for place, ((value, (low, high)), colour) in enumerate(zip(rows, colours, strict=True)):
        axes.plot((low, high), (place + shift, place + shift), color=colour, lw=2)
        axes.plot(value, place + shift, marker, color=colour, label=label if place == 0 else None)
        axes.annotate(
            f"{value:.3f}".removeprefix("0"),
            (value, place + shift),
            (0, -13 if shift > 0 else 7),
            textcoords="offset points",
            ha="center",
            fontsize=9,
        )


def _names(axes: Axes, names: list[str]) -> None:
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(names) - 0.5, -0.5)
