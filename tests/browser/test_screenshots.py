import pytest
from PIL import Image

from tests.app.tiny_bundle import make_tiny_bundle
from tools import screenshots

pytestmark = pytest.mark.browser


@pytest.mark.usefixtures("chromium_is_there")
def test_every_state_has_its_pictures(tmp_path, monkeypatch):
    make_tiny_bundle(tmp_path / "models" / "ham10000")
    monkeypatch.setenv("BUNDLES", str(tmp_path / "models"))
    monkeypatch.setattr(screenshots, "EVERY", (("phone", "light"), ("phone", "dark")))
    monkeypatch.setattr(screenshots, "FEW", (("phone", "dark"),))
    (tmp_path / "pictures").mkdir()
    (tmp_path / "pictures" / "of-another-time.png").touch()
    assert screenshots.main([str(tmp_path / "pictures")]) == 0
    names = {f"{state}-phone-dark.png" for state in screenshots.STATES}
    names |= {f"{state}-phone-light.png" for state in ("form", "answer", "refusal")}
    pictures = {path.name: path for path in (tmp_path / "pictures").iterdir()}
    assert set(pictures) == names
    for path in pictures.values():
        with Image.open(path) as picture:
            assert picture.width == 360
            assert picture.height >= 740


def test_without_a_folder_the_usage_is_said(capsys):
    assert screenshots.main([]) == 2
    assert capsys.readouterr().err.startswith("Usage:")
