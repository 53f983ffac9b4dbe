"""Test the pages below a path, behind nginx with TLS, in a browser."""

import json
from collections.abc import Iterator
from urllib.parse import urlsplit

import pytest
from selenium.webdriver import Chrome

from tests.app.nginx import run_nginx
from tests.app.tiny_bundle import make_tiny_bundle
from tests.browser.steps import (
    compare,
    fill_in,
    find,
    keep_two,
    probabilities,
    run_javascript_snippet,
    snippet,
    status,
    wait_for,
)


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory, chromium_is_there: None) -> Iterator[str]:
    """Return the address of the start page below the path."""
    folder = tmp_path_factory.mktemp("below")
    make_tiny_bundle(folder / "models" / "ham10000")
    with run_nginx(folder / "models", folder) as site:
        yield f"https://localhost:{site.path_port}/skin/"


@pytest.fixture
def page(shared_browser: Chrome, start: str) -> Iterator[Chrome]:
    """Return a browser at the start page that accepts the test's certificate."""
    shared_browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": True})
    try:
        shared_browser.get(start)
        for kind in ("browser", "performance"):
            shared_browser.get_log(kind)
        shared_browser.refresh()
        yield shared_browser
    finally:
        shared_browser.execute_cdp_cmd("Security.setIgnoreCertificateErrors", {"ignore": False})


def requested_paths(driver: Chrome) -> set[str]:
    """Return the paths of all requests to the site."""
    messages = [json.loads(entry["message"])["message"] for entry in driver.get_log("performance")]
    urls = [m["params"]["request"]["url"] for m in messages if m["method"] == "Network.requestWillBeSent"]
    return {urlsplit(url).path for url in urls if url.startswith("https://localhost:")}


@pytest.mark.parametrize("steps", [fill_in, lambda driver: compare(driver, 3), keep_two])
def test_every_request_of_a_reader_stays_below_the_path(page: Chrome, start: str, steps):
    steps(page)
    paths = requested_paths(page)
    assert len(paths) > 5
    assert {path for path in paths if not path.startswith("/skin/")} == set()
    assert [entry for entry in page.get_log("browser") if entry["level"] == "SEVERE"] == []
    assert page.current_url.startswith(start)


def test_the_answer_and_its_links_work(page: Chrome, start: str):
    fill_in(page)
    assert status(page) in {"higher_concern", "no_cancer_class", "uncertain"}
    assert sum(probabilities(page)) == pytest.approx(1, abs=1e-6)
    find(page, ".ways a.again").click()
    wait_for(page, lambda driver: driver.current_url == start)


def test_the_javascript_of_the_api_page_gives_the_answer_beside_it(page: Chrome, start: str):
    page.get(f"{start}api")
    assert json.loads(run_javascript_snippet(page)) == json.loads(snippet(page, "answer"))
    assert {path for path in requested_paths(page) if not path.startswith("/skin/")} == set()
