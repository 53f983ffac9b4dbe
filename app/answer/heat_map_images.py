"""Heat maps as images that lie over the photo: the stronger the evidence for a class, the more opaque and bright."""

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.explanation.heat_map import Heatmap

OVERLAY_EDGE = 112  # pixels; browsers smooth it further
COLOUR_LEVELS = 64  # steps of colour, few enough for an image of two or three kB
# Dark blue, magenta, yellow, as in matplotlib's "plasma". It is visible on light and dark skin and in print, and
# colour-blind readers can read it, because the lightness alone shows the order.
RAMP = ((13, 8, 135), (126, 3, 168), (204, 71, 120), (248, 149, 64), (240, 249, 33))
CLEAR_BELOW = 0.12  # share of the scale below which nothing is drawn
MOST_OPAQUE = 0.9  # opacity at the top of the scale


def heat_map_overlays(heatmap: Heatmap) -> dict[str, str]:
    """Return a data: URL of a PNG for each class with evidence; all share the scale of the strongest evidence."""
    evidence = {code: np.array(class_map.evidence) for code, class_map in heatmap.classes.items()}
    strongest = max(float(cells.max()) for cells in evidence.values())
    return {code: _data_url(cells / strongest) for code, cells in evidence.items() if cells.any()}


def _data_url(shares: NDArray[np.float64]) -> str:
    png = BytesIO()
    _image(shares).save(png, "PNG", transparency=_alphas(), optimize=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")


def _image(shares: NDArray[np.float64]) -> Image.Image:
    """Return an image of COLOUR_LEVELS colours. shares: places on the scale, 0-1, (rows, columns)."""
    smooth = Image.fromarray(shares.astype(np.float32)).resize(
        (OVERLAY_EDGE, OVERLAY_EDGE), Image.Resampling.BICUBIC
    )
    levels = np.clip(np.asarray(smooth) * (COLOUR_LEVELS - 1), 0, COLOUR_LEVELS - 1)
    image = Image.fromarray(levels.round().astype(np.uint8), "P")
    image.putpalette(_colours().tobytes())
    return image


def _colours() -> NDArray[np.uint8]:
    """Return the colour of each level, (COLOUR_LEVELS, 3)."""
    levels = np.linspace(0, 1, COLOUR_LEVELS)
    stops = np.linspace(0, 1, len(RAMP))
    channels = [np.interp(levels, stops, channel) for channel in zip(*RAMP, strict=True)]
    return np.stack(channels, 1).astype(np.uint8)


def _alphas() -> bytes:
    """Return the opacity (0-255) of each level."""
    levels = np.linspace(0, 1, COLOUR_LEVELS)
    alpha = np.clip((levels - CLEAR_BELOW) / (1 - CLEAR_BELOW), 0, 1) ** 0.6 * MOST_OPAQUE
    return bytes((alpha * 255).astype(np.uint8))
