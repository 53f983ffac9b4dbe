import re

import pytest
from flask.testing import FlaskClient

from app.knowledge import KNOWLEDGE, LEVELS
from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS

PAGES = ("/model", "/diagnoses", "/limits", "/privacy", "/about")


@pytest.mark.parametrize("path", PAGES)
def test_page_is_there_and_every_page_leads_to_it(client: FlaskClient, path):
    response = client.get(path)
    assert response.status_code == 200
    assert response.text.count("<h1") == 1
    for other in ("/", *PAGES):
        assert f'href="{path}"' in client.get(other).text


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/model"])
def test_page_is_there_without_a_bundle(orphan: FlaskClient, path):
    assert orphan.get(path).status_code == 200


def test_every_class_of_every_task_is_explained():
    codes = {one.code for task in TASKS.values() for one in task}
    assert set(KNOWLEDGE) == codes
    for code in codes - {"UNK"}:
        assert KNOWLEDGE[code].sources
        assert all(source.address.startswith("https://") for source in KNOWLEDGE[code].sources)


def test_every_level_is_a_flag_and_every_class_stands_in_one(client: FlaskClient):
    assert [flag for flag, _, _ in LEVELS] == ["benign", "may_become_cancer", "cancer"]
    assert set(FLAG_TEXTS) - {flag for flag, _, _ in LEVELS} == {"unknown"}
    cells = re.findall(r'data-label="Classes"><span class="code">([^<]*)<', client.get("/diagnoses").text)
    assert cells == ["NV, BKL, DF, VASC", "\N{EN DASH}", "MEL, BCC, AKIEC"]


def test_limits_quote_the_cost_of_metrics_json(client: FlaskClient):
    text = client.get("/limits").text
    assert "of 1,640 photos of cancer classes, 164 stayed below" in text
    assert "of 820, 82 stayed below" in text


def test_outside_links_are_only_links(client: FlaskClient):
    """Nothing is fetched from elsewhere: other origins stand in href alone."""
    for path in PAGES:
        for attribute in re.findall(r'(\w+)="https?://', client.get(path).text):
            assert attribute == "href"
