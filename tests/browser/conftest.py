"""Fixtures: a served app and a real browser. Without Chromium these tests are skipped by name."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from tests.app.tiny_bundle import make_tiny_bundle
from tests.conftest import skip_unless_ci
from tools.chromium import missing_program, open_browser, resize, set_colours
from tools.serving import AppServer, run_app


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """Return the real server with two tiny bundles."""
    folder = tmp_path_factory.mktemp("site")
    for task in ("ham10000", "isic2020"):
        make_tiny_bundle(folder / "models" / task, task=task)
    with run_app(folder / "log", {"BUNDLES": str(folder / "models")}) as running:
        yield running


@pytest.fixture(scope="session")
def chromium_is_there() -> None:
    if missing_program():
        skip_unless_ci(missing_program())


@pytest.fixture(scope="module")
def shared_browser(chromium_is_there: None) -> Iterator[Chrome]:
    with open_browser() as driver:
        yield driver


@pytest.fixture
def browser(shared_browser: Chrome, site: AppServer) -> Chrome:
    """Return a browser at the empty form, with empty logs."""
    resize(shared_browser, 1280, 900)
    set_colours(shared_browser, dark=False)
    shared_browser.get(site.url)
    for kind in ("browser", "performance"):
        shared_browser.get_log(kind)
    return shared_browser


@pytest.fixture
def browser_without_javascript(chromium_is_there: None, site: AppServer) -> Iterator[Chrome]:
    with open_browser(javascript=False) as driver:
        driver.get("data:text/html,<title>off</title><script>document.title = 'on'</script>")
        assert driver.title == "off"
        driver.get(site.url)
        yield driver


@pytest.fixture
def not_a_photo(tmp_path: Path) -> Path:
    path = tmp_path / "letter.jpg"
    path.write_text("no photo\n")
    return path
