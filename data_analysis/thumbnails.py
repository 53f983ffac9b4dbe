"""Draw sheets of thumbnails: each photo at most 96 pixels wide, pixel by pixel, with the credit below."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import NDArray

from data_analysis.charts import Chart, save_chart
from data_modelling.inference.photo.reader import read_photo

LARGEST = 96  # pixels; larger ones may not be committed (see DATA/README.md)
# Pixels between photos, of a row's label, of the title, of a line of credit.
GAP, LABEL, HEAD, FOOT = 6, 240, 34, 20
DPI = 100

Pixels = NDArray[np.uint8]


def read_thumbnails(paths: Iterable[str], edge: int = LARGEST) -> list[Pixels]:
    """Return the photos as the network's own reader sees them, `edge` pixels wide."""
    if edge > LARGEST:
        raise ValueError(f"a thumbnail may have at most {LARGEST} pixels, not {edge}")
    return [read_photo(Path(path).read_bytes(), edge) for path in paths]


def thumbnail_sheet(
    rows: Mapping[str, Sequence[Pixels]], title: str, credit: Sequence[str], contents: object
) -> Chart:
    """Draw rows of square photos of one size, each with a label.

    credit: lines. contents: what the photos are.
    """
    photos = [photo for row in rows.values() for photo in row]
    edge = max(len(photo) for photo in photos)
    if edge > LARGEST:
        raise ValueError(f"a thumbnail may have at most {LARGEST} pixels, not {edge}")
    if not credit:
        raise ValueError("photos are shown with their credit only")
    width = LABEL + max(len(row) for row in rows.values()) * (edge + GAP)
    height = HEAD + len(rows) * (edge + GAP) + FOOT * len(credit) + GAP
    page = np.full((height, width, 3), 255, np.uint8)
    for number, row in enumerate(rows.values()):
        top = HEAD + number * (edge + GAP)
        for column, photo in enumerate(row):
            left = LABEL + column * (edge + GAP)
            page[top : top + edge, left : left + edge] = photo
    figure = Figure((width / DPI, height / DPI), dpi=DPI)
    figure.figimage(page)
    texts: list[tuple[str, float, dict[str, Any]]] = [(title, 4, {"va": "top", "fontsize": 12})]
    for number, label in enumerate(rows):
        middle = HEAD + number * (edge + GAP) + edge / 2
        texts.append((label, middle, {"va": "center", "fontsize": 10}))
    for line, text in enumerate(credit):
        middle = height - (len(credit) - line - 0.5) * FOOT - 2
        texts.append((text, middle, {"va": "center", "fontsize": 8, "color": "#404040"}))
    for text, below, style in texts:
        figure.text(4 / width, 1 - below / height, text, style)
    return save_chart(figure, contents, dpi=DPI)
