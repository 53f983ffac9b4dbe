"""The saved plots of a bundle, in one style that works for the colour-blind and in print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch
from numpy.typing import NDArray

from data_modelling.inference.files import replaced_when_whole

# Okabe and Ito's colours, told apart with any colour vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#595959"
STYLE = {
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "figure.dpi": 110,
    "savefig.bbox": "tight",
}
# Without the date and the version in it, the same figure gives the same file.
FILE_FACTS = {"Software": None}


def draw_all(folder: Path, metadata: dict[str, Any], values: dict[str, Any], history: dict[str, Any]) -> None:
    """Write confusion_matrix.png, learning_curves.png and architecture.png into `folder`."""
    out_of_fold = values["out_of_fold"]
    with _page(folder / "confusion_matrix.png", 12, 5.4) as figure:
        draw_confusion(figure, metadata["classes"], np.array(out_of_fold["photo"]["confusion"]))
    with _page(folder / "learning_curves.png", 10, 4) as figure:
        draw_learning_curves(figure, history)
    with _page(folder / "architecture.png", 11, 5.2) as figure:
        draw_architecture(figure, metadata)


@contextmanager
def _page(path: Path, width: float, height: float) -> Iterator[Figure]:
    """A figure (inches) that is saved to `path` when the block ends."""
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        yield figure
        with replaced_when_whole(path) as temporary:
            figure.savefig(temporary, format="png", metadata=FILE_FACTS)


def draw_confusion(figure: Figure, classes: list[str], matrix: NDArray[np.int64]) -> None:
    """Counts on the left, shares of each true class on the right."""
    shares = matrix / np.maximum(matrix.sum(axis=1, keepdims=True), 1)
    left, right = figure.subplots(1, 2)
    _matrix(left, classes, shares, [[str(n) for n in row] for row in matrix], "Photos")
    _matrix(right, classes, shares, [[f"{n:.0%}" for n in row] for row in shares], "Share of each true class")
    figure.suptitle(
        f"Out-of-fold decisions, photo alone: {matrix.trace():,} of {matrix.sum():,} photos right",
        x=0.01,
        ha="left",
    )


def _matrix(
    axes: Axes, classes: list[str], shares: NDArray[np.float64], texts: list[list[str]], title: str
) -> None:
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
    for row, line in enumerate(texts):
        for column, text in enumerate(line):
            colour = "white" if shares[row, column] > 0.55 else "black"
            axes.text(column, row, text, ha="center", va="center", color=colour, fontsize=10)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(title=title, xlabel="Decided", ylabel="True diagnosis")
    axes.spines[:].set_visible(False)


def draw_learning_curves(figure: Figure, history: dict[str, list[dict[str, float]]]) -> None:
    """Training loss on the left, macro AUC of the stopping photos on the right, a line a network."""
    left, right = figure.subplots(1, 2)
    styles = zip(("-", "--", ":", "-.", "-", "--"), (BLUE, ORANGE, GREEN, GREY, ORANGE, BLUE), strict=True)
    for (name, rows), (line, colour) in zip(sorted(history.items()), styles, strict=False):
        epochs = range(1, len(rows) + 1)
        label = "served model" if name == "served" else f"without {name.replace('fold', 'fold ')}"
        left.plot(epochs, [row["loss"] for row in rows], line, color=colour, label=label)
        right.plot(epochs, [row["stopping_macro_auc"] for row in rows], line, color=colour, label=label)
        best = int(np.argmax([row["smoothed_macro_auc"] for row in rows]))
        right.plot(best + 1, rows[best]["stopping_macro_auc"], "o", color=colour)
    left.set(title="Training loss", xlabel="Epoch", ylabel="Cross-entropy of what an epoch shows")
    right.set(title="Averaged weights on stopping photos", xlabel="Epoch", ylabel="Macro AUC, photo alone")
    right.legend(frameon=False, title="dot: the weights kept")


def draw_architecture(figure: Figure, metadata: dict[str, Any]) -> None:
    """The two branches from left to right, with output shape and parameters a layer, and the head."""
    axes = figure.subplots()
    axes.axis("off")
    rows = {
        branch: [row for row in metadata["layers"] if row["branch"] == branch]
        for branch in ("image_branch", "details_branch")
    }
    image = _merged(rows["image_branch"])
    step = 1.0
    _box(axes, 0, 1, "photo\n" + _shape([metadata["edge"]] * 2 + [3]), GREY)
    for place, (name, shape, parameters) in enumerate(image, 1):
        _arrow(axes, (place - 1) * step, 1, place * step, 1)
        _box(axes, place * step, 1, f"{name}\n{_shape(shape)}\n{parameters:,} par.", BLUE)
    last = len(image) * step
    _box(axes, 0, 0, f"details\n{metadata['details_width']}", GREY)
    details = rows["details_branch"]
    for place, row in enumerate(details, 1):
        _arrow(axes, (place - 1) * step, 0, place * step, 0)
        _box(axes, place * step, 0, f"dense\n{_shape(row['shape'])}\n{row['parameters']:,} par.", ORANGE)
    _arrow(axes, last, 1, last + step, 1)
    _box(axes, last + step, 1, f"mean over\nthe map\n{image[-1][1][-1]}", GREEN)
    _arrow(axes, last + step, 1, last + 2 * step, 0.5)
    _arrow(axes, len(details) * step, 0, last + 2 * step, 0.5)
    _box(axes, last + 2 * step, 0.5, f"linear head\n+ details\n{len(metadata['classes'])} logits", GREEN)
    axes.set(xlim=(-0.6, last + 2 * step + 0.6), ylim=(-0.5, 1.5))
    axes.set_title(f"{metadata['name']}: {metadata['parameters']:,} parameters, trained from scratch")


def _merged(rows: list[dict[str, Any]]) -> list[tuple[str, list[int], int]]:
    """The stem's layers as one, and each residual block."""
    blocks = [row for row in rows if row["kind"] == "ResidualBlock"]
    stem = [row for row in rows if row["kind"] != "ResidualBlock"]
    first = ("stem", stem[-1]["shape"], sum(row["parameters"] for row in stem))
    return [first, *((row["layer"].replace("_", "\n", 1), row["shape"], row["parameters"]) for row in blocks)]


def _shape(shape: list[int]) -> str:
    return " x ".join(map(str, shape))


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    patch = FancyBboxPatch(
        (x - 0.4, y - 0.24),
        0.8,
        0.48,
        boxstyle="round,pad=0.01,rounding_size=0.05",
        fc="white",
        ec=colour,
        lw=2,
        zorder=2,
    )
    axes.add_patch(patch)
    axes.text(x, y, text, ha="center", va="center", fontsize=7.5, zorder=3)


def _arrow(axes: Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    axes.annotate(
        "", (x1 - 0.4, y1), (x0 + 0.4, y0), arrowprops={"arrowstyle": "->", "color": GREY}, zorder=1
    )
