"""Draw sheets of thumbnails (photos scaled to at most 96 pixels) with the credit of their authors."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data_analysis.charts import Chart, save_chart
from data_modelling.inference.photo.reader import read_photo

LARGEST = 96  # pixels; larger photos must not be committed (see DATA/README.md)
# In pixels: the gap between photos, the width of the labels, the heights of the title and of a line of credit.
GAP, LABEL, HEAD, FOOT = 6, 240, 34, 20
DPI = 100

Pixels = NDArray[np.uint8]


def read_thumbnails(paths: Iterable[str]) -> list[Pixels]:
    """Return the photos as the photo reader gives them to the network, but LARGEST pixels wide."""
    return [read_photo(Path(path).read_bytes(), LARGEST) for path in paths]


def thumbnail_sheet(
    rows: Mapping[str, Sequence[Pixels]], title: str, credit: Sequence[str], contents: object
) -> Chart:
    """Draw rows of square photos of one size, each row with a label. contents: the data of the Chart.

    Raises ValueError if the photos are wider than LARGEST pixels, or if `credit` is empty.
    """
    photos = [photo for row in rows.values() for photo in row]
    edge = max(len(photo) for photo in photos)
    if edge > LARGEST:
        raise ValueError(f"a thumbnail may have at most {LARGEST} pixels, not {edge}")
    if not credit:
        raise ValueError("photos may be shown only with their credit")
    width = LABEL + max(len(row) for row in rows.values()) * (edge + GAP)
    height = HEAD + len(rows) * (edge + GAP) + FOOT * len(credit) + GAP
    figure = Figure((width / DPI, height / DPI), dpi=DPI)

    def write(text: str, below: float, size: float, **style: Any) -> None:
        figure.text(4 / width, 1 - below / height, text, fontsize=size, **style)

    write(title, 4, 12, va="top")
    for number, (label, row) in enumerate(rows.items()):
        top = HEAD + number * (edge + GAP)
        write(label, top + edge / 2, 10, va="center")
        for column, photo in enumerate(row):
            figure.figimage(photo, LABEL + column * (edge + GAP), height - top - edge)
    for line, text in enumerate(credit):
        write(text, height - (len(credit) - line - 0.5) * FOOT - 2, 8, va="center", color="#404040")
    return save_chart(figure, contents, dpi=DPI)
