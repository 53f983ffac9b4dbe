"""Test that a bundle of every task can be chosen: pages, answer page, API."""

from pathlib import Path

import pytest
from flask.testing import FlaskClient

from app import create_app
from app.settings import Settings
from data_modelling.inference.diagnoses import TASKS, class_codes
from tests.app.conftest import encoded, form, photo
from tests.app.tiny_bundle import make_tiny_bundle


@pytest.fixture
def client(tmp_path: Path) -> FlaskClient:
    for task in TASKS:
        make_tiny_bundle(tmp_path / task, task=task)
    return create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("colour", ["red", "lime", "blue"])
def test_page_and_api_answer_with_the_bundle_that_was_chosen(client: FlaskClient, task: str, colour: str):
    fields = {"bundle": task, "age": "45"}
    answer = client.post(
        "/api/v1/predictions", **encoded(form(photo(colour), explain="heatmap,details", **fields))
    )
    assert answer.status_code == 200
    assert tuple(answer.json["probabilities"]) == class_codes(task)
    assert answer.json["model"]["name"] == task
    page = client.post("/", **encoded(form(photo(colour), **fields)))
    assert page.status_code == 200
    for code in class_codes(task):
        assert f'id="map-{code}"' in page.text or code == "UNK"


@pytest.mark.parametrize("task", TASKS)
def test_the_pages_of_a_bundle(client: FlaskClient, task: str):
    assert client.get(f"/model/{task}", follow_redirects=True).status_code == 200
    assert client.get(f"/api/v1/models/{task}").status_code == 200


def test_red_is_melanoma_and_green_is_not(client: FlaskClient):
    answers = {
        colour: client.post("/api/v1/predictions", **encoded(form(photo(colour), bundle="isic2020"))).json
        for colour in ("red", "lime")
    }
    assert (answers["red"]["class"], answers["lime"]["class"]) == ("melanoma", "benign")
    assert answers["red"]["status"] == "higher_concern"


@pytest.mark.parametrize(("task", "has_it"), [("ham10000", True), ("isic2019", False), ("isic2020", False)])
def test_only_a_bundle_with_the_class_akiec_explains_it(tmp_path: Path, task: str, has_it: bool):
    make_tiny_bundle(tmp_path / task, task=task)
    page = create_app(Settings(bundles=tmp_path, bundle=task)).test_client().get("/diagnoses").text
    assert ("AKIEC counts as cancer here" in page) is has_it
