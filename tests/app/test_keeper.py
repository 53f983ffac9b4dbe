import socket

import pytest

from app.keeper import ListenError, bundle_files, listen
from tests.app.tiny_bundle import make_tiny_bundle


def test_an_address_that_cannot_be_listened_on_is_one_sentence():
    with listen("127.0.0.1", 0) as taken, pytest.raises(ListenError) as error:
        listen("127.0.0.1", taken.getsockname()[1])
    assert "set HOST or PORT to another" in str(error.value)
    assert "\n" not in str(error.value)


def test_who_connects_before_anybody_accepts_waits():
    with listen("127.0.0.1", 0) as listener, socket.create_connection(listener.getsockname()) as early:
        early.sendall(b"a")
        accepted, _ = listener.accept()
        assert accepted.recv(1) == b"a"
        accepted.close()


def test_a_replaced_file_of_a_bundle_is_seen(tmp_path):
    folder = make_tiny_bundle(tmp_path / "one")
    before = bundle_files(tmp_path)
    assert before == bundle_files(tmp_path)
    text = (folder / "metrics.json").read_text()
    (folder / "metrics.json").unlink()
    assert bundle_files(tmp_path) != before
    (folder / "again").write_text(text)
    (folder / "again").rename(folder / "metrics.json")
    assert bundle_files(tmp_path) != before  # same size, another file


def test_a_folder_that_is_not_there_has_no_files(tmp_path):
    assert bundle_files(tmp_path / "nowhere") == frozenset()
