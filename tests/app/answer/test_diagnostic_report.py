"""Test the answers in FHIR against the models of the package fhir.resources."""

import json

import pytest
from fhir.resources.R4B.diagnosticreport import DiagnosticReport

from tests.app.conftest import encoded, form, photo

URL = "/api/v1/predictions"
FHIR = {"Accept": "application/fhir+json"}
COLOURS = ["red", "lime", "blue", "#806040", "#c08060", "#402010", "#ff8080", "#80ff80", "#a05050", "#303030"]


@pytest.mark.parametrize("colour", COLOURS)
def test_the_report_of_a_photo_is_valid_and_has_the_answers_numbers(client, colour):
    fields = {"age": "61", "sex": "male", "site": "back", "dermatoscope": "yes"}
    response = client.post(URL, **encoded(form(photo(colour), **fields)), headers=FHIR)
    assert (response.status_code, response.mimetype) == (200, "application/fhir+json")
    report = DiagnosticReport.model_validate_json(response.text)
    answer = client.post(URL, **encoded(form(photo(colour), **fields))).json
    assert report.status == "preliminary"
    observations = [one for one in report.contained if one.get_resource_type() == "Observation"]
    assert [f"#{one.id}" for one in observations] == [one.reference for one in report.result]
    values = [float(one.valueQuantity.value) for one in observations]
    probabilities = [item["probability"] for item in answer["classes"]]
    assert values == pytest.approx([answer["cancer"]["probability"], *probabilities])
    assert {one.bodySite.text for one in observations} == {"posterior torso"}
    assert report.conclusion.startswith(answer["status"])


def test_the_report_has_neither_photo_nor_patient_nor_licensed_codes(client):
    report = client.post(URL, **encoded(form(age="61")), headers=FHIR).json
    assert not {"presentedForm", "media", "subject"} & set(report)
    systems = {item["category"][0]["coding"][0]["system"] for item in report["contained"][1:]}
    assert systems == {"http://terminology.hl7.org/CodeSystem/observation-category"}
    text = json.dumps(report)
    assert "snomed" not in text
    assert "loinc" not in text
    assert "61" not in json.dumps({key: value for key, value in report.items() if key != "issued"}).replace(
        report["contained"][0]["note"][0]["text"], ""
    )


def test_a_refused_photo_has_a_problem_and_no_report(client):
    response = client.post(URL, **encoded(form(b"no photo")), headers=FHIR)
    assert (response.status_code, response.mimetype) == (415, "application/problem+json")
