import re

import pytest
from flask.testing import FlaskClient

from app.information.pages import DIAGNOSIS_INFORMATION
from data_modelling.inference.diagnoses import TASKS

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
    codes = {diagnosis.code for task in TASKS.values() for diagnosis in task}
    assert set(DIAGNOSIS_INFORMATION) == codes
    for code in codes - {"UNK"}:
        sources = DIAGNOSIS_INFORMATION[code]["sources"]
        assert sources
        assert all(source["address"].startswith("https://") for source in sources)


def test_limits_quote_the_cost_of_metrics_json(client: FlaskClient):
    text = client.get("/limits").text
    assert "164 of 1,640 photos of cancer classes stayed below" in text
    assert "82 of 820 melanoma photos stayed below" in text


MORE = {
    "ISIC_2017": {"photos": 1828, "counts": {"MEL": 344, "benign": 7}},
    "PAD_UFES_20": {"photos": 405, "counts": {"MEL": 16, "VASC": 3}},
}


def test_a_class_is_learned_from_the_photos_of_all_sets(changed):
    """The tiny bundle has 100 photos of each class, and 90 of the last one, VASC."""
    client = changed({"more": MORE})
    sections = client.get("/diagnoses").text.split("<section")[1:]
    learned = [re.search(r"learned this class from ([\d,]+) photos", section) for section in sections]
    assert [found[1] for found in learned if found] == ["460", "100", "100", "100", "100", "100", "93"]
    assert "The rarest class, Vascular lesion, had only 93 training photos" in client.get("/limits").text


@pytest.mark.parametrize(
    ("language", "words"), [("en", "Nothing needs|Nothing has"), ("de", "nichts zu tun")]
)
def test_no_diagnosis_says_that_nothing_has_to_be_done(client: FlaskClient, language: str, words: str):
    page = client.get("/diagnoses", query_string={"lang": language}).text
    assert f'lang="{language}"' in page
    assert not re.search(words, page)


def test_photos_of_its_own_set_alone_are_counted_too(client: FlaskClient):
    assert "The model learned this class from 90 photos." in client.get("/diagnoses").text


def test_labels_of_skin_types_are_told_where_a_source_has_some(changed, client: FlaskClient):
    some = "Only some of them, from PAD_UFES_20, have a skin-type label"
    none = "The photos have no skin-type labels"
    text = changed({"more": MORE}).get("/limits").text
    assert some in text
    assert none not in text
    text = client.get("/limits").text
    assert none in text
    assert some not in text


def cited(client: FlaskClient) -> list[str]:
    (found,) = re.findall(r'<ul lang="en">(.*?)</ul>', client.get("/about").text, re.DOTALL)
    return [
        re.sub(r"<[^>]+>", "", entry).strip() for entry in re.findall(r"<li>(.*?)</li>", found, re.DOTALL)
    ]


def test_every_set_that_was_learned_from_or_tried_is_cited(changed):
    client = changed({"more": MORE}, {"elsewhere": {"ISIC_2020": {}, "a clinic": {}}})
    assert cited(client) == [
        "HAM10000: Tschandl, Rosendahl and Kittler 2018. doi:10.1038/sdata.2018.161, CC BY-NC 4.0",
        "ISIC_2017: Codella et al. 2018. arXiv:1710.05006, CC-0",
        "ISIC_2020: Rotemberg et al. 2021. doi:10.34970/2020-ds01, CC BY-NC 4.0",
        "PAD_UFES_20: Pacheco et al. 2020. doi:10.1016/j.dib.2020.106221, CC BY 4.0",
    ]
    assert 'href="https://doi.org/10.1016/j.dib.2020.106221"' in client.get("/about").text


def test_the_examples_are_cited_where_no_bundle_is(orphan: FlaskClient):
    assert [entry.split(":")[0] for entry in cited(orphan)] == ["ISIC_2017"]


def test_outside_links_are_only_links(client: FlaskClient):
    """Nothing is loaded from other sites: they are only in href."""
    for path in PAGES:
        for attribute in re.findall(r'(\w+)="https?://', client.get(path).text):
            assert attribute == "href"
