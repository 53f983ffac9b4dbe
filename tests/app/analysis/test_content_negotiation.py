import pytest

from tests.app.conftest import encoded, form

PREDICTIONS = "/api/v1/predictions"


@pytest.mark.parametrize(
    ("accept", "expected"),
    [
        ("", "application/json"),
        ("*/*", "application/json"),
        ("application/*", "application/json"),
        ("text/html, */*;q=0.1", "application/json"),
        ("text/html, image/gif, image/jpeg, *; q=.2, */*; q=.2", "application/json"),  # of older Javas
        ("application/fhir+json", "application/fhir+json"),
        ("application/json;q=0.4, application/fhir+json;q=0.5", "application/fhir+json"),
        ("application/json; charset=utf-8", "application/json"),
        ("application/fhir+json; fhirVersion=4.0", "application/fhir+json"),
        ('application/fhir+json; charset=UTF-8; fhirVersion="4.0"; q=1.0', "application/fhir+json"),
        ("application/json; charset=utf-8; q=0.4, application/fhir+json; q=0.5", "application/fhir+json"),
    ],
)
def test_the_preferred_type_is_answered(client, accept, expected):
    response = client.post(PREDICTIONS, **encoded(form()), headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (200, expected)


@pytest.mark.parametrize(
    ("method", "path", "accept"),
    [
        ("POST", PREDICTIONS, "text/html"),
        ("POST", PREDICTIONS, "application/json;q=0"),
        ("POST", PREDICTIONS, "application/json; charset=utf-8; q=0"),
        ("POST", PREDICTIONS, "application/fhir+json; fhirVersion=5.0"),
        ("POST", "/api/v1/visits", "application/fhir+json"),
        ("GET", "/api/v1/models", "image/png"),
    ],
)
def test_a_type_that_is_not_there_is_refused_in_one_sentence(client, method, path, accept):
    response = client.open(path, method=method, headers={"Accept": accept})
    assert (response.status_code, response.mimetype) == (406, "application/problem+json")
    assert [error["code"] for error in response.json["errors"]] == ["not_acceptable"]
    assert response.json["detail"].count(". ") == 0
    assert response.json["detail"].endswith(".")


@pytest.mark.parametrize(("path", "status"), [("/healthz", 200), ("/livez", 200), ("/api/v1/nothing", 404)])
def test_health_and_unknown_addresses_are_answered_whatever_is_accepted(client, path, status):
    assert client.get(path, headers={"Accept": "text/plain"}).status_code == status
