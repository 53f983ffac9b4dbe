import re

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.app.analysis.test_visit import several
from tests.app.conftest import encoded, form, photo
from tests.dicom_files import EXPLICIT, dicom

API, PAGE = "/api/v1/predictions", "/"
FRAMES, ROWS, COLUMNS = 0x00280008, 0x00280010, 0x00280011
RED = np.full((30, 40, 3), (255, 0, 0), np.uint8)
AS_PNG = photo("#ff0000", (40, 30), "PNG")
OF_A_WOMAN = dicom(RED, EXPLICIT)  # whose header says 45 years, female, lower extremity


def shown_inputs(client: FlaskClient, **fields: str) -> dict[str, str]:
    """Return the inputs that the page shows."""
    text = client.post(PAGE, **encoded(form(OF_A_WOMAN, **fields))).text
    return dict(re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+)</dd></div>", text))


def test_the_page_shows_what_the_header_gave(client: FlaskClient):
    inputs = shown_inputs(client)
    assert inputs["Age"] == "45 years (from the header of the file)"
    assert inputs["Sex"] == "female (from the header of the file)"
    assert inputs["Place on the body"].endswith("(from the header of the file)")


def test_the_form_beats_the_header(client: FlaskClient):
    inputs = shown_inputs(client, age="30", sex="male", site="")
    assert (inputs["Age"], inputs["Sex"]) == ("30 years", "male")
    assert inputs["Place on the body"].endswith("(from the header of the file)")


@pytest.mark.parametrize("age", ["unknown", " Unknown ", "0", "0.0"])
def test_a_form_that_says_that_the_age_is_unknown_beats_the_header(client: FlaskClient, post, age):
    assert shown_inputs(client, age=age)["Age"] == "not known"
    same = {"sex": "female", "site": "lower extremity"}
    assert post(form(OF_A_WOMAN, age=age)).json == post(form(AS_PNG, **same)).json


def test_a_form_that_says_that_sex_or_site_is_unknown_beats_the_header(client: FlaskClient):
    inputs = shown_inputs(client, sex="unknown", site="unknown")
    assert (inputs["Sex"], inputs["Place on the body"]) == ("not known", "not known")


def test_what_the_page_sends_untouched_leaves_the_header_as_it_is(client: FlaskClient):
    button = re.search(
        r'<input type="radio" name="sex" value="([^"]*)" id="sex-unknown" checked>', client.get("/").text
    )
    assert button is not None
    assert shown_inputs(client, sex=button[1], age="", site="")["Sex"].startswith("female")


@pytest.mark.parametrize("age", ["unknown", "0"])
def test_a_visit_whose_age_is_said_to_be_unknown_beats_the_headers(client: FlaskClient, age):
    visits = [
        client.post("/api/v1/visits", **encoded(several(content, content, age=age))).json["photos"]
        for content in (OF_A_WOMAN, AS_PNG)
    ]
    probabilities = [[entry["answer"]["probabilities"] for entry in visit] for visit in visits]
    assert probabilities[0] == probabilities[1]


def test_a_site_of_a_visit_that_is_said_to_be_unknown_beats_the_header(client: FlaskClient):
    fields = several(OF_A_WOMAN, OF_A_WOMAN, site=["", "unknown"])
    assert client.post("/visit", **encoded(fields)).text.count("· leg or foot") == 1


@pytest.mark.parametrize("age", ["0", "0,0", "unknown", ""])
def test_age_0_is_not_known(post, age):
    answer = post(form(age=age)).json
    assert answer == post(form()).json
    assert "age_rare" not in answer["reasons"]


@pytest.mark.parametrize("age", ["unknown", "0"])
def test_not_known_in_the_form_overrides_the_header(client: FlaskClient, post, age):
    inputs = shown_inputs(client, age=age, site="unknown")
    assert (inputs["Age"], inputs["Place on the body"]) == ("not known", "not known")
    assert inputs["Sex"] == "female (from the header of the file)"
    same = post(form(dicom(RED, EXPLICIT, changes={0x00101010: None}))).json
    assert post(form(OF_A_WOMAN, age=age)).json == same


def test_not_known_in_a_visit_overrides_the_header(client: FlaskClient):
    answers = [
        client.post("/api/v1/visits", **encoded(several(*[data] * 2, **fields))).json["photos"][0]["answer"]
        for data, fields in (
            (OF_A_WOMAN, {"age": "unknown"}),
            (dicom(RED, EXPLICIT, changes={0x00101010: None}), {}),
        )
    ]
    assert answers[0] == answers[1]


def test_words_of_the_header_that_are_not_read_are_reported(client: FlaskClient, post):
    data = dicom(RED, EXPLICIT, changes={0x00101010: "old", 0x00180015: "HEART"})
    assert {"age_unread", "site_unread"} <= set(post(form(data)).json["reasons"])
    assert {"age_unread"} == {
        code for code in post(form(data, site="back")).json["reasons"] if code.endswith("_unread")
    }
    assert "has a body part that this app cannot read" in client.post(PAGE, **encoded(form(data))).text


def test_the_answer_is_that_of_the_details_typed_in(post):
    same = {"age": "45", "sex": "female", "site": "lower extremity"}
    assert post(form(OF_A_WOMAN)).json == post(form(OF_A_WOMAN, **same)).json
    assert post(form(OF_A_WOMAN)).json != post(form(OF_A_WOMAN, age="80")).json


def test_each_photo_of_a_visit_has_its_own_header(client: FlaskClient):
    one, other = client.post(
        "/api/v1/visits", **encoded(several(OF_A_WOMAN, dicom(RED, EXPLICIT, changes={0x00101010: "080Y"})))
    ).json["photos"]
    assert one["answer"]["probabilities"] != other["answer"]["probabilities"]


def test_the_name_is_nowhere(client: FlaskClient):
    assert b"ZZTOP" in OF_A_WOMAN
    assert "ZZTOP" not in client.post(PAGE, **encoded(form(OF_A_WOMAN))).text


@pytest.mark.parametrize(
    ("data", "status", "code"),
    [
        (dicom(RED, changes={FRAMES: "2"}), 422, "photo_frames"),
        (dicom(RED, changes={ROWS: 30_000, COLUMNS: 30_000}), 422, "photo_pixels"),
        (dicom(RED)[:-300], 422, "photo_broken"),
        (dicom(RED)[:200], 422, "photo_broken"),
        (dicom(RED, "1.2.840.10008.1.2.4.80"), 415, "photo_type"),
    ],
)
def test_refusals(client: FlaskClient, data, status, code):
    response = client.post(API, **encoded(form(data)))
    assert (response.status_code, [error["code"] for error in response.json["errors"]]) == (status, [code])
    page = client.post(PAGE, **encoded(form(data)))
    assert page.status_code == status
    assert f'data-code="{code}"' in page.text
