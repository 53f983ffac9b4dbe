import re

import pytest

from tests.app.conftest import encoded, form, photo

SHARES = {"value": 0.5, "low": 0.4, "high": 0.6}
METRICS = {
    "all": {"photos": 100, "groups": 90, "chance": 0.25}
    | dict.fromkeys(("nearest", "majority", "model", "warning_auc", "confidence_auc"), SHARES),
    "clinics": [{"name": "a clinic", "photos": 3, "groups": 3}],
}
INDEX = {"neighbours": {"photos": 7, "diagnoses": {"NV": 7}, "sources": {"ISIC_2017": 7}}}


def section(page: str) -> str:
    return page[page.index('<section class="neighbours"') :]


def answer(client, **fields) -> str:
    return section(client.post("/", **encoded(form(**fields))).text)


def test_six_known_photos_have_their_diagnosis_confirmation_and_credit(client):
    text = answer(client, dermatoscope="yes")
    assert len(re.findall("data-neighbour", text)) == 6
    assert len(re.findall('src="data:image/jpeg;base64,', text)) == 6
    for words in ("Basal cell carcinoma", "histopathology", "several dermatologists", "CC-0", "CC BY 4.0"):
        assert words in text


@pytest.mark.parametrize(("helps", "dermatoscope"), [(True, "no"), (False, "no"), (True, "yes")])
def test_they_are_folded_and_say_what_they_are_worth(changed, helps, dermatoscope):
    client = changed(metrics={"neighbours": METRICS | {"helps": helps}})
    colour = "lime" if dermatoscope == "no" else "red"
    text = section(client.post("/", **encoded(form(photo(colour), dermatoscope=dermatoscope))).text)
    assert "<details open>" not in text
    assert (
        "For 50 of 100 test photos from clinics that the model had not seen, the most similar known photo had the same diagnosis."
        in text
    )
    assert ("These photos do not help to judge a spot." in text) != helps


def test_what_was_not_measured_is_said(client):
    assert "For this model, we did not measure" in answer(client)


def test_the_models_page_shows_their_worth_by_clinic_group(changed):
    client = changed(metadata=INDEX, metrics={"neighbours": METRICS | {"helps": True}})
    text = client.get("/model").text
    assert "How much known photos help" in text
    assert 'data-figure="neighbours/all/nearest/value"' in text
    row = text[text.index("a clinic") :]
    assert 'data-figure="neighbours/clinics/0/photos"' in row
    assert row[: row.index("</tr>")].count("too few to say") == 6


def test_the_models_page_says_of_a_rare_skin_type_that_it_is_too_rare(changed):
    counts = {"photos": 30, "patients": 22, "cancers": 9}
    measured = counts | dict.fromkeys(("cancer_auc", "sensitivity", "specificity"), SHARES)
    text = changed(metrics={"skin_types": {"II": measured, "V": counts}}).get("/model").text
    assert 'data-figure="skin_types/II/cancer_auc/value"' in text
    assert text[text.index(">V</th>") :].count("too few to say") == 3
