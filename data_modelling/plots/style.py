"""Defines the style of all plots, which works for colour-blind readers and in print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from data_modelling.inference.files.atomic_files import atomic_write

if TYPE_CHECKING:
    from matplotlib.typing import RcKeyType

# The colours of Okabe and Ito, which people with any colour vision can tell apart.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#595959"
LIGHT_GREY = "#bbbbbb"  # the colour of reference lines
CLASS_COLOURS = (ORANGE, "#000000", BLUE, GREEN, "#D55E00", "#CC79A7", "#56B4E9")
STYLE: "dict[RcKeyType, Any]" = {
    "font.size": 11,
    "axes.titlesize": 13,
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.grid": False,
    "figure.dpi": 110,
    "savefig.bbox": "tight",
}
COLOURS = 128  # number of colours in a plot's file; the file is less than half as large as with all colours
# Leaves out Matplotlib's version, so that the same figure always gives the same file.
PNG_METADATA = {"Software": None}


@contextmanager
def saved_figure(path: Path, width: float, height: float) -> Iterator[Figure]:
    """Yield a figure that is saved to `path` when the `with` block ends. width, height: in inches."""
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        yield figure
        with atomic_write(path) as temporary:
            figure.savefig(temporary, format="png", metadata=PNG_METADATA)
            with Image.open(temporary) as drawn:
                # The default method loses the colour of a thin line.
                reduced = drawn.convert("RGB").quantize(COLOURS, Image.Quantize.MAXCOVERAGE)
                reduced.save(temporary, format="png", optimize=True)
