"""The plots of the shortcut tests: their figures, and what was shown to the network."""

from collections.abc import Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import binary_erosion

from data_modelling.datasets import ham10000
from data_modelling.evaluation.style import BLUE, FILE_FACTS, GREEN, GREY, ORANGE
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.heatmap import enlarged

Pixels = NDArray[np.uint8]

VIEW_NAMES = {
    "intact": "photo as it is",
    "lesion_painted": "lesion painted over",
    "background_painted": "background painted over",
}
MAP_NAMES = {"map": "the class's map", "random": "random cells", "gaussian": "centred Gaussian"}
MAP_COLOURS = {"map": BLUE, "random": GREY, "gaussian": ORANGE}

THUMBNAIL = 96  # pixels: no more of another's photo is shown
# Pixels of the page of examples: between photos, around it, for a row's label, its captions, title, a line below.
PITCH, MARGIN, LABEL, CAPTION, HEAD, FOOT = 182, 12, 200, 24, 64, 18
DPI = 100
COLOURS = 256  # of the file: a page of thumbnails in full colour would be three times as large
CREDITS = {ham10000.FOLDER: ham10000.CREDIT}


@dataclass(frozen=True)
class Example:
    """One photo as the network saw it. views: intact, lesion painted, background painted, each (edge, edge, 3).

    decided: the class, whose probability in each view is `probabilities`. evidence: (rows, columns), what speaks
    for it. outline: (edge, edge).
    """

    image_id: str
    truth: str
    decided: str
    views: Sequence[Pixels]
    probabilities: Sequence[float]
    evidence: NDArray[np.float64]
    outline: NDArray[np.bool_]


def draw_shortcuts(figure: Figure, found: dict[str, Any]) -> None:
    """What is left when parts are painted over; where the map lies; how well it finds what the answer rests on."""
    views, inside, deletion = figure.subplots(1, 3)
    for name, colour, mark, shift in (("balanced_accuracy", BLUE, "o", -0.1), ("macro_auc", GREEN, "s", 0.1)):
        rows = [(found["views"][view][name], found["views"][view]["intervals"][name]) for view in VIEW_NAMES]
        _points(views, rows, [colour] * len(rows), mark, shift, name.replace("_", " ").replace("auc", "AUC"))
    for chance, colour in ((found["balanced_accuracy_by_chance"], BLUE), (0.5, GREEN)):
        views.axvline(chance, color=colour, lw=1, ls=":")
    _names(views, list(VIEW_NAMES.values()))
    views.set(xlim=(0, 1), title="Painted over", xlabel="dotted: by chance")
    views.legend(frameon=False, loc="upper center", bbox_to_anchor=(0.4, -0.2), ncols=2, fontsize=9)
    for axes, measure, title, label in (
        (
            inside,
            "inside",
            "Share of the map in the lesion",
            f"lesion's share of the photo: {found['lesion_share']:.2f}",
        ),
        (deletion, "deletion", "Area under the deletion curve", "smaller: finds what the answer rests on"),
    ):
        rows = [(found[measure][kind]["mean"], found[measure][kind]["interval"]) for kind in MAP_NAMES]
        _points(axes, rows, list(MAP_COLOURS.values()), "o", 0, None)
        _names(axes, list(MAP_NAMES.values()))
        axes.set(xlim=(0, 1), title=title, xlabel=label)
    inside.axvline(found["lesion_share"], color=GREY, lw=1, ls=":")
    figure.suptitle(
        f"Does it look at the lesion? {found['photos']:,} out-of-fold photos, photo alone, 95 % intervals",
        x=0.01,
        ha="left",
    )


def _points(
    axes: Axes,
    rows: list[tuple[float, list[float]]],
    colours: list[str],
    mark: str,
    shift: float,
    label: str | None,
) -> None:
    """Figures with their intervals, the first on top."""
    for place, ((value, (low, high)), colour) in enumerate(zip(rows, colours, strict=True)):
        axes.plot((low, high), (place + shift, place + shift), color=colour, lw=2)
        axes.plot(value, place + shift, mark, color=colour, label=label if place == 0 else None)
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


def draw_examples(path: Path, examples: Sequence[Example], sources: Sequence[str]) -> None:
    """A page with a row an example: its views and its map over the photo in grey, and the credit of the sources."""
    told = [line for source in sources for line in CREDITS.get(source, (f"Photos: {source}",))]
    width = LABEL + 4 * PITCH + MARGIN
    height = HEAD + len(examples) * (THUMBNAIL + CAPTION) + MARGIN + FOOT * (len(told) + 1)
    page = np.full((height, width, 3), 255, np.uint8)
    for row, example in enumerate(examples):
        top = HEAD + row * (THUMBNAIL + CAPTION)
        for column, picture in enumerate((*example.views, _overlay(example))):
            left = LABEL + column * PITCH
            page[top : top + THUMBNAIL, left : left + THUMBNAIL] = _thumbnail(picture)
    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    figure.figimage(page)
    _texts(figure, examples, told)
    file = BytesIO()
    figure.savefig(file, format="png", dpi=DPI, metadata=FILE_FACTS)
    with replaced_when_whole(path) as temporary:
        Image.open(file).convert("RGB").quantize(COLOURS).save(temporary, format="png", optimize=True)


def _overlay(example: Example) -> Pixels:
    """The photo in grey under what speaks for the class, as bright as its largest cell; the outline in white."""
    photo = example.views[0]
    evidence = np.maximum(enlarged(example.evidence, len(photo)), 0)
    if evidence.any():
        evidence = evidence / evidence.max()
    colours = mpl.colormaps["magma"](evidence)[..., :3] * 255
    mixed = 0.4 * photo.mean(axis=2, keepdims=True) + 0.6 * colours
    line = example.outline & ~binary_erosion(example.outline)
    return np.where(line[..., None], 255, mixed).astype(np.uint8)


def _thumbnail(picture: Pixels) -> Pixels:
    return np.asarray(Image.fromarray(picture).resize((THUMBNAIL, THUMBNAIL), Image.Resampling.BILINEAR))


def _texts(figure: Figure, examples: Sequence[Example], told: Sequence[str]) -> None:
    width, height = figure.get_size_inches() * DPI

    def write(text: str, left: float, top: float, **options: Any) -> None:
        figure.text(left / width, 1 - top / height, text, **({"fontsize": 9, "va": "center"} | options))

    write("The first photo by id of each class, as the network sees it", MARGIN, 18, fontsize=12)
    for column, title in enumerate((*VIEW_NAMES.values(), "what speaks for the class")):
        write(title, LABEL + column * PITCH, HEAD - 12)
    for row, example in enumerate(examples):
        top = HEAD + row * (THUMBNAIL + CAPTION)
        said = f"{example.image_id}\n{example.truth}, decided {example.decided}"
        write(said, MARGIN, top + THUMBNAIL / 2)
        for column, probability in enumerate(example.probabilities):
            write(
                f"{example.decided}: {probability:.2f}",
                LABEL + column * PITCH,
                top + THUMBNAIL + 10,
                fontsize=8,
            )
    below = height - MARGIN - FOOT * (len(told) + 0.5)
    write(
        "Below each: probability of the class decided for the photo as it is. White: the lesion's outline.",
        MARGIN,
        below,
        fontsize=8,
    )
    for line, credit in enumerate(told, 1):
        write(credit, MARGIN, below + line * FOOT, fontsize=8, color=GREY)
