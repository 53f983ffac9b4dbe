import pytest

from tests import packages
from tests.packages import NotFetched, Package, fetched

EMPTY = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"  # SHA-256 of nothing
PACKAGE = Package("anything==1.0", "anything.whl", EMPTY)


@pytest.fixture(autouse=True)
def folder(tmp_path, monkeypatch):
    monkeypatch.setattr(packages, "FOLDER", tmp_path / "packages")
    return tmp_path / "packages"


def pip_that(monkeypatch, script: str) -> None:
    """A python whose pip is a shell script; its last argument but one is the folder."""
    monkeypatch.setattr(packages, "PIP", ["sh", "-c", script, "pip"])


def test_a_package_is_fetched_once(folder, monkeypatch):
    pip_that(monkeypatch, f"touch {folder}/anything.whl; echo x >> {folder}/calls")
    assert fetched(PACKAGE) == fetched(PACKAGE) == folder / "anything.whl"
    assert (folder / "calls").read_text() == "x\n"


def test_another_content_is_refused(folder, monkeypatch):
    pip_that(monkeypatch, f"echo altered > {folder}/anything.whl")
    with pytest.raises(NotFetched, match="another SHA-256"):
        fetched(PACKAGE)


def test_a_failure_is_one_sentence_with_pips_last_words(monkeypatch):
    pip_that(monkeypatch, "echo some trace >&2; echo 'no network' >&2; exit 1")
    with pytest.raises(NotFetched, match=r"^anything==1.0 cannot be fetched: no network$"):
        fetched(PACKAGE)


def test_a_download_that_hangs_is_given_up(monkeypatch):
    monkeypatch.setattr(packages, "PATIENCE", 0.1)
    pip_that(monkeypatch, "exec sleep 5")
    with pytest.raises(NotFetched, match="did not arrive"):
        fetched(PACKAGE)
