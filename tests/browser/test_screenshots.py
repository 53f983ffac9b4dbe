import pytest
from PIL import Image

from tests.app.tiny_bundle import make_tiny_bundle
from tests.conftest import PROJECT
from tools import screenshots

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("chromium_is_there")
def test_a_state_has_its_pictures_in_all_views(tmp_path, monkeypatch):
    make_tiny_bundle(tmp_path / "models" / "ham10000")
    monkeypatch.setenv("BUNDLES", str(tmp_path / "models"))
    monkeypatch.setattr(
        screenshots, "STATES", {name: screenshots.STATES[name] for name in ("answer", "visit")}
    )
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "of-another-time.png").touch()
    assert screenshots.main([str(tmp_path / "pictures")]) == 0
    names = {
        f"{state}-{language}-{size}-{scheme}.webp"
        for state in screenshots.STATES
        for language in ("en", "de")
        for size in ("desktop", "phone")
        for scheme in ("light", "dark")
    }
    pictures = {path.name: path for path in (tmp_path / "pictures").iterdir()}
    assert set(pictures) == names
    for name, path in pictures.items():
        with Image.open(path) as picture:
            assert picture.width == (390 if "phone" in name else 1440)


@pytest.mark.usefixtures("chromium_is_there")
def test_a_failure_leaves_the_old_pictures(tmp_path, monkeypatch):
    old = tmp_path / "pictures" / "answer-en-phone-light.webp"
    old.parent.mkdir()
    old.write_bytes(b"old")

    def fail(_states, folder, _log):
        (folder / old.name).write_bytes(b"new")
        raise TimeoutError

    monkeypatch.setattr(screenshots, "take_pictures", fail)
    with pytest.raises(TimeoutError):
        screenshots.main([str(old.parent)])
    assert [path.read_bytes() for path in old.parent.iterdir()] == [b"old"]


def test_the_committed_pictures_are_those_of_all_states():
    shown = {path.name.split("-")[0] for path in (PROJECT / "docs" / "screenshots").iterdir()}
    assert shown == set(screenshots.STATES)


def test_without_a_folder_the_usage_is_said(capsys):
    assert screenshots.main([]) == 2
    assert capsys.readouterr().err.startswith("Usage:")
