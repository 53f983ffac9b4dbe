"""Heat maps as pictures that lie over the photo: more opaque and brighter where more speaks for a class."""

import base64
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.heatmap import Heatmap

EDGE = 112  # pixels; browsers smooth it further
LEVELS = 64  # steps of colour, few enough for a picture of two or three kB
# Dark blue to yellow through magenta, after matplotlib's "plasma": seen on light and on dark skin, in print, and
# by the colour-blind, since lightness alone tells more from less.
RAMP = ((13, 8, 135), (126, 3, 168), (204, 71, 120), (248, 149, 64), (240, 249, 33))
CLEAR_BELOW = 0.12  # of the scale: less than this is not shown
MOST_OPAQUE = 0.9


def overlays(heatmap: Heatmap) -> dict[str, str]:
    """A data: URL of a PNG for each class that anything speaks for; all are on one scale, that of the strongest."""
    evidence = {code: np.array(one.evidence) for code, one in heatmap.classes.items()}
    strongest = max(float(cells.max()) for cells in evidence.values())
    return {code: _data_url(cells / strongest) for code, cells in evidence.items() if cells.any()}


def _data_url(shares: NDArray[np.float64]) -> str:
    png = BytesIO()
    _picture(shares).save(png, "PNG", transparency=_alphas(), optimize=True)
    return "data:image/png;base64," + base64.b64encode(png.getvalue()).decode("ascii")


def _picture(shares: NDArray[np.float64]) -> Image.Image:
    """Shares (rows, columns) of the scale as a picture of LEVELS colours."""
    smooth = Image.fromarray(shares.astype(np.float32)).resize((EDGE, EDGE), Image.Resampling.BICUBIC)
    levels = np.clip(np.asarray(smooth) * (LEVELS - 1), 0, LEVELS - 1)
    picture = Image.fromarray(levels.round().astype(np.uint8), "P")
    picture.putpalette(_colours().tobytes())
    return picture


def _colours() -> NDArray[np.uint8]:
    """The ramp at each level, (LEVELS, 3)."""
    at = np.linspace(0, 1, LEVELS)
    stops = np.linspace(0, 1, len(RAMP))
    return np.stack([np.interp(at, stops, channel) for channel in zip(*RAMP, strict=True)], 1).astype(
        np.uint8
    )


def _alphas() -> bytes:
    """The opacity of each level."""
    at = np.linspace(0, 1, LEVELS)
    alpha = np.clip((at - CLEAR_BELOW) / (1 - CLEAR_BELOW), 0, 1) ** 0.6 * MOST_OPAQUE
    return bytes((alpha * 255).astype(np.uint8))
