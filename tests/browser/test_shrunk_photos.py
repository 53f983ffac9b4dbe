"""Test that what the browser sends for a large photo gets the status of the whole file (docs/shrinking.md has 500)."""

from io import BytesIO
from itertools import product

import pandas as pd
import pytest
from PIL import Image

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from benchmarks.contenders import BUNDLE
from benchmarks.photos import CAMERA_SIZES, camera_file
from benchmarks.shrunk_photos import MOST_BYTES, compare, sent_photo
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.predictor import Predictor

pytestmark = pytest.mark.browser

CLEAR_CUT = ("melanoma-2", "nevus-2")  # both far from every threshold
SIZES = (CAMERA_SIZES[0], CAMERA_SIZES[-1])


def test_what_is_sent_of_a_large_photo_has_the_status_of_the_whole_file(browser, tmp_path):
    predictor = Predictor(load_bundle(BUNDLE))
    rows = []
    for name, size in product(CLEAR_CUT, SIZES):
        path = tmp_path / f"{name}-{size[0]}.jpg"
        path.write_bytes(camera_file(Image.open(EXAMPLES_FOLDER / EXAMPLES[name].file), size))
        sent = sent_photo(browser, path)
        assert Image.open(BytesIO(sent)).size == (768, 768)
        rows.append(compare(predictor, name, size, path.read_bytes(), sent))
    table = pd.DataFrame(rows)
    assert table["whole_status"].nunique() == len(CLEAR_CUT)
    assert table["sent_status"].tolist() == table["whole_status"].tolist()
    assert table["sent_bytes"].max() <= MOST_BYTES
    assert table["whole_bytes"].min() > MOST_BYTES  # so all were shrunk
    assert table["sent_probability"].to_numpy() == pytest.approx(
        table["whole_probability"].to_numpy(), abs=0.02
    )
