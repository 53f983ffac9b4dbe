"""A served app and a real browser; where Chromium is absent these tests are skipped by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.app.tiny_bundle import make_tiny_bundle
from tests.conftest import skip_unless_ci
from tools.chromium import chromium, missing, resize, set_colours
from tools.serving import Served, served


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """The real server with two tiny bundles."""
    folder = tmp_path_factory.mktemp("site")
    for task in ("ham10000", "isic2020"):
        make_tiny_bundle(folder / "models" / task, task=task)
    with served(folder / "log", {"BUNDLES": str(folder / "models")}) as running:
        yield running


@pytest.fixture(scope="session")
def chromium_is_there() -> None:
    if missing():
        skip_unless_ci(missing())


@pytest.fixture(scope="module")
def shared_browser(chromium_is_there: None) -> Iterator[Chrome]:
    with chromium() as driver:
        yield driver


@pytest.fixture
def browser(shared_browser: Chrome, site: Served) -> Chrome:
    """A browser at the empty form, with nothing in its logs."""
    resize(shared_browser, 1280, 900)
    set_colours(shared_browser, dark=False)
    shared_browser.get(site.url)
    for kind in ("browser", "performance"):
        shared_browser.get_log(kind)
    return shared_browser


@pytest.fixture
def browser_without_javascript(chromium_is_there: None, site: Served) -> Iterator[Chrome]:
    with chromium(javascript=False) as driver:
        driver.get("data:text/html,<title>off</title><script>document.title = 'on'</script>")
        assert driver.title == "off"
        driver.get(site.url)
        yield driver


@pytest.fixture
def not_a_photo(tmp_path: Path) -> Path:
    path = tmp_path / "letter.jpg"
    path.write_text("no photo\n")
    return path
