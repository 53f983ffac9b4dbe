from io import BytesIO

import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.photo.jpeg_markers import (
    count_scans,
    load_jpeg,
    open_jpeg,
    precision,
    set_colours,
)

Y, X = np.mgrid[:90, :120]
PICTURE = Image.fromarray(np.stack([X * 2, Y * 2, (X * Y) % 256], axis=-1).astype(np.uint8))


def jpeg(**options) -> bytes:
    file = BytesIO()
    PICTURE.save(file, "JPEG", **options)
    return file.getvalue()


@pytest.mark.parametrize("options", [{}, {"progressive": True}, {"restart_marker_rows": 1}])
def test_a_file_without_its_end_is_refused(options):
    data = jpeg(**options)
    assert np.array_equal(np.asarray(load_jpeg(open_jpeg(data), data)), np.asarray(open_jpeg(data)))
    for end in (-1, -2, -12, -400):
        with pytest.raises(ValueError, match="the end of the file is missing"):
            load_jpeg(open_jpeg(data[:end]), data[:end])


def test_facts_of_a_file():
    assert (count_scans(jpeg()), precision(jpeg()), precision(b"\xff\xd8")) == (1, 8, 0)
    assert count_scans(jpeg(progressive=True)) == 10


def test_colours_are_read_as_they_are_set():
    data = jpeg(subsampling=0, quality=95)
    ybr = open_jpeg(data)
    ybr.draft("YCbCr", ybr.size)
    as_rgb = np.asarray(open_jpeg(set_colours(data, are_rgb=True)))
    assert np.array_equal(as_rgb, np.frombuffer(ybr.tobytes(), np.uint8).reshape(as_rgb.shape))
    assert np.array_equal(
        np.asarray(open_jpeg(set_colours(data, are_rgb=False))), np.asarray(open_jpeg(data))
    )
    again = set_colours(set_colours(data, are_rgb=True), are_rgb=False)
    assert np.array_equal(np.asarray(open_jpeg(again)), np.asarray(open_jpeg(data)))
    assert again.count(b"Adobe") == 1
    assert b"JFIF" not in again
