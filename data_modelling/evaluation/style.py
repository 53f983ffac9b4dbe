"""One style for all plots, that works for the colour-blind and in print."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure
from PIL import Image

from data_modelling.inference.files import replaced_when_whole

# Okabe and Ito's colours, told apart with any colour vision.
BLUE, ORANGE, GREEN, GREY = "#0072B2", "#E69F00", "#009E73", "#595959"
LIGHT = "#bbbbbb"  # of lines that only guide the eye
SEVEN = (ORANGE, "#000000", BLUE, GREEN, "#D55E00", "#CC79A7", "#56B4E9")
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


@contextmanager
def page(path: Path, width: float, height: float, colours: int | None = None) -> Iterator[Figure]:
    """A figure (inches) that is saved to `path` when the block ends.

    colours: how many the file may have, which makes that of a drawing less than half as large; None for photos.
    """
    with mpl.rc_context(STYLE):
        figure = Figure((width, height), layout="constrained")
        yield figure
        with replaced_when_whole(path) as temporary:
            figure.savefig(temporary, format="png", metadata=FILE_FACTS)
            if colours is not None:
                with Image.open(temporary) as drawn:
                    # The default method would lose the colour of a thin line.
                    few = drawn.convert("RGB").quantize(colours, Image.Quantize.MAXCOVERAGE)
                    few.save(temporary, format="png", optimize=True)
