import math
from dataclasses import replace

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter

from data_modelling.inference.checks.image_quality import (
    HINTS,
    QUALITY_CHECKS,
    MeasureThresholds,
    QualityMeasures,
    QualityThresholds,
    measure_quality,
)
from data_modelling.inference.errors import BundleError
from tests.data_modelling.photo_measures import USUAL

EDGE = 112
NEVER = QualityThresholds({check.measure: MeasureThresholds(None, None) for check in QUALITY_CHECKS})


def skin(seed: int = 1, size: int = 4 * EDGE) -> Image.Image:
    """Skin with its grain and a brown spot in the middle, drawn large so that it is sharp at EDGE."""
    grain = np.random.default_rng(seed).normal(0, 14, (size, size, 3))
    pixels = (np.array([205, 160, 150]) + grain).clip(0, 255).astype(np.uint8)
    photo = Image.fromarray(pixels)
    third = size // 3
    ImageDraw.Draw(photo).ellipse((third, third, size - third, size - third), fill=(110, 70, 55))
    return photo


def measured(photo: Image.Image) -> QualityMeasures:
    return measure_quality(np.asarray(photo.resize((EDGE, EDGE), Image.Resampling.BILINEAR)), photo.width)


def checks(**limits: MeasureThresholds) -> QualityThresholds:
    return QualityThresholds({**NEVER.limits, **limits})


def test_a_plane_of_one_colour_by_hand():
    measures = measure_quality(np.full((EDGE, EDGE, 3), (200, 100, 50), np.uint8), 300)
    # ITU-R 601: .299 * 200 + .587 * 100 + .114 * 50 = 124.2
    assert (measures.light, measures.middle, measures.contrast) == (124, 124, 0)
    assert (measures.overexposed, measures.flatness, measures.ink, measures.hair) == (0, 1, 0, 0)
    assert measures.sharpness == 0
    assert (measures.lesion_border, math.isnan(measures.lesion_area)) == (0, True)
    assert measures.source_edge == 300


def test_grey_levels_and_clipped_pixels_are_counted():
    photo = np.full((EDGE, EDGE, 3), 90, np.uint8)
    photo[:28] = (255, 90, 90)  # a quarter
    measures = measure_quality(photo, EDGE)
    assert measures.overexposed == 0.25
    assert measures.middle == 90
    assert measures.light == round(0.299 * 255 + 0.701 * 90)
    assert measures.contrast == measures.light - 90


def test_sharpness_of_a_slope_is_that_of_no_detail_at_all():
    slope = 2 * np.arange(EDGE, dtype=np.uint8)[None, :, None] + np.zeros((EDGE, 1, 3), np.uint8)
    measures = measure_quality(slope, EDGE)  # two grey levels a pixel, each square less 1/6 for rounding
    assert measures.sharpness == pytest.approx(math.log((4 - 1 / 6) / (64 - 1 / 6)))


@pytest.mark.parametrize("radius", [2, 4, 8])
def test_blur_takes_sharpness_and_leaves_light(radius):
    sharp, blurred = measured(skin()), measured(skin().filter(ImageFilter.GaussianBlur(4 * radius)))
    assert blurred.sharpness < sharp.sharpness - 0.3
    assert blurred.light == pytest.approx(sharp.light, abs=8)


def test_blur_in_either_direction_alone_counts():
    pixels = np.asarray(skin(), np.float64)
    for axis in (0, 1):
        sums = np.cumsum(pixels, axis=axis)
        moved = np.take(sums, range(40, 448), axis) - np.take(sums, range(408), axis)
        edge = Image.fromarray((moved / 40).astype(np.uint8)).resize((EDGE, EDGE))
        assert measure_quality(np.asarray(edge), EDGE).sharpness < measured(skin()).sharpness - 0.3


def test_jpeg_gives_colour_away(tmp_path):
    shares = []
    for quality in (90, 30, 10):
        skin(size=256).save(tmp_path / "photo.jpg", quality=quality)
        with Image.open(tmp_path / "photo.jpg") as photo:
            shares.append(measured(photo).flatness)
    assert shares[0] < shares[1] < shares[2]


def test_a_photo_without_colour_says_nothing_about_compression():
    assert measured(skin().convert("L").convert("RGB")).flatness == 0


def test_ink_beside_the_lesion_counts_and_a_blue_lesion_does_not():
    beside, within = skin(), skin()
    ImageDraw.Draw(beside).line((10, 40, 430, 40), fill=(60, 60, 190), width=16)
    ImageDraw.Draw(within).ellipse((170, 170, 280, 280), fill=(60, 60, 190))
    assert measured(skin()).ink == 0
    assert measured(beside).ink == pytest.approx(420 * 16 / 448**2, rel=0.1)
    assert measured(within).ink == 0


@pytest.mark.parametrize("angle", [0, 20, 45, 70, 90, 130])
def test_hairs_are_seen_in_every_direction(angle):
    photo = Image.new("RGB", (4 * EDGE, 4 * EDGE), (205, 160, 150))
    draw = ImageDraw.Draw(photo)
    down, right = math.sin(math.radians(angle)), math.cos(math.radians(angle))
    for off in (-60, 0, 60):
        x, y = 224 - off * down, 224 + off * right
        draw.line(
            (x - 200 * right, y - 200 * down, x + 200 * right, y + 200 * down), fill=(40, 25, 20), width=6
        )
    assert measured(photo).hair > 0.03


def test_neither_grain_nor_dots_are_hair():
    assert measured(skin()).hair == 0


@pytest.mark.parametrize(("radius", "area"), [(12, 0.01), (60, 0.06), (150, 0.35)])
def test_area_of_the_lesion(radius, area):
    photo = Image.new("RGB", (448, 448), (205, 160, 150))
    ImageDraw.Draw(photo).circle((224, 224), radius, fill=(110, 70, 55))
    measures = measured(photo)
    assert measures.lesion_area == pytest.approx(math.pi * radius**2 / 448**2, abs=0.02)
    assert measures.lesion_area == pytest.approx(area, abs=0.025)
    assert measures.lesion_border == 0


def test_a_lesion_that_leaves_the_square_reaches_its_border():
    photo = Image.new("RGB", (448, 448), (205, 160, 150))
    ImageDraw.Draw(photo).rectangle((0, 120, 330, 330), fill=(110, 70, 55))
    # Of the four sides' middle parts only the left one is reached, over 212 of its 448 * 18 / 28 pixels.
    assert measured(photo).lesion_border == pytest.approx(210 / 288 / 4, abs=0.05)


def test_dark_corners_are_no_lesion_that_is_cut_off():
    y, x = np.mgrid[-1:1:448j, -1:1:448j]
    light = np.clip(1.25 - 0.45 * (x**2 + y**2), 0, 1)[..., None]
    measures = measured(Image.fromarray((np.asarray(skin()) * light).astype(np.uint8)))
    assert measures.lesion_border == 0


@pytest.mark.parametrize("edge", [1, 2, 16, 32, 100, 128, 299])
@pytest.mark.parametrize("level", [0, 128, 255])
def test_any_edge_and_any_plain_photo_is_measured_without_a_warning(edge, level):
    measures = measure_quality(np.full((edge, edge, 3), level, np.uint8), edge)
    assert (measures.contrast, measures.middle) == (0, level)


@pytest.mark.parametrize(
    ("worse", "code"),
    [
        ({"source_edge": 15}, "photo_small"),
        ({"contrast": 4}, "photo_blank"),
        ({"sharpness": -2.8}, "photo_blurred"),
        ({"light": 40}, "photo_dark"),
        ({"middle": 250}, "photo_bright"),
        ({"overexposed": 0.9}, "photo_bright"),
    ],
)
def test_refusals(worse, code):
    thresholds = checks(
        source_edge=MeasureThresholds(16, None),
        contrast=MeasureThresholds(5, None),
        sharpness=MeasureThresholds(-2.7, -2.5),
        light=MeasureThresholds(50, 100),
        middle=MeasureThresholds(240, 230),
        overexposed=MeasureThresholds(0.5, 0.1),
    )
    assert thresholds.refusals(USUAL) == ()
    assert thresholds.refusals(replace(USUAL, **worse)) == (code,)
    assert thresholds.warnings(replace(USUAL, **worse)) == ()


def test_of_a_blank_photo_nothing_else_is_said():
    thresholds = checks(contrast=MeasureThresholds(5, None), light=MeasureThresholds(50, 100))
    assert thresholds.refusals(replace(USUAL, contrast=0, light=0)) == ("photo_blank",)


def test_warnings_in_their_order_each_once():
    thresholds = checks(
        light=MeasureThresholds(50, 100),
        middle=MeasureThresholds(None, 230),
        overexposed=MeasureThresholds(None, 0.1),
        hair=MeasureThresholds(None, 0.04),
    )
    bad = replace(USUAL, light=90, middle=240, overexposed=0.5, hair=0.1)
    assert thresholds.refusals(bad) == ()
    assert thresholds.warnings(bad) == ("dark", "bright", "hair")


def test_where_no_lesion_is_found_nothing_is_said_of_its_size():
    thresholds = checks(lesion_area=MeasureThresholds(None, 0.03))
    assert thresholds.warnings(replace(USUAL, lesion_area=0.02)) == ("lesion_small",)
    assert thresholds.warnings(replace(USUAL, lesion_area=math.nan)) == ()


def test_thresholds_come_back_from_the_metadata():
    thresholds = checks(light=MeasureThresholds(50.5, 100.0), hair=MeasureThresholds(None, 0.04))
    assert QualityThresholds.from_metadata({"quality": thresholds.as_json()}) == thresholds


@pytest.mark.parametrize(
    ("measure_name", "values"),
    [
        ("light", None),
        ("light", {"refuse": 1}),
        ("light", {"refuse": "1", "warn": None}),
        ("light", {"refuse": True, "warn": None}),
        ("light", {"refuse": math.nan, "warn": None}),
        ("hair", {"refuse": 1, "warn": None}),
    ],
)
def test_thresholds_that_are_none_are_refused(measure_name, values):
    with pytest.raises(BundleError, match=measure_name):
        QualityThresholds.from_metadata({"quality": NEVER.as_json() | {measure_name: values}})


def test_every_code_has_its_hint():
    assert {code for check in QUALITY_CHECKS for code in (check.refusal, check.warning) if code} == set(HINTS)
