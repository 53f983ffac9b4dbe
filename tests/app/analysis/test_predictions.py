from io import BytesIO

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from app.settings import FORM_OVERHEAD, MEGABYTE
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.predictor import Predictor
from tests.app.conftest import encoded, form, photo, upload
from tests.app.uploads import CONTENT_TYPE, body, part

URL = "/api/v1/predictions"


def codes(response):
    return [(error["field"], error["code"]) for error in response.json["errors"]]


def test_answer_has_all_keys_and_probabilities_that_sum_to_one(post):
    response = post(form(age="50", sex="female", site="back", dermatoscope="yes"))
    assert response.status_code == 200
    assert response.mimetype == "application/json"
    answer = response.json
    assert list(answer) == [
        "status",
        "class",
        "reasons",
        "probabilities",
        "classes",
        "cancer",
        "model",
        "prediction_sets",
        "nearness",
    ]
    assert list(answer["probabilities"]) == ["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"]
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-9)
    assert [row["probability"] for row in answer["classes"]] == sorted(
        answer["probabilities"].values(), reverse=True
    )
    assert set(answer["classes"][0]) == {"code", "name", "flag", "probability"}
    assert set(answer["cancer"]) == {"probability", "threshold"}
    assert set(answer["model"]) == {"name", "version", "sha256"}


def test_answer_is_exactly_the_predictors(post, bundles):
    data = photo("#806040", (333, 222), "PNG")
    expected = Predictor(load_bundle(bundles / "ham10000")).answer(
        data, Details(61.0, "male", "posterior torso")
    )
    assert post(form(data, age="61", sex="male", site="back")).json == expected.as_json()


@pytest.mark.parametrize(
    ("colour", "dermatoscope", "status", "decision"),
    [
        ("red", "yes", "higher_concern", "MEL"),
        ("red", "no", "higher_concern", "MEL"),
        ("lime", "yes", "no_cancer_class", "NV"),
        ("lime", "", "uncertain", "NV"),
        ("lime", "unknown", "uncertain", "NV"),
        ("lime", "no", "uncertain", "NV"),
    ],
)
def test_status(post, colour, dermatoscope, status, decision):
    answer = post(form(photo(colour), dermatoscope=dermatoscope)).json
    assert (answer["status"], answer["class"]) == (status, decision)


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP"])
def test_every_photo_type_is_read_by_content(post, kind):
    assert post(form(photo(kind=kind))).status_code == 200


@pytest.mark.parametrize(
    ("explain", "keys"),
    [
        ("", None),
        ("heatmap", ["heatmap"]),
        ("details", ["details"]),
        (" details, heatmap ,", ["heatmap", "details"]),
    ],
)
def test_what_is_asked_for_is_explained(post, explain, keys):
    answer = post(form(age="40", explain=explain)).json
    assert list(answer.get("explanation", {})) == (keys or [])
    assert ("explanation" in answer) == bool(keys)


def test_crop_is_used(post):
    half_red = Image.new("RGB", (200, 100), "lime")
    half_red.paste("red", (0, 0, 100, 100))
    file = BytesIO()
    half_red.save(file, "PNG")
    left, right = (
        post(form(file.getvalue(), crop_x=x, crop_y="0", crop_size="1")).json["class"] for x in ("0", "0.5")
    )
    assert (left, right) == ("MEL", "NV")


def test_another_bundle_answers_when_asked_for(post):
    assert post(form(bundle="other")).json["model"]["name"] == "other"


@pytest.mark.parametrize(
    ("fields", "status", "expected"),
    [
        ({}, 422, [("photo", "photo_missing")]),
        ({"photo": "text"}, 422, [("photo", "photo_missing")]),
        ({"photo": upload(b"", "")}, 422, [("photo", "photo_missing")]),
        (form(b""), 422, [("photo", "photo_empty")]),
        ({"photo": [upload(photo()), upload(photo())]}, 422, [("photo", "photo_several")]),
        (form(b"%PDF-1.4"), 415, [("photo", "photo_type")]),
        (form(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"), 415, [("photo", "photo_type")]),
        (form(photo(size=(400, 300))[:-900]), 422, [("photo", "photo_broken")]),
        (form(photo(size=(5001, 5000), kind="PNG")), 422, [("photo", "photo_pixels")]),
        (form(age="121"), 422, [("age", "age_range")]),
        (form(age="nan"), 422, [("age", "age_range")]),
        (form(age="٣٤"), 422, [("age", "age_range")]),
        (form(age="-1"), 422, [("age", "age_range")]),
        (form(sex="f"), 422, [("sex", "sex_unknown_value")]),
        (form(site="elbow"), 422, [("site", "site_unknown_value")]),
        (form(changing="maybe"), 422, [("changing", "changing_unknown_value")]),
        (form(dermatoscope="maybe"), 422, [("dermatoscope", "dermatoscope_unknown_value")]),
        (form(crop_x="0"), 422, [("crop_y", "crop_range")]),
        (form(crop_x="0", crop_y="0", crop_size="2"), 422, [("crop_size", "crop_range")]),
        (form(crop_x="0.9", crop_y="0", crop_size="1"), 422, [("crop_size", "crop_outside")]),
        (form(bundle="nope"), 422, [("bundle", "bundle_unknown")]),
        (form(bundle="altered"), 422, [("bundle", "bundle_unknown")]),
        (form(bundle="../models/other"), 422, [("bundle", "bundle_unknown")]),
        (form(explain="lime"), 422, [("explain", "explain_unknown_value")]),
        (form(explain="heatmap,lime"), 422, [("explain", "explain_unknown_value")]),
        (form(age=["40", "50"]), 422, [("age", "field_repeated")]),
        (
            {"age": "x", "sex": "x", "site": "x"},
            422,
            [
                ("photo", "photo_missing"),
                ("age", "age_range"),
                ("sex", "sex_unknown_value"),
                ("site", "site_unknown_value"),
            ],
        ),
    ],
)
def test_what_is_wrong_is_named(post, fields, status, expected):
    response = post(fields)
    assert response.status_code == status
    assert response.mimetype == "application/problem+json"
    assert codes(response) == expected
    assert "probabilities" not in response.json


@pytest.mark.parametrize("size", [40, 300_000])  # above and below the limit of texts
@pytest.mark.parametrize("path", ["/api/v1/predictions", "/api/v1/visits", "/", "/visit"])
def test_a_photo_sent_as_text_is_said_to_have_no_file_name(client: FlaskClient, path, size):
    response = client.post(path, data=body(part("photo", bytes(size))), content_type=CONTENT_TYPE)
    assert response.status_code == 422
    assert "The field photo has no file name" in response.text


def test_a_photo_beside_a_text_of_its_name_is_answered(client: FlaskClient):
    content = body(part("photo", b"red.png"), part("photo", photo(), "red.png"))
    assert client.post("/api/v1/predictions", data=content, content_type=CONTENT_TYPE).status_code == 200


@pytest.mark.parametrize(("filename", "charset"), [("Läsion.jpg", "cp1252"), ("写真.jpg", "shift_jis")])
@pytest.mark.parametrize("path", ["/api/v1/predictions", "/"])
def test_a_file_name_in_any_character_set_does_not_matter(client: FlaskClient, path, filename, charset):
    answers = [
        client.post(path, data=body(part("photo", photo(), *name)), content_type=CONTENT_TYPE)
        for name in ((filename, charset), ("photo.jpg",))
    ]
    assert [answer.status_code for answer in answers] == [200, 200]
    if path != "/":
        assert answers[0].json == answers[1].json


@pytest.mark.parametrize(
    "filename",
    ["C:\\photos\\", "", 'a"b.jpg', "a;b=c.jpg"],
    ids=["backslash at the end", "empty", "quote", "parameter"],
)
def test_a_file_with_an_odd_name_is_a_file(client: FlaskClient, filename):
    answer = client.post(URL, data=body(part("photo", photo(), filename)), content_type=CONTENT_TYPE)
    assert answer.status_code == 200


@pytest.mark.parametrize("name", ["file", "image", "Photo", "photo[]"])
@pytest.mark.parametrize("path", [URL, "/"])
def test_a_file_in_another_field_is_said_to_be_there(client: FlaskClient, path, name):
    content = body(part(name, photo(), "a.jpg"))
    answer = client.post(path, data=content, content_type=CONTENT_TYPE)
    assert answer.status_code == 422
    assert "The file is in another field; send it in the field photo." in answer.text


@pytest.mark.parametrize(("age", "number"), [("000Y", "0"), ("018M", "1.5"), ("045Y ", "45")])
def test_an_age_of_a_header_in_the_form(post, age, number):
    assert post(form(age=age)).json == post(form(age=number)).json


def test_problem_has_the_members_of_rfc_9457(post):
    problem = post(form(age="400")).json
    assert list(problem) == ["type", "title", "status", "detail", "errors"]
    assert problem["status"] == 422
    assert problem["errors"][0]["message"] in problem["detail"]


@pytest.mark.parametrize(
    ("body", "content_type", "status", "code"),
    [
        (b"age=40", "application/x-www-form-urlencoded", 415, "not_multipart"),
        (b"{}", "application/json", 415, "not_multipart"),
        (photo(), "image/jpeg", 415, "not_multipart"),
        (b"", "", 415, "not_multipart"),
        (b"x", "multipart/form-data", 400, "malformed"),
        (b"no boundary in here", "multipart/form-data; boundary=b", 400, "malformed"),
        (
            b'--b\r\nContent-Disposition: form-data; name="photo"',
            "multipart/form-data; boundary=b",
            400,
            "malformed",
        ),
    ],
)
def test_body_that_is_no_form(client: FlaskClient, body, content_type, status, code):
    response = client.post(URL, data=body, content_type=content_type)
    assert (response.status_code, codes(response)) == (status, [(None, code)])


@pytest.mark.parametrize("size", [20 * MEGABYTE + 1, 20 * MEGABYTE + FORM_OVERHEAD + 1])
def test_photo_above_the_limit(post, size):
    response = post(form(bytes(size)))
    assert (response.status_code, codes(response)) == (413, [("photo", "too_large")])
    assert "20 MB" in response.json["detail"]


def test_photo_at_the_limit_is_read(post):
    data = photo()
    assert post(form(data + bytes(20 * MEGABYTE - len(data)))).status_code == 200


@pytest.mark.parametrize("edge", [150, 300, 600, 1200])
def test_photo_whose_bytes_look_like_the_beginning_of_a_boundary_is_read(post, edge):
    """werkzeug holds such bytes back. Noise has them everywhere, as a real JPEG has."""
    file = BytesIO()
    noise = np.random.default_rng(edge).integers(0, 256, (edge, edge, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG")
    assert post(form(file.getvalue())).status_code == 200


def some(count: int) -> dict[str, str]:
    return {f"field{number}": "x" for number in range(count)}


@pytest.mark.parametrize("fields", [some(50), some(1001), {"age": "1" * 400_000}], ids=["51", "1002", "text"])
@pytest.mark.parametrize("path", [URL, "/api/v1/visits"])
def test_form_with_too_much_in_it(client: FlaskClient, path, fields):
    response = client.post(path, **encoded(form(**fields)))
    assert (response.status_code, codes(response)) == (413, [(None, "too_large")])
    assert "at most 50 fields are accepted, each with at most 256 kB of text" in response.json["detail"]


def test_form_of_fifty_parts_is_read(post):
    assert post(form(**some(49))).status_code == 200


def test_large_upload_stays_in_memory(post, monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a temporary file was asked for")

    for name in ("TemporaryFile", "SpooledTemporaryFile", "NamedTemporaryFile", "mkstemp"):
        monkeypatch.setattr(f"tempfile.{name}", refuse)
    monkeypatch.setattr("werkzeug.formparser.SpooledTemporaryFile", refuse)
    data = photo()
    assert post(form(data + bytes(19 * MEGABYTE))).status_code == 200


def test_method_that_is_not_for_this_address(client: FlaskClient):
    response = client.get(URL)
    assert (response.status_code, codes(response)) == (405, [(None, "method_not_allowed")])
    assert "POST" in response.headers["Allow"]


def test_address_that_does_not_exist(client: FlaskClient):
    response = client.get("/api/v1/nothing")
    assert (response.status_code, codes(response)) == (404, [(None, "not_found")])
    assert response.mimetype == "application/problem+json"


def test_fault_of_our_own_is_a_500_without_details(client: FlaskClient, app, monkeypatch):
    monkeypatch.setitem(app.config, "PROPAGATE_EXCEPTIONS", False)
    monkeypatch.setattr("app.analysis.api.analyse", lambda _submission: 1 / 0)
    response = client.post(URL, **encoded(form()))
    assert (response.status_code, codes(response)) == (500, [(None, "internal")])
    assert "zero" not in response.text


def test_without_a_bundle_nothing_is_invented(orphan: FlaskClient):
    response = orphan.post(URL, **encoded(form()))
    assert (response.status_code, codes(response)) == (503, [(None, "model_unavailable")])
    assert int(response.headers["Retry-After"]) > 0
