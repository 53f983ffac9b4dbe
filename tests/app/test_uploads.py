"""Whatever is sent, the real server answers it: with 200, or a 4xx and one clear sentence; soon, in bounded memory."""

import http.client
import json
import re
import tarfile
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from html import unescape
from urllib.parse import urlsplit

import pytest

from tests.app.test_memory_only import peak_megabytes
from tests.app.uploads import CONTENT_TYPE, body, made_uploads, part
from tests.conftest import skip_unless_ci
from tools.packages import PILLOW, NotFetched, fetched
from tools.serving import Served, served

API, PAGE = "/api/v1/predictions", "/"
SLOWEST = 5.0  # seconds
MOST_MEMORY = 600  # MB
IMAGES = 1_060  # files under Tests/images in the source package; with the folders there 1,086 entries


@pytest.fixture(scope="module")
def server(bundles, tmp_path_factory):
    with served(tmp_path_factory.mktemp("uploads") / "log", {"BUNDLES": str(bundles)}) as running:
        yield running


def ask(server: Served, path: str, content: bytes, content_type: str) -> tuple[int, float, str]:
    """Status, seconds and text of one post."""
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=60)
    try:
        started = time.perf_counter()
        connection.request("POST", path, content, {"Content-Type": content_type})
        response = connection.getresponse()
        text = response.read().decode()
        return response.status, time.perf_counter() - started, text
    finally:
        connection.close()


def sentences(path: str, text: str) -> list[str]:
    """What the answer says is wrong."""
    if path == API:
        return [error["message"] for error in json.loads(text)["errors"]]
    found = re.findall(r'<a href="#(?:photo|age|sex|site|dermatoscope)">([^<]+)</a>', text)
    return [unescape(one) for one in found or re.findall(r'<p class="lead">([^<]+)</p>', text)]


def is_clear(sentence: str) -> bool:
    """One sentence for people: no path, no braces, no class of an exception."""
    return bool(re.fullmatch(r"[A-Za-z][^\n{}\\]{8,299}[.]", sentence)) and "Error" not in sentence


def assert_answered(server: Served, path: str, name: str, content: bytes, content_type: str) -> int:
    status, seconds, text = ask(server, path, content, content_type)
    assert status == 200 or 400 <= status < 500, (name, path, status)
    assert seconds < SLOWEST, (name, path, seconds)
    if status != 200:
        assert len(sentences(path, text)) == 1, (name, text)
        assert is_clear(sentences(path, text)[0]), (name, text)
    assert "<script>alert" not in text
    return status


@pytest.mark.parametrize("path", [API, PAGE])
def test_made_uploads(server, path):
    made = list(made_uploads())
    assert len(made) >= 40
    found = {name: assert_answered(server, path, name, *sent) for name, _, *sent in made}
    assert found == {name: status for name, status, *_ in made}
    assert peak_megabytes(server) < MOST_MEMORY


@pytest.fixture(scope="module")
def pillow_images():
    """Pillow's own test images: crashes, bombs, broken ones and good ones, of every format that it knows."""
    try:
        path = fetched(PILLOW)
    except NotFetched as error:
        skip_unless_ci(str(error))
    with tarfile.open(path) as package:
        members = [one for one in package.getmembers() if "/Tests/images/" in one.name and one.isfile()]
        images = [(one.name, package.extractfile(one).read()) for one in members]
    assert len(images) == IMAGES
    return images


def post_all(server: Served, path: str, images: list[tuple[str, bytes]]) -> Counter[int]:
    """Statuses; two at a time, as many as are decoded at once."""
    with ThreadPoolExecutor(2) as pool:
        return Counter(
            pool.map(
                lambda image: assert_answered(
                    server, path, image[0], body(part("photo", image[1], "photo.jpg")), CONTENT_TYPE
                ),
                images,
            )
        )


def test_pillows_own_test_images_through_the_api(server, pillow_images):
    statuses = post_all(server, API, pillow_images)
    assert statuses.total() == IMAGES
    assert set(statuses) == {200, 415, 422}
    assert statuses[200] > 200
    assert peak_megabytes(server) < MOST_MEMORY


def test_pillows_own_test_images_through_the_page(server, pillow_images):
    assert set(post_all(server, PAGE, pillow_images)) == {200, 415, 422}
    assert peak_megabytes(server) < MOST_MEMORY
