"""Draws heat maps as images that lie over the photo. A place that speaks strongly for a class is opaque and bright."""

import base64
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.explanation.heat_map import DIGITS, class_evidence

Floats = NDArray[np.float64]

OVERLAY_EDGE = 112  # width and height of an overlay in pixels; browsers smooth it further
COLOUR_LEVELS = 64  # steps of colour, few enough for an image of two or three kB
# Colours from dark blue to yellow, as in matplotlib's "plasma". They are visible on light and dark skin and in print.
# Colour-blind readers can read them, because stronger evidence has a lighter colour.
RAMP = ((13, 8, 135), (126, 3, 168), (204, 71, 120), (248, 149, 64), (240, 249, 33))
CLEAR_BELOW = 0.12  # share of the strongest evidence; nothing is drawn below this share
MOST_OPAQUE = 0.9  # opacity of the strongest evidence

LEVELS = np.linspace(0, 1, COLOUR_LEVELS)
PALETTE = np.stack(
    [np.interp(LEVELS, np.linspace(0, 1, len(RAMP)), channel) for channel in zip(*RAMP, strict=True)], 1
).astype(np.uint8)
OPACITIES = np.clip((LEVELS - CLEAR_BELOW) / (1 - CLEAR_BELOW), 0, 1) ** 0.6 * MOST_OPAQUE


def evidence_by_class(heatmap: dict[str, Any]) -> dict[str, Floats]:
    """Return the evidence (rows, columns) for each class of a heat map (see class_evidence)."""
    cells = np.array([class_map["cells"] for class_map in heatmap["classes"].values()])
    return dict(zip(heatmap["classes"], class_evidence(cells).round(DIGITS), strict=True))


def heat_map_overlays(evidence: dict[str, Floats]) -> dict[str, str]:
    """Return a PNG (`data:` URL) for each class with evidence. All use the same scale, up to the strongest evidence."""
    strongest = max(float(cells.max()) for cells in evidence.values())
    return {code: _overlay(cells / strongest) for code, cells in evidence.items() if cells.any()}


def _overlay(shares: Floats) -> str:
    """Return an overlay as a `data:` URL. shares: the evidence (rows, columns) divided by the strongest evidence."""
    smooth = Image.fromarray(shares.astype(np.float32)).resize(
        (OVERLAY_EDGE, OVERLAY_EDGE), Image.Resampling.BICUBIC
    )
    levels = np.clip(np.asarray(smooth) * (COLOUR_LEVELS - 1), 0, COLOUR_LEVELS - 1)
    image = Image.fromarray(levels.round().astype(np.uint8), "P")
    image.putpalette(PALETTE.tobytes())
    return data_url(image, "PNG", transparency=bytes((OPACITIES * 255).astype(np.uint8)), optimize=True)


def data_url(image: Image.Image, form: str, **options: Any) -> str:
    """Return an image as a `data:` URL. form: the format of the file, such as "PNG". options: see Image.save."""
    file = BytesIO()
    image.save(file, form, **options)
    return f"data:image/{form.lower()};base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
