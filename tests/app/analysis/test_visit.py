import json
import re
import shutil
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from app import create_app
from app.settings import MEGABYTE, Settings
from data_modelling.inference.bundle import write_checksums
from tests.app.conftest import encoded, form, photo, upload
from tests.app.html_page import Page
from tests.app.uploads import CONTENT_TYPE, body, part

URL = "/api/v1/visits"
# With the tiny bundle a photo's embedding is its mean colour: three greens and a red.
GREENS = ("lime", "#00f000", "#00e000")
RECORD = {
    name: {"value": value, "interval": [value - 0.05, value + 0.05]}
    for name, value in {
        "found": 0.2,
        "wrong": 0.3,
        "by_oddity": 0.4,
        "by_score": 0.35,
        "by_chance": 0.16,
    }.items()
}


def several(*photos: bytes, **fields):
    return {"photo": [upload(data) for data in photos], **fields}


@pytest.fixture
def comparing(bundles: Path, tmp_path: Path) -> FlaskClient:
    """Return an app whose bundle has the oddity threshold and the record of the mark."""
    folder = Path(shutil.copytree(bundles / "ham10000", tmp_path / "ham10000"))
    metadata = json.loads((folder / "metadata.json").read_text())
    (folder / "metadata.json").write_text(json.dumps(metadata | {"odd_one_out": {"ratio": 2.0}}))
    metrics = json.loads((folder / "metrics.json").read_text())
    record = {"patients": 98, "patients_with_melanoma": 27, **RECORD}
    record["difference"] = {"value": 0.05, "interval": [-0.05, 0.15]}
    (folder / "metrics.json").write_text(json.dumps(metrics | {"visits": record}))
    write_checksums(folder)
    return create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()


def ask(client: FlaskClient, fields, path: str = URL):
    return client.post(path, **encoded(fields))


def test_photos_are_ranked_by_their_cancer_probability(client: FlaskClient):
    visit = ask(client, several(photo("lime"), photo("red"), photo("blue"))).json
    assert visit["ranked_by"] == "cancer_probability"
    by_index = {entry["photo"]: entry for entry in visit["photos"]}
    cancers = [by_index[index]["answer"]["cancer"]["probability"] for index in visit["ranking"]]
    assert visit["ranking"][0] == 2
    assert cancers == sorted(cancers, reverse=True)
    assert [by_index[index]["rank"] for index in visit["ranking"]] == [1, 2, 3]
    assert list(by_index) == [1, 2, 3]


def test_every_photo_is_answered_as_it_would_be_alone(client: FlaskClient):
    """Each photo has its own site, and all have the same age."""
    fields = several(photo("lime"), photo("red"), site=["back", "scalp"], age="61", sex="male")
    together = ask(client, fields).json["photos"]
    for entry, colour, site in zip(together, ("lime", "red"), ("back", "scalp"), strict=True):
        alone = form(photo(colour), site=site, age="61", sex="male")
        assert entry["answer"] == client.post("/api/v1/predictions", **encoded(alone)).json


def test_the_odd_one_out_is_marked(comparing: FlaskClient):
    visit = ask(comparing, several(*map(photo, GREENS), photo("red"))).json
    assert visit["odd_one_out"] == 4
    assert [entry["stands_out"] for entry in visit["photos"]] == [False, False, False, True]
    assert visit["photos"][3]["oddity"] > 2


def test_photos_that_are_alike_have_no_odd_one(comparing: FlaskClient):
    visit = ask(comparing, several(*[photo("lime")] * 4)).json
    assert visit["odd_one_out"] is None
    assert [entry["stands_out"] for entry in visit["photos"]] == [False] * 4


def test_of_two_photos_none_can_stand_out(comparing: FlaskClient):
    visit = ask(comparing, several(photo("lime"), photo("red"))).json
    assert visit["odd_one_out"] is None
    assert [entry["stands_out"] for entry in visit["photos"]] == [None, None]


def test_a_bundle_that_does_not_say_how_marks_none(client: FlaskClient):
    visit = ask(client, several(*map(photo, GREENS), photo("red"))).json
    assert visit["odd_one_out"] is None
    assert visit["photos"][0]["stands_out"] is None


@pytest.mark.parametrize(
    ("bad", "code"),
    [(b"no photo", "photo_type"), (photo(size=(400, 300))[:-900], "photo_broken"), (b"", "photo_empty")],
)
def test_one_bad_photo_has_a_problem_of_its_own(comparing: FlaskClient, bad, code):
    response = ask(comparing, several(photo("lime"), bad, photo("red"), photo("lime")))
    assert response.status_code == 200
    visit = response.json
    assert visit["photos"][1]["problem"]["errors"][0]["code"] == code
    assert "answer" not in visit["photos"][1]
    assert visit["ranking"][0] == 3
    assert sorted(visit["ranking"]) == [1, 3, 4]
    assert visit["odd_one_out"] == 3


@pytest.mark.parametrize("path", [URL, "/visit"])
def test_a_photo_sent_as_text_beside_files_is_not_left_out(client: FlaskClient, path: str):
    files = [part("photo", photo(), "photo.jpg")] * 2
    content = body(*files, part("photo", photo("red")))
    response = client.post(path, data=content, content_type=CONTENT_TYPE)
    assert response.status_code == 422
    assert "The field photo has no file name" in response.text


def test_a_photo_above_its_limit_has_a_problem_of_its_own(client: FlaskClient):
    large = photo() + bytes(20 * MEGABYTE)
    visit = ask(client, several(photo(), large)).json
    assert visit["photos"][1]["problem"]["errors"][0]["code"] == "too_large"
    assert visit["ranking"] == [1]


def codes(response):
    return [(error["field"], error["code"]) for error in response.json["errors"]]


@pytest.mark.parametrize(
    ("fields", "status", "expected"),
    [
        (several(photo()), 422, [("photo", "photos_count")]),
        (several(*[photo()] * 13), 422, [("photo", "photos_count")]),
        ({"age": "40"}, 422, [("photo", "photos_count")]),
        (several(photo(), photo(), site=["back"]), 422, [("site", "sites_count")]),
        (several(photo(), photo(), changing=["yes"]), 422, [("changing", "sites_count")]),
        (several(photo(), photo(), changing=["yes", "often"]), 422, [("changing", "changing_unknown_value")]),
        (several(photo(), photo(), site=["back", "elbow"]), 422, [("site", "site_unknown_value")]),
        (
            several(photo(), photo(), age="121", sex="x"),
            422,
            [("age", "age_range"), ("sex", "sex_unknown_value")],
        ),
        (several(photo(), photo(), age=["40", "50"]), 422, [("age", "field_repeated")]),
        (several(photo(), photo(), bundle="nope"), 422, [("bundle", "bundle_unknown")]),
        (several(photo(), bytes(61 * MEGABYTE)), 413, [("photo", "too_large")]),
    ],
)
def test_what_is_wrong_is_named(client: FlaskClient, fields, status, expected):
    response = ask(client, fields)
    assert (response.status_code, codes(response)) == (status, expected)


def test_a_visit_may_be_as_large_as_a_photo(bundles):
    """With MAX_UPLOAD_MB=70, a single photo may be larger than the usual 60 MB of all photos together."""
    client = create_app(Settings(bundles=bundles, max_upload_mb=70)).test_client()
    assert "at most 70 MB each and 70 MB together" in client.get("/visit").text
    response = ask(client, several(photo(), bytes(71 * MEGABYTE)))
    assert response.json["detail"] == "The photos together are too large: at most 70 MB are accepted."


def test_rows_of_the_form_without_a_photo_are_passed_over_with_their_fields(client: FlaskClient):
    fields = {
        "photo": [upload(photo("lime")), upload(b"", ""), upload(photo("red"))],
        "site": ["back", "ear", "hand"],
        "changing": ["yes", "", "no"],
        "age": "50",
        "dermatoscope": "yes",
    }
    text = ask(client, fields, "/visit").text
    assert "upper" not in text
    assert re.findall(r"</strong> · ([^<]+)</p>", text) == ["back", "arm or hand"]
    assert re.findall(r'data-reasons="([^"]*)"', text)[0] == "changing"


ROWS = {1: photo("lime"), 3: photo("lime"), 4: b"no photo", 7: photo("red"), 12: photo("lime")}


def in_rows():
    """A form has twelve rows, and five have a photo."""
    return {"photo": [upload(ROWS[row]) if row in ROWS else upload(b"", "") for row in range(1, 13)]}


def test_the_sheet_has_each_spot_in_its_place_and_names_it_by_its_row(comparing: FlaskClient):
    text = ask(comparing, in_rows(), "/visit").text
    assert re.findall(r"<h2 data-label>Spot (\d+)</h2>", text) == ["1", "3", "4", "7", "12"]
    assert re.findall(r'data-photo="(\d+)" data-spot-status="refused"', text) == ["4"]
    spots = text.split('<li class="spot')[1:]
    assert "Not usable as a lesion photo" in spots[2]
    assert "Rank 1 of 4" in spots[3]
    assert [("This spot stands out:" in spot) for spot in spots] == [False, False, False, True, False]


def test_the_api_numbers_the_photos_that_were_sent(comparing: FlaskClient):
    visit = ask(comparing, in_rows()).json
    assert [entry["photo"] for entry in visit["photos"]] == [1, 2, 3, 4, 5]
    assert (visit["ranking"][0], visit["odd_one_out"]) == (4, 4)
    assert [entry.get("stands_out") for entry in visit["photos"]] == [False, False, None, True, False]


def test_page_and_json_show_the_same_numbers(comparing: FlaskClient):
    fields = lambda: several(*map(photo, GREENS), photo("red"), age="30")  # noqa: E731
    visit, text = ask(comparing, fields()).json, ask(comparing, fields(), "/visit").text
    page = Page(text)
    for entry in visit["photos"]:
        assert page.values[f"cancer-{entry['photo']}"] == entry["answer"]["cancer"]["probability"]
        for code, probability in entry["answer"]["probabilities"].items():
            assert page.values[f"{code}-{entry['photo']}"] == probability
    ranks = {
        int(row): int(rank) for row, rank in re.findall(r'data-photo="(\d)"[^>]* data-rank="(\d)"', text)
    }
    assert ranks == {index: rank for rank, index in enumerate(visit["ranking"], 1)}


def test_one_caution_stands_above_all_ranks(comparing: FlaskClient):
    text = ask(comparing, several(*map(photo, GREENS), photo("red")), "/visit").text
    assert text.count("A low rank does not mean that a spot is harmless") == 1
    assert text.index("A low rank does not mean that a spot is harmless") < text.index("Rank 1 of 4")
    assert "Call a family doctor or dermatologist today." in text  # the step of the most urgent spot


def test_the_mark_goes_where_it_found_no_more_than_chance(comparing: FlaskClient, tmp_path: Path):
    folder = tmp_path / "ham10000"
    metrics = json.loads((folder / "metrics.json").read_text())
    metrics["visits"]["by_oddity"]["interval"] = [0.15, 0.6]  # by chance .16
    (folder / "metrics.json").write_text(json.dumps(metrics))
    write_checksums(folder)
    client = create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()
    visit = ask(client, several(*map(photo, GREENS), photo("red"))).json
    assert visit["odd_one_out"] is None
    assert {entry["stands_out"] for entry in visit["photos"]} == {None}
    assert "How well the mark works" not in ask(client, several(*map(photo, GREENS)), "/visit").text


def test_the_mark_never_stands_without_its_figures_and_no_claim_without_its_interval(comparing: FlaskClient):
    text = ask(comparing, several(*map(photo, GREENS), photo("red")), "/visit").text
    assert 'data-figure="visits/found/value" data-low="0.15' in text
    assert "We cannot say" in text


def test_a_phone_photo_is_never_told_that_nothing_stands_out(client: FlaskClient):
    text = ask(client, several(photo("lime"), photo("#00f000"), dermatoscope="no"), "/visit").text
    assert "No cancer class stands out" not in text
    assert "not taken through a dermatoscope" in text


def test_each_photo_of_a_visit_that_looks_like_a_phones_says_why_it_has_no_result(phones: FlaskClient):
    text = ask(phones, several(photo("lime"), photo("#00f000"), dermatoscope="yes"), "/visit").text
    assert "No cancer class stands out" not in text
    assert text.count("You said that the photo was taken through a dermatoscope, but") == 2


def test_errors_keep_what_was_typed(client: FlaskClient):
    response = ask(client, several(photo(), age="350", site=["back"]), "/visit")
    page = Page(response.text)
    assert response.status_code == 422
    assert page.title.startswith("Error: ")
    assert page.ids["age"][1]["value"] == "350"
    assert '<option value="back" selected>' in response.text
    targets = [link[1:] for link in page.links if link.startswith("#")]
    assert set(targets) <= set(page.ids)


def test_pictures_of_the_answer_are_small_and_new(client: FlaskClient):
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    file = BytesIO()
    Image.new("RGB", (600, 400), "red").save(file, "JPEG", exif=exif)
    text = ask(client, several(file.getvalue(), photo()), "/visit").text
    assert text.count("data:image/jpeg;base64,") == 2
    assert "secret" not in text


@pytest.mark.parametrize("path", ["/visit", URL])
def test_without_a_bundle_nothing_is_invented(orphan: FlaskClient, path):
    assert ask(orphan, several(photo(), photo()), path).status_code == 503


def test_form_is_there_with_room_for_twelve(client: FlaskClient):
    text = client.get("/visit").text
    assert len(re.findall(r'type="file" id="photo-\d+" name="photo"', text)) == 12
    assert len(re.findall(r'name="site"', text)) == 12
    assert "A low rank does not mean that a spot is harmless" in text[: text.index("<form")]
