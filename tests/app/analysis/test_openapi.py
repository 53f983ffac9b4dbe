"""Test the running app against its OpenAPI document."""

import json
import re

import pytest
import schemathesis
from flask.testing import FlaskClient
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import negative_data_rejection

from app import create_app
from app.analysis.openapi import openapi_document
from app.http.problems import PROBLEM_CODES
from app.settings import Settings
from data_modelling.inference.details import parse_age
from tests.app.conftest import photo
from tests.app.tiny_bundle import make_tiny_bundle

PHOTOS = [photo("red"), photo("lime", kind="PNG"), photo("blue", kind="WEBP")]
for media_type in ("image/jpeg", "image/png", "image/webp", "application/dicom"):
    schemathesis.openapi.media_type(media_type, st.sampled_from(PHOTOS))


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("models")
    make_tiny_bundle(folder / "ham10000")
    app = create_app(Settings(bundles=folder, rate_limit="off"))
    app.config["COMPRESS_MIN_SIZE"] = (
        10**9
    )  # schemathesis asks for gzip, and does not unpack it without a server
    return schemathesis.openapi.from_wsgi("/api/openapi.json", app)


OPERATIONS = [(path, method) for path, methods in openapi_document(20)["paths"].items() for method in methods]


@pytest.mark.parametrize("mode", GenerationMode)
@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_the_app_does_what_its_document_says(api, path, method, mode):
    """Valid and invalid requests from the document pass every check of schemathesis."""
    operation = api[path][method]

    @settings(max_examples=20, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
    @given(case=operation.as_strategy(generation_mode=mode))
    def check(case):
        if mode is GenerationMode.NEGATIVE:
            # An empty list is sent as no part at all, which is valid.
            assume(not isinstance(case.body, dict) or [] not in case.body.values())
            case.call_and_validate()
        else:
            say_what_a_schema_cannot(case)
            case.call_and_validate(excluded_checks=[negative_data_rejection])  # it takes bytes for wrong data

    try:
        check()
    except Unsatisfiable:
        assert mode is GenerationMode.NEGATIVE  # nothing can be wrong where nothing is sent


def say_what_a_schema_cannot(case) -> None:
    """Return whether a crop is complete and inside the photo, and a visit has enough photos and a site for each."""
    if not isinstance(case.body, dict):
        return
    body = {name: value for name, value in case.body.items() if not name.startswith("crop_")}
    if case.path == "/api/v1/visits":
        sites = body.pop("site", [])
        body["photo"] = [*PHOTOS, PHOTOS[0]][: max(2, min(4, len(sites)))]
        body.pop("changing", None)
        if len(sites) == len(body["photo"]):
            body["site"] = sites
            body["changing"] = ["yes"] * len(sites)
    elif len(body) < len(case.body):
        body |= {"crop_x": "0", "crop_y": "0", "crop_size": "1"}
    body.pop("bundle", None)  # any text may be the name of a bundle; this app has one
    case.body = body


@pytest.mark.parametrize(
    "age",
    ["", "unknown", "0", "9", "45", "45.5", "45,5", "0.25", "119.99", "120", "120,0", "000Y", "018M", "120Y"],
)
def test_an_age_that_is_accepted_is_one_of_the_document(age):
    parse_age(age)
    assert re.search(age_pattern(), age)


@pytest.mark.parametrize(
    "age", ["-1", "120.5", "120,5", "121", "1200", "45.", "4.5.6", "4,5,6", "1e1", "old", "121Y", "45Y"]
)
def test_an_age_that_the_document_does_not_have(age):
    assert not re.search(age_pattern(), age)


def age_pattern() -> str:
    form = openapi_document(20)["paths"]["/api/v1/predictions"]["post"]["requestBody"]["content"][
        "multipart/form-data"
    ]
    return form["schema"]["properties"]["age"]["pattern"]


def test_every_address_of_the_api_is_in_the_document_and_no_other(app):
    rules = {
        str(rule).replace("<", "{").replace(">", "}"): rule.methods - {"HEAD", "OPTIONS"}
        for rule in app.url_map.iter_rules()
        if str(rule).startswith("/api/v1") or str(rule) in ("/healthz", "/livez")
    }
    documented = {
        path: {method.upper() for method in methods}
        for path, methods in openapi_document(20)["paths"].items()
    }
    assert documented == rules


def test_every_code_is_in_the_document():
    schemas = openapi_document(20)["components"]["schemas"]
    assert schemas["Fault"]["properties"]["code"]["enum"] == list(PROBLEM_CODES)


def test_the_document_is_served_and_shown(client: FlaskClient):
    served = client.get("/api/openapi.json").json
    schemas = served["components"]["schemas"].values()
    without_examples = [{key: value for key, value in one.items() if key != "examples"} for one in schemas]
    document = json.loads(json.dumps(openapi_document(20)))
    assert without_examples == list(document["components"]["schemas"].values())
    assert served["paths"] == document["paths"]
    text = client.get("/api").text
    for path, methods in served["paths"].items():
        for method, operation in methods.items():
            assert f"{method.upper()} {path}" in text
            assert operation["summary"] in text
    for code in PROBLEM_CODES:
        assert f"<code>{code}</code>" in text
