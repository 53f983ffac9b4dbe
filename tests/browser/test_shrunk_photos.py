"""Test that what the browser sends for a large photo gets the status of the whole file (docs/shrinking.md has 500)."""

from io import BytesIO
from itertools import product

import pytest
from PIL import Image

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from benchmarks.compared_statuses import compare, lenient_predictor
from benchmarks.contenders import BUNDLE
from benchmarks.photos import CAMERA_SIZES, camera_file
from benchmarks.shrinking_page import MOST_BYTES
from benchmarks.shrunk_photos import sent_photo
from data_modelling.inference.bundle import load_bundle

pytestmark = pytest.mark.browser

CLEAR_CUT = ("melanoma-2", "nevus-2")  # both far from every threshold
SIZES = (CAMERA_SIZES[0], CAMERA_SIZES[-1])


def test_what_is_sent_of_a_large_photo_has_the_status_of_the_whole_file(browser, tmp_path):
    predictor = lenient_predictor(load_bundle(BUNDLE))
    rows = []
    for name, size in product(CLEAR_CUT, SIZES):
        path = tmp_path / f"{name}-{size[0]}.jpg"
        path.write_bytes(camera_file(Image.open(EXAMPLES_FOLDER / EXAMPLES[name].file), size))
        sent = sent_photo(browser, path)
        assert Image.open(BytesIO(sent)).size == (1024, 1024)
        rows.append(compare(predictor, name, size, path.read_bytes(), sent))
    assert len({row.whole_status for row in rows}) == len(CLEAR_CUT)
    assert [row for row in rows if row.has_changed] == []
    assert [row.sent_bytes for row in rows if row.sent_bytes > MOST_BYTES] == []
    assert [row.whole_bytes for row in rows if row.whole_bytes <= MOST_BYTES] == []  # so all were shrunk
    changes = [row.sent_probability - row.whole_probability for row in rows]
    assert changes == pytest.approx([0] * len(rows), abs=0.02)
