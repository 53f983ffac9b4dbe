import itertools
from io import BytesIO

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_analysis import charts, thumbnails
from data_modelling.inference.diagnoses import TASKS

COUNTS = pd.DataFrame({"photos": [30, 10], "groups": [20, 10], "share": [0.75, 0.25]}, index=["NV", "MEL"])


def pixels(chart: charts.Chart) -> np.ndarray:
    return np.asarray(Image.open(BytesIO(chart.png)).convert("RGB"))


def has(chart: charts.Chart, colour: str) -> bool:
    rgb = [int(colour[i : i + 2], 16) for i in (1, 3, 5)]
    return bool((pixels(chart) == rgb).all(axis=2).any())


def test_a_chart_carries_the_data_that_it_shows():
    chart = charts.class_bars(COUNTS, "Title")
    assert chart.data["photos"] == {"NV": 30, "MEL": 10}
    assert charts.class_bars(COUNTS, "Title").png == chart.png


def test_cancer_is_orange_and_everything_else_is_not():
    both = charts.class_bars(COUNTS, "Title")
    assert has(both, charts.ORANGE)
    assert has(both, charts.BLUE)
    benign = charts.class_bars(COUNTS.loc[["NV"]], "Title")
    assert not has(benign, charts.ORANGE)


def test_every_class_of_every_task_has_a_name_and_a_colour():
    codes = {diagnosis.code for task in TASKS.values() for diagnosis in task}
    assert codes <= set(charts.DIAGNOSIS_NAMES)
    assert charts.class_colour("AK") != charts.class_colour("SCC") == charts.class_colour("AKIEC")
    assert charts.class_colour("all photos") == charts.GREY


def test_data_is_made_plain():
    table = pd.DataFrame({"a": [1.23456789, np.nan]}, index=pd.MultiIndex.from_tuples([("x", 1), ("y", 2)]))
    found = charts.plain_data({"t": table, "n": np.int64(3), "l": (np.float32(0.5), "s")})
    assert found == {"t": {"a": {"x / 1": 1.23457, "y / 2": None}}, "n": 3, "l": [0.5, "s"]}


def luminance(rgb: tuple[float, ...]) -> float:
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in rgb]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def test_text_on_a_heat_map_can_be_read_everywhere():
    for value in np.linspace(0, 1, 50):
        cell = luminance(charts.HEAT_COLOURS(value)[:3])
        ink = 1.0 if charts._text_colour(value) == "white" else 0.0
        contrast = (max(cell, ink) + 0.05) / (min(cell, ink) + 0.05)
        assert contrast >= 4.5  # WCAG 2.2, 1.4.3


def seen(colour: str, deficiency: str) -> np.ndarray:
    """A colour in CIELAB as somebody without red or green cones sees it (Machado et al. 2009, severity 1)."""
    matrices = {
        "protan": [
            [0.152286, 1.052583, -0.204868],
            [0.114503, 0.786281, 0.099216],
            [-0.003882, -0.048116, 1.051998],
        ],
        "deutan": [
            [0.367322, 0.860646, -0.227968],
            [0.280085, 0.672501, 0.047413],
            [-0.011820, 0.042940, 0.968881],
        ],
    }
    rgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(rgb <= 0.04045, rgb / 12.92, ((rgb + 0.055) / 1.055) ** 2.4)
    linear = np.clip(np.array(matrices[deficiency]) @ linear, 0, 1)
    to_xyz = [[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]
    x, y, z = np.cbrt(np.array(to_xyz) @ linear / (0.9505, 1, 1.089))
    return np.array([116 * y - 16, 500 * (x - y), 200 * (y - z)])


@pytest.mark.parametrize("deficiency", ["protan", "deutan"])
def test_the_colours_of_the_flags_differ_for_the_colour_blind(deficiency):
    colours = charts.FLAG_COLOURS.values()
    for one, other in itertools.combinations(colours, 2):
        assert np.linalg.norm(seen(one, deficiency) - seen(other, deficiency)) > 20


PHOTO = np.full((96, 96, 3), (10, 200, 30), np.uint8)


def test_a_sheet_shows_each_photo_pixel_by_pixel():
    chart = thumbnails.thumbnail_sheet(
        {"one": [PHOTO, PHOTO], "two": [PHOTO]}, "Title", ["Credit"], {"one": ["a", "b"]}
    )
    assert (pixels(chart) == PHOTO[0, 0]).all(axis=2).sum() == 3 * 96 * 96
    assert chart.data == {"one": ["a", "b"]}


def test_the_credit_stands_below_the_photos():
    with_credit, other = (
        pixels(thumbnails.thumbnail_sheet({"": [PHOTO]}, "", [text], None))
        for text in ("by somebody", "by nobody else")
    )
    last_photo_row = np.flatnonzero((with_credit == PHOTO[0, 0]).all(axis=2).any(axis=1)).max()
    changed = np.flatnonzero((with_credit != other).any(axis=(1, 2)))
    assert changed.min() > last_photo_row


def test_photos_too_large_or_without_credit_are_refused():
    with pytest.raises(ValueError, match="at most 96"):
        thumbnails.thumbnail_sheet({"": [np.zeros((97, 97, 3), np.uint8)]}, "", ["Credit"], None)
    with pytest.raises(ValueError, match="credit"):
        thumbnails.thumbnail_sheet({"": [PHOTO]}, "", [], None)
