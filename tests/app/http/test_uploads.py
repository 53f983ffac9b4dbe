"""Test that the real server answers any upload soon and in bounded memory: with 200, or a 4xx and one clear sentence."""

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
from werkzeug.sansio.multipart import MultipartDecoder

from app.http.uploads import TolerantDecoder
from tests.app.server.test_memory_only import peak_megabytes
from tests.app.uploads import CONTENT_TYPE, body, made_uploads, part
from tests.conftest import skip_unless_ci
from tests.packages import PILLOW, NotFetched, fetched
from tools.serving import AppServer, run_app

API, PAGE = "/api/v1/predictions", "/"
SLOWEST = 5.0  # seconds
MOST_MEMORY = 600  # MB
IMAGES = 1_060  # files under Tests/images in the source package; with the folders there 1,086 entries


@pytest.fixture(scope="module")
def server(bundles, tmp_path_factory):
    with run_app(tmp_path_factory.mktemp("uploads") / "log", {"BUNDLES": str(bundles)}) as running:
        yield running


def ask(server: AppServer, path: str, content: bytes, content_type: str) -> tuple[int, float, str]:
    """Return the status, seconds and text of one post."""
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
    """Return the messages of an answer."""
    if path == API:
        return [error["message"] for error in json.loads(text)["errors"]]
    links = re.findall(
        r'<a (?:class="check" data-code="\w+" )?href="#(?:photo|age|sex|site|dermatoscope|changing|bundle)">([^<]+)</a>',
        text,
    )
    return [unescape(message) for message in links or re.findall(r'<p class="lead">([^<]+)</p>', text)]


def is_clear(sentence: str) -> bool:
    """Return whether it is one sentence for people, without a path, braces or an exception's class."""
    return bool(re.fullmatch(r"[A-Za-z][^\n{}\\]{8,299}[.]", sentence)) and "Error" not in sentence


def assert_answered(server: AppServer, path: str, name: str, content: bytes, content_type: str) -> int:
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
    uploads = list(made_uploads())
    assert len(uploads) >= 40
    answered = {name: assert_answered(server, path, name, *sent) for name, _, *sent in uploads}
    assert answered == {name: status for name, status, *_ in uploads}
    assert peak_megabytes(server) < MOST_MEMORY


@pytest.fixture(scope="module")
def pillow_images():
    """Return Pillow's own test images: crashes, bombs, broken and good ones, in every format that it knows."""
    try:
        path = fetched(PILLOW)
    except NotFetched as error:
        skip_unless_ci(str(error))
    with tarfile.open(path) as package:
        members = [
            member for member in package.getmembers() if "/Tests/images/" in member.name and member.isfile()
        ]
        images = [(member.name, package.extractfile(member).read()) for member in members]
    assert len(images) == IMAGES
    return images


@pytest.mark.parametrize(
    "data",
    [
        b"a photo\r\n--bound\r\nmore",
        b"a photo\r--bound--\r\n",
        b"--bound\r\nwithout a line break before it\r\n--bound--",
        b"\n--boundless\n--bound \r\n",
        b"a photo\r\n--boun",
        b"",
    ],
)
def test_the_boundary_is_found_where_werkzeugs_own_pattern_finds_it(data):
    own = MultipartDecoder(b"bound").boundary_re.search(data)
    ours = TolerantDecoder(b"bound", None, max_parts=None).boundary_re.search(data)
    assert (ours and (ours.span(), ours.groups())) == (own and (own.span(), own.groups()))


def post_all(server: AppServer, path: str, images: list[tuple[str, bytes]]) -> Counter[int]:
    """Return the statuses. Two are posted at a time, as many as are decoded at once."""
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
