import random
from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.photo.jpeg_markers import (
    count_scans,
    load_jpeg,
    load_jpeg_in_colours,
    open_jpeg,
    precision,
    with_end,
)
from tests.dicom_files import set_colours

Y, X = np.mgrid[:90, :120]
PICTURE = Image.fromarray(np.stack([X * 2, Y * 2, (X * Y) % 256], axis=-1).astype(np.uint8))


def jpeg(**options) -> bytes:
    file = BytesIO()
    PICTURE.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"subsampling": 0, "quality": 95}])
def test_a_missing_end_marker_changes_no_pixel(options):
    data = jpeg(**options)
    expected = np.asarray(open_jpeg(data))
    for cut in (data[:-2], data[:-1]):
        assert with_end(cut) == data
        assert np.array_equal(np.asarray(load_jpeg(open_jpeg(cut), cut)), expected)


def test_a_missing_part_after_a_restart_marker_is_noticed():
    data = jpeg(restart_marker_rows=1, quality=60)
    places = [
        place for place in range(len(data) - 1) if data[place] == 0xFF and 0xD0 <= data[place + 1] <= 0xD7
    ]
    assert len(places) == 5  # between the six rows of 16 x 16 pixels
    for end in (places[0], places[2], places[2] + 1, places[-1], places[-1] + 2):
        with pytest.raises(ValueError, match="more than the end is missing"):
            with_end(data[:end])
    assert with_end(data[:-2]) == data


@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_more_than_the_end_missing_stays_an_error(options):
    data = jpeg(**options)
    start = data.index(b"\xff\xda")
    draw = random.Random(0)
    for end in [draw.randrange(start + 20, len(data) - 12) for _ in range(40)]:
        with pytest.raises(ValueError, match="more than the end is missing"):
            with_end(data[:end])


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"quality": 95, "subsampling": 0}])
def test_the_last_bytes_of_the_pixels_are_missed(options):
    data = jpeg(**options)
    for missing in range(2, 12):  # beside the end marker
        with pytest.raises(ValueError, match="more than the end is missing"):
            with_end(data[: -2 - missing])


@pytest.mark.parametrize("padding", [bytes(1), bytes(9), bytes(5000), b"\xff", b"\xff" * 7])
@pytest.mark.parametrize("options", [{}, {"progressive": True}])
def test_what_fills_a_file_up_is_no_picture(options, padding):
    data = jpeg(**options)
    complete = data[:-2] + padding
    assert np.array_equal(np.asarray(load_jpeg(open_jpeg(complete), complete)), np.asarray(open_jpeg(data)))
    for end in (len(data) // 2, len(data) - 40):
        cut = data[:end] + padding
        with pytest.raises(ValueError, match="more than the end is missing"):
            load_jpeg(open_jpeg(cut), cut)


def test_a_scan_that_is_missing_whole_is_noticed():
    data = jpeg(progressive=True)
    assert count_scans(data) == 10
    with pytest.raises(ValueError, match="more than the end is missing"):
        with_end(data[: data.rindex(b"\xff\xda")])


def test_a_whole_file_stays_as_it_is():
    assert with_end(jpeg()) == jpeg()


def test_facts_of_a_file():
    assert (count_scans(jpeg()), precision(jpeg()), precision(b"\xff\xd8")) == (1, 8, 0)


def test_colours_that_the_file_does_not_declare_are_the_default():
    data = jpeg(subsampling=0, quality=95)
    ybr = open_jpeg(data)
    ybr.draft("YCbCr", ybr.size)
    declared = set_colours(data, are_rgb=False)
    bare = declared[:2] + declared[18:]
    as_rgb = np.asarray(load_jpeg_in_colours(bare, default_is_rgb=True))
    assert np.array_equal(as_rgb, np.frombuffer(ybr.tobytes(), np.uint8).reshape(as_rgb.shape))
    as_ybr = np.asarray(load_jpeg_in_colours(bare, default_is_rgb=False))
    assert np.array_equal(as_ybr, np.asarray(open_jpeg(data)))
    for default in (False, True):
        for file in (data, declared):
            assert np.array_equal(np.asarray(load_jpeg_in_colours(file, default)), as_ybr)
        as_declared = load_jpeg_in_colours(set_colours(data, are_rgb=True), default)
        assert np.array_equal(np.asarray(as_declared), as_rgb)
