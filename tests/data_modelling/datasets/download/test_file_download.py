import hashlib

import numpy as np
import pytest

from data_modelling.datasets.download import file_download
from data_modelling.datasets.download.file_download import fetch_file
from data_modelling.datasets.download.published_files import RemoteFile
from data_modelling.inference.errors import InputError
from tests.data_modelling.datasets.download.file_server import serving

CONTENT = np.random.default_rng(0).bytes(100_000)
CHECKSUM = f"sha256:{hashlib.sha256(CONTENT).hexdigest()}"
FILE = RemoteFile("photos.zip", "http://nowhere.invalid/photos.zip", len(CONTENT), CHECKSUM)


@pytest.fixture(autouse=True)
def no_waiting(monkeypatch):
    monkeypatch.setattr(file_download, "RETRY_DELAYS", (0, 0, 0))


@pytest.fixture
def server():
    with serving({"/photos.zip": CONTENT}) as sent:
        yield sent


def fetched(server, folder, checksum=CHECKSUM):
    return fetch_file(FILE, folder, f"{server.address}/photos.zip", checksum)


def test_a_file_arrives_whole_under_its_name_and_alone(server, tmp_path):
    path = fetched(server, tmp_path)
    assert path.read_bytes() == CONTENT
    assert list(tmp_path.iterdir()) == [tmp_path / "photos.zip"]


def test_a_file_that_is_there_is_checked_and_not_downloaded_again(server, tmp_path):
    fetched(server, tmp_path)
    fetched(server, tmp_path)
    assert len(server.asked) == 1


def test_a_download_that_is_cut_off_goes_on_where_it_was(server, tmp_path):
    server.cut_after, server.cuts = 30_000, 2
    assert fetched(server, tmp_path).read_bytes() == CONTENT
    ranges = [asked for _, asked in server.asked]
    assert ranges[0] is None
    starts = [int(asked.removeprefix("bytes=").removesuffix("-")) for asked in ranges[1:]]
    assert len(starts) == 2
    assert 0 < starts[0] < starts[1] < len(CONTENT)


def test_what_an_earlier_process_left_is_gone_on_with(server, tmp_path):
    (tmp_path / "photos.zip.part").write_bytes(CONTENT[:60_000])
    assert fetched(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == [("/photos.zip", "bytes=60000-")]


def test_a_server_that_knows_no_ranges_is_asked_for_all_of_it(server, tmp_path):
    server.ranges = False
    (tmp_path / "photos.zip.part").write_bytes(b"x" * 60_000)
    assert fetched(server, tmp_path).read_bytes() == CONTENT


def test_a_part_that_is_whole_is_only_checked(server, tmp_path):
    (tmp_path / "photos.zip.part").write_bytes(CONTENT)
    assert fetched(server, tmp_path).read_bytes() == CONTENT
    assert server.asked == []


@pytest.mark.parametrize("at", [0, 50_000, 99_999])
def test_an_altered_file_is_refused_and_nothing_of_it_kept(server, tmp_path, at):
    altered = bytearray(CONTENT)
    altered[at] ^= 1
    server.files["/photos.zip"] = bytes(altered)
    with pytest.raises(InputError, match=r"photos\.zip from 127\.0\.0\.1:\d+ has another checksum"):
        fetched(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_part_of_another_file_is_refused_by_the_checksum_and_the_next_try_is_clean(server, tmp_path):
    (tmp_path / "photos.zip.part").write_bytes(b"x" * 60_000)
    with pytest.raises(InputError, match="another checksum"):
        fetched(server, tmp_path)
    assert fetched(server, tmp_path).read_bytes() == CONTENT


@pytest.mark.parametrize("other", [CONTENT[:-1], CONTENT + b"x"])
def test_another_size_is_named_before_anything_is_downloaded(server, tmp_path, other):
    server.files["/photos.zip"] = other
    with pytest.raises(InputError, match=f"with {len(other):,} bytes, but 100,000 are published"):
        fetched(server, tmp_path)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("begun", [0, 60_000])
def test_a_longer_file_of_a_server_that_tells_no_size_is_stopped_and_nothing_of_it_kept(
    server, tmp_path, begun
):
    """Without a checksum its size is all that tells it from the published file."""
    server.length, server.files["/photos.zip"] = False, CONTENT + bytes(10_000_000)
    (tmp_path / "photos.zip.part").write_bytes(CONTENT[:begun])
    with pytest.raises(InputError, match="with more bytes, but 100,000 are published"):
        fetched(server, tmp_path, checksum=None)
    assert list(tmp_path.iterdir()) == []
    assert len(server.asked) == 1


def test_one_byte_more_is_another_file(server, tmp_path):
    server.length, server.files["/photos.zip"] = False, CONTENT + b"x"
    with pytest.raises(InputError, match="with more bytes, but 100,000 are published"):
        fetched(server, tmp_path, checksum=None)
    assert list(tmp_path.iterdir()) == []


def test_a_part_that_is_longer_than_the_file_is_not_taken_for_it(server, tmp_path):
    (tmp_path / "photos.zip.part").write_bytes(CONTENT + b"x")
    assert fetched(server, tmp_path, checksum=None).read_bytes() == CONTENT
    assert server.asked == [("/photos.zip", "bytes=100001-"), ("/photos.zip", None)]


def test_a_server_that_tells_no_size_may_send_the_file(server, tmp_path):
    server.length = False
    assert fetched(server, tmp_path, checksum=None).read_bytes() == CONTENT


def test_a_server_that_always_breaks_off_is_given_up_and_the_part_kept(server, tmp_path):
    server.cut_after, server.cuts = 0, 100
    (tmp_path / "photos.zip.part").write_bytes(CONTENT[:10])
    with pytest.raises(InputError, match="cannot be reached .*The downloaded part is kept"):
        fetched(server, tmp_path)
    assert (tmp_path / "photos.zip.part").read_bytes() == CONTENT[:10]
    assert not (tmp_path / "photos.zip").exists()


def test_no_network_is_one_sentence_without_a_wait(tmp_path, monkeypatch):
    monkeypatch.setattr(file_download.time, "sleep", lambda _: pytest.fail("waited"))
    with serving({}) as gone:
        address = gone.address
    with pytest.raises(
        InputError, match=r"^127\.0\.0\.1:\d+ cannot be reached .*Connection refused"
    ) as error:
        fetch_file(FILE, tmp_path, f"{address}/photos.zip", CHECKSUM)
    assert "\n" not in str(error.value)
    assert list(tmp_path.iterdir()) == []


def test_a_server_that_says_no_is_quoted(server, tmp_path):
    with pytest.raises(InputError, match=r"answered 404 Not Found for photos\.zip"):
        fetch_file(FILE, tmp_path, f"{server.address}/elsewhere.zip", CHECKSUM)


def test_the_proxy_of_the_environment_is_used(server, tmp_path, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", server.address)
    monkeypatch.delenv("NO_PROXY", raising=False)
    monkeypatch.delenv("no_proxy", raising=False)
    server.files[FILE.address] = CONTENT  # a proxy is asked for the whole address
    assert fetch_file(FILE, tmp_path, FILE.address, CHECKSUM).read_bytes() == CONTENT
    assert server.asked == [(FILE.address, None)]


def test_a_file_without_known_checksum_is_taken_as_it_comes(server, tmp_path):
    assert fetched(server, tmp_path, checksum=None).read_bytes() == CONTENT
