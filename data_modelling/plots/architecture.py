"""Draws a network's architecture: the image branch, the details branch and the head, with shapes and parameters."""

from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from data_modelling.plots.style import BLUE, GREEN, GREY, ORANGE


def draw_architecture(figure: Figure, metadata: dict[str, Any]) -> None:
    """Draw the layers of both branches and the head from left to right, with shapes and numbers of parameters."""
    axes = figure.subplots()
    axes.axis("off")
    image_layers, details_layers = (
        [layer for layer in metadata["layers"] if layer["branch"] == branch]
        for branch in ("image_branch", "details_branch")
    )
    blocks = _merge_layers(image_layers)
    last = len(blocks)
    _box(axes, 0, 1, "photo\n" + _shape([metadata["edge"]] * 2 + [3]), GREY)
    for place, (name, shape, parameters) in enumerate(blocks, 1):
        _arrow(axes, place - 1, 1, place, 1)
        _box(axes, place, 1, f"{name}\n{_shape(shape)}\n{parameters:,} par.", BLUE)
    _box(axes, 0, 0, f"details\n{metadata['details_width']}", GREY)
    for place, layer in enumerate(details_layers, 1):
        _arrow(axes, place - 1, 0, place, 0)
        _box(axes, place, 0, f"dense\n{_shape(layer['shape'])}\n{layer['parameters']:,} par.", ORANGE)
    _arrow(axes, last, 1, last + 1, 1)
    _box(axes, last + 1, 1, f"mean over\nthe map\n{blocks[-1][1][-1]}", GREEN)
    _arrow(axes, last + 1, 1, last + 2, 0.5)
    _arrow(axes, len(details_layers), 0, last + 2, 0.5)
    _box(axes, last + 2, 0.5, f"linear head\n+ details\n{len(metadata['classes'])} logits", GREEN)
    axes.set(xlim=(-0.6, last + 2.6), ylim=(-0.5, 1.5))
    axes.set_title(f"{metadata['name']}: {metadata['parameters']:,} parameters, trained from scratch")


def _merge_layers(layers: list[dict[str, Any]]) -> list[tuple[str, list[int], int]]:
    """Return name, output shape and number of parameters of the stem (layers before the blocks) and of each block."""
    blocks = [layer for layer in layers if layer["kind"].endswith("Block")]
    stem = [layer for layer in layers if not layer["kind"].endswith("Block")]
    merged_stem = ("stem", stem[-1]["shape"], sum(layer["parameters"] for layer in stem))
    return [
        merged_stem,
        *((layer["layer"].replace("_", "\n", 1), layer["shape"], layer["parameters"]) for layer in blocks),
    ]


def _shape(shape: list[int]) -> str:
    return " x ".join(map(str, shape))


def _box(axes: Axes, x: float, y: float, text: str, colour: str) -> None:
    style: dict[str, Any] = {
        "boxstyle": "round,pad=0.01,rounding_size=0.05",
        "fc": "white",
        "ec": colour,
        "lw": 2,
        "zorder": 2,
    }
    axes.add_patch(FancyBboxPatch((x - 0.4, y - 0.24), 0.8, 0.48, **style))
    axes.text(x, y, text, ha="center", va="center", fontsize=7.5, zorder=3)


def _arrow(axes: Axes, x0: float, y0: float, x1: float, y1: float) -> None:
    axes.annotate(
        "", (x1 - 0.4, y1), (x0 + 0.4, y0), arrowprops={"arrowstyle": "->", "color": GREY}, zorder=1
    )
