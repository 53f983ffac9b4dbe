"""Draw the plot of the shortcut tests."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from data_modelling.plots.style import BLUE, GREEN, GREY, ORANGE

VIEW_NAMES = {
    "intact": "photo as it is",
    "lesion_painted": "lesion painted over",
    "background_painted": "background painted over",
}
MAP_NAMES = {"map": "the class's map", "random": "random cells", "gaussian": "centred Gaussian"}
MAP_COLOURS = {"map": BLUE, "random": GREY, "gaussian": ORANGE}


def draw_shortcuts(figure: Figure, shortcuts: dict[str, Any]) -> None:
    """Draw the metrics of painted photos, the share of the map in the lesion, and the area under the deletion curve.

    shortcuts: the `shortcuts` of metrics.json.
    """
    views, inside, deletion = figure.subplots(1, 3)
    for name, colour, marker, shift in (
        ("balanced_accuracy", BLUE, "o", -0.1),
        ("macro_auc", GREEN, "s", 0.1),
    ):
        of_views = [shortcuts["views"][view] for view in VIEW_NAMES]
        rows = [(view[name], view["intervals"][name]) for view in of_views]
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
        (deletion, "deletion", "Area under the deletion curve", "smaller: finds what the answer rests on"),
    ):
        of_maps = [shortcuts[measure][kind] for kind in MAP_NAMES]
        rows = [(of_map["mean"], of_map["interval"]) for of_map in of_maps]
        _draw_intervals(axes, rows, list(MAP_COLOURS.values()), "o", 0, None)
        _names(axes, list(MAP_NAMES.values()))
        axes.set(xlim=(0, 1), title=title, xlabel=label)
    inside.axvline(shortcuts["lesion_share"], color=GREY, lw=1, ls=":")
    figure.suptitle(
        f"Does it look at the lesion? {shortcuts['photos']:,} out-of-fold photos, photo alone, 95 % intervals",
        x=0.01,
        ha="left",
    )


def _draw_intervals(
    axes: Axes,
    rows: list[tuple[float, list[float]]],
    colours: list[str],
    marker: str,
    shift: float,
    label: str | None,
) -> None:
    """Draw metrics with their intervals, the first on top."""
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
