"""A visit of twelve large photos on the real server."""

import http.client
from io import BytesIO
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from werkzeug.datastructures import MultiDict
from werkzeug.test import encode_multipart

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER
from app.settings import MEGABYTE
from tests.app.conftest import upload
from tests.app.server.test_memory_only import TIMEOUT, peak_megabytes
from tools.serving import ROOT, run_app

PHOTOS = 12
SIZE = (4000, 3000)  # pixels: twelve megapixels


@pytest.fixture
def large() -> bytes:
    """Under five MB, as a phone writes it: an example photo, enlarged, with some noise."""
    rng = np.random.default_rng(12)
    smooth = Image.open(EXAMPLES_FOLDER / EXAMPLES["nevus"].file).resize(SIZE, Image.Resampling.BICUBIC)
    noise = rng.normal(0, 9, (SIZE[1], SIZE[0], 1))
    file = BytesIO()
    pixels = np.clip(np.asarray(smooth) + noise, 0, 255).astype(np.uint8)
    Image.fromarray(pixels).save(file, "JPEG", quality=90)
    assert 2 * MEGABYTE < file.tell() < 5 * MEGABYTE
    return file.getvalue()


def test_twelve_photos_of_twelve_megapixels_stay_under_600_mb(large, tmp_path):
    fields = MultiDict({"photo": [upload(large) for _ in range(PHOTOS)], "age": "50"})
    boundary, body = encode_multipart(fields)
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    with run_app(tmp_path / "log", {"BUNDLES": str(ROOT / "DATA" / "models")}) as running:
        connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=TIMEOUT)
        connection.request("POST", "/visit", body, headers)
        response = connection.getresponse()
        text = response.read().decode()
        connection.close()
        assert response.status == 200, text[:500]
        assert text.count('<li class="spot') == PHOTOS
        assert peak_megabytes(running) < 600
