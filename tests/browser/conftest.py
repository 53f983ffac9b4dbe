"""Fixtures: a served app and a real browser. Without Chromium these tests are skipped by name."""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome

from data_modelling.inference.bundle import write_checksums
from tests.app.tiny_bundle import make_tiny_bundle
from tests.conftest import PROJECT, skip_unless_ci
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
def counted(tmp_path_factory: pytest.TempPathFactory) -> Iterator[AppServer]:
    """Return the app with copies of a real bundle, which earned the all-clear and has counts of each status."""
    folder = tmp_path_factory.mktemp("counted") / "models" / "ham10000"
    shutil.copytree(PROJECT / "DATA" / "models" / "ham10000", folder)
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["thresholds"]["clear"] = metadata["thresholds"]["cancer"]
    (folder / "metadata.json").write_text(json.dumps(metadata))
    metrics = json.loads((folder / "metrics.json").read_text())
    shares = dict.fromkeys(("higher_concern", "no_cancer_class", "uncertain", "refused"), 25)
    counts = dict.fromkeys(("melanoma", "cancer", "benign"), shares | {"n": 100})
    metrics["status_counts"] = {"all_left_out": counts, "PAD": {"left_out": counts}}
    (folder / "metrics.json").write_text(json.dumps(metrics))
    write_checksums(folder)
    shutil.copytree(folder, folder.with_name("other"))  # so that the form has a choice of models
    with run_app(folder.parents[1] / "log", {"BUNDLES": str(folder.parent)}) as app:
        yield app


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
