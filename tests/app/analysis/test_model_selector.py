"""Test the choice of a model in the two forms."""

import json
import re
from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import Settings
from data_modelling.inference.bundle import write_checksums
from tests.app.conftest import encoded, form, photo, upload
from tests.app.html_page import Page
from tests.app.tiny_bundle import make_tiny_bundle

FORMS = ("/", "/visit")


def served(folder: Path, *tasks: str, default: str = "ham10000") -> FlaskClient:
    for task in tasks:
        bundle = make_tiny_bundle(folder / task, task=task)
        metrics = json.loads((bundle / "metrics.json").read_text())
        # Of 40 melanomas 3 missed and of 2,000 others 1,610 flagged: 7.5 and 80.5 of 100, rounded to even.
        counts = {"threshold": 0.005, "positives": 40, "missed": 3, "negatives": 2000, "flagged": 1610}
        metrics["thresholds"] = metrics.get("thresholds", {}) | {"melanoma": counts}
        (bundle / "metrics.json").write_text(json.dumps(metrics))
        write_checksums(bundle)
    return create_app(Settings(bundles=folder, bundle=default, rate_limit="off")).test_client()


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    return served(tmp_path, "ham10000", "isic2019", "isic2020")


def checked(text: str) -> list[str]:
    """Return the values of the selected model buttons."""
    buttons = re.findall(r'<input type="radio" name="bundle" value="(\w+)"[^>]*?( checked)?>', text)
    assert buttons
    return [value for value, chosen in buttons if chosen]


@pytest.mark.parametrize("address", FORMS)
def test_every_valid_model_can_be_chosen_and_the_default_one_stands_first(client: FlaskClient, address: str):
    text = client.get(address).text
    order = re.findall(r'name="bundle" value="(\w+)"', text)
    assert order == ["ham10000", "isic2019", "isic2020"]
    assert checked(text) == ["ham10000"]
    for title in ("Seven kinds of skin spot", "and “none of these”", "Melanoma or not"):
        assert title in text
    assert "missed 8 of 100 melanomas and raised concern for 80 of 100 other spots" in text


@pytest.mark.parametrize("address", FORMS)
def test_without_a_choice_nothing_is_asked(tmp_path: Path, address: str):
    assert 'name="bundle"' not in served(tmp_path, "ham10000").get(address).text


def test_another_default_stands_first(tmp_path: Path):
    text = served(tmp_path, "ham10000", "isic2020", default="isic2020").get("/").text
    assert re.findall(r'name="bundle" value="(\w+)"', text) == ["isic2020", "ham10000"]
    assert checked(text) == ["isic2020"]


@pytest.mark.parametrize("address", FORMS)
def test_a_choice_stays_when_something_else_is_wrong(client: FlaskClient, address: str):
    page = client.post(address, **encoded(form(photo(), bundle="isic2020", age="x")))
    assert page.status_code == 422
    assert checked(page.text) == ["isic2020"]


@pytest.mark.parametrize("address", FORMS)
def test_a_model_that_there_is_not_is_said_at_its_field(client: FlaskClient, address: str):
    two = {"photo": [upload(photo()), upload(photo("lime"))][: 2 if address == "/visit" else 1]}
    page = client.post(address, **encoded(two | {"bundle": "none"}))
    assert page.status_code == 422
    parsed = Page(page.text)
    assert "#bundle" in parsed.links
    assert parsed.ids["bundle"][0] == "input"
    assert "bundle-error" in parsed.ids


def test_the_answer_leads_to_the_figures_of_the_model_that_gave_it(client: FlaskClient):
    answer = client.post("/", **encoded(form(photo("lime"), bundle="isic2020")))
    assert "/model/isic2020" in Page(answer.text).links


def test_without_figures_the_model_is_named_alone(tmp_path: Path):
    text = (
        create_app(Settings(bundles=_without_thresholds(tmp_path), rate_limit="off"))
        .test_client()
        .get("/")
        .text
    )
    assert checked(text) == ["ham10000"]
    assert "of 100 melanomas" not in text


def _without_thresholds(folder: Path) -> Path:
    for task in ("ham10000", "isic2020"):
        bundle = make_tiny_bundle(folder / task, task=task)
        (bundle / "metrics.json").write_text("{}")
        write_checksums(bundle)
    return folder
