import re

import numpy as np
import pytest
from flask.testing import FlaskClient

from tests.app.conftest import encoded, form
from tests.app.test_visits import several
from tests.dicom_files import EXPLICIT, dicom

API, PAGE = "/api/v1/predictions", "/"
FRAMES, ROWS, COLUMNS = 0x00280008, 0x00280010, 0x00280011
RED = np.full((30, 40, 3), (255, 0, 0), np.uint8)
OF_A_WOMAN = dicom(RED, EXPLICIT)  # whose header says 45 years, female, lower extremity


def given(client: FlaskClient, **fields: str) -> dict[str, str]:
    """What the page says that its answer is based on."""
    text = client.post(PAGE, **encoded(form(OF_A_WOMAN, **fields))).text
    return dict(re.findall(r"<div><dt>([^<]+)</dt><dd>([^<]+)</dd></div>", text))


def test_the_page_shows_what_the_header_gave(client: FlaskClient):
    found = given(client)
    assert found["Age"] == "45 years (from the header of the file)"
    assert found["Sex"] == "female (from the header of the file)"
    assert found["Place on the body"].endswith("(from the header of the file)")


def test_the_form_beats_the_header(client: FlaskClient):
    found = given(client, age="0", sex="male", site="")
    assert (found["Age"], found["Sex"]) == ("0 years", "male")
    assert found["Place on the body"].endswith("(from the header of the file)")


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
        (dicom(RED, "1.2.840.10008.1.2.4.90"), 415, "photo_type"),
    ],
)
def test_refusals(client: FlaskClient, data, status, code):
    response = client.post(API, **encoded(form(data)))
    assert (response.status_code, [error["code"] for error in response.json["errors"]]) == (status, [code])
    page = client.post(PAGE, **encoded(form(data)))
    assert page.status_code == status
    assert f'data-code="{code}"' in page.text
