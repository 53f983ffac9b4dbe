import base64
import json
import re
import shutil
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from flask.testing import FlaskClient
from PIL import Image

from app import create_app
from app.answer.wording import (
    NO_DIAGNOSIS,
    REFUSALS,
    TEXTS,
    digits_beside,
    format_percent,
    format_percentage_points,
)
from app.settings import Settings
from data_modelling.inference.bundle import write_checksums
from data_modelling.inference.details import SITE_NAMES, SITES
from data_modelling.inference.diagnoses import class_codes
from tests.app.conftest import encoded, form, photo, upload
from tests.app.html_page import Page
from tests.app.tiny_bundle import NEVER_REFUSED, make_tiny_bundle
from tests.dicom_files import dicom

CODES = class_codes("ham10000")


def submit(client: FlaskClient, fields):
    response = client.post("/", **encoded(fields))
    return response, Page(response.text)


def test_form_says_first_what_it_is_and_is_not(client: FlaskClient):
    text = client.get("/").text
    before_form = text[: text.index("<form")]
    for words in (
        "no diagnosis",
        "no medical device",
        "Show a doctor any spot that is new",
        "education and",
        "Nothing is stored",
    ):
        assert words in before_form
    assert "JPEG, PNG, WebP or DICOM, at most 20 MB" in text


def test_every_place_on_the_body_is_one_the_reader_knows(client: FlaskClient):
    offered = [value for group in TEXTS["site_groups"].values() for value in group]
    assert set(offered) <= set(SITE_NAMES)
    assert {SITE_NAMES[value] for value in offered} == set(SITES)
    assert all(f'<option value="{value}">' in client.get("/").text for value in offered)


@pytest.mark.parametrize(
    ("probability", "text"),
    [
        (0, "under 1"),
        (0.0099, "under 1"),
        (0.01, "1"),
        (0.5, "50"),
        (0.994, "over 99"),
        (0.99, "99"),
        (1, "over 99"),
    ],
)
def test_percent(probability, text):
    assert format_percent(probability) == f"{text}\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("probability", "digits", "text"),
    [
        (0.0009, 1, "under 0.1"),
        (0.004516, 1, "0.5"),
        (0.004516, 2, "0.45"),
        (0.3, 1, "30.0"),
        (0.9995, 1, "over 99.9"),
    ],
)
def test_percent_with_decimals(probability, digits, text):
    assert format_percent(probability, digits) == f"{text}\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize(
    ("threshold", "probability", "digits"),
    [
        (0.15, 0.3, 0),
        (0.15, 0.001, 0),  # under 1 % beside 15 %
        (0.147791, 0.1465, 1),  # both 15 %; 14.8 % and 14.7 %
        (0.147791, 0.147791, 0),  # the same
        (0.004516, 0.3, 1),  # 0.5 %, which whole per cent cannot tell
        (0.004516, 0.00713, 1),  # 0.5 % and 0.7 %
        (0.004516, 0.0048, 2),  # both 0.5 %; 0.45 % and 0.48 %
        (0.0004, 0.3, 2),  # 0.04 %
        (0.2, 0.2 + 1e-9, 4),  # as good as the same
    ],
)
def test_a_probability_beside_a_threshold_has_decimals_enough(threshold, probability, digits):
    assert digits_beside(threshold, probability) == digits


@pytest.mark.parametrize(
    ("threshold", "language", "cancer", "shown", "melanoma"),
    [
        (0.25, "en", "2", "25", "under 1"),
        (0.004516, "en", "1.9", "0.5", "0.6"),
        (0.004516, "de", "1,9", "0,5", "0,6"),
        (0.0192, "en", "1.94", "1.92", "0.65"),
    ],
)
def test_what_stands_beside_a_threshold_shows_on_which_side_it_is(
    changed, threshold, language, cancer, shown, melanoma
):
    """For a green photo melanoma has 1 / (e^5 + 6) = .006476, and the three cancer classes have .019429."""
    client = changed({"thresholds": {"cancer": threshold, "melanoma": 0.15}})
    page = Page(client.post(f"/?lang={language}", **encoded(form(photo("lime", kind="PNG")))).text)
    texts = {
        name: page.texts[name].removesuffix("\N{NO-BREAK SPACE}%") for name in ("cancer", "threshold", "MEL")
    }
    assert texts == {"cancer": cancer, "threshold": shown, "MEL": melanoma}


def test_classes_are_shown_in_the_order_of_the_answer(client: FlaskClient, post):
    answer = post(form()).json
    _, page = submit(client, form())
    codes = [name for name in page.values if name in answer["probabilities"]]
    assert codes == [row["code"] for row in answer["classes"]]


def test_cost_of_the_threshold_is_that_of_metrics_json(client: FlaskClient):
    response, _ = submit(client, form())
    assert (
        "The threshold of 25\N{NO-BREAK SPACE}% for the cancer classes together was chosen" in response.text
    )
    assert "164 of 1,640 photos of cancer classes stayed below the threshold." in response.text
    assert "1,372 of 6,860 other photos reached it" in response.text
    assert "Melanoma alone: " in response.text
    assert "The model raises concern at 15\N{NO-BREAK SPACE}% or more." in response.text


def shares(cancer: dict[str, float], benign: dict[str, float]) -> dict[str, dict[str, float]]:
    return {"melanoma": {"n": 1}, "cancer": cancer, "benign": benign}


COUNTS = {
    "PAD": {
        "seen": shares({"n": 10, "uncertain": 1}, {"n": 10, "uncertain": 9}),
        "left_out": shares({"n": 40, "uncertain": 10}, {"n": 200, "uncertain": 151}),
    },
    "all_left_out": shares(
        {"higher_concern": 81.6, "no_cancer_class": 0.3}, {"higher_concern": 30.2, "no_cancer_class": 25}
    ),
}


@pytest.mark.parametrize(
    ("colour", "fields", "words"),
    [
        (
            "red",
            {"dermatoscope": "yes"},
            "At clinics new to the model, on average 82 of 100 cancers got this answer, and 30 of 100 harmless",
        ),
        (
            "lime",
            {"dermatoscope": "yes"},
            "new to the model, on average fewer than 1 of 100 cancers got this answer, and 25 of 100 harmless spots",
        ),
        (
            "lime",
            {"dermatoscope": "no"},
            "In phone photos from a clinic new to the model, 25 of 100 cancers got this answer, and 76 of",
        ),
        ("lime", {"dermatoscope": "yes", "changing": "yes"}, None),  # nobody asked that of the clinics' spots
        ("lime", {}, None),
    ],
)
def test_the_count_beside_the_answer_is_that_of_its_status(changed, colour, fields, words):
    text = changed(metrics={"status_counts": COUNTS}).post("/", **encoded(form(photo(colour), **fields))).text
    assert ("data-share" in text) is (words is not None)
    if words:
        assert words in text
        assert "This does not say how likely this spot is to be cancer." in text


def test_without_the_counts_none_is_shown(client: FlaskClient):
    assert "data-share" not in submit(client, form(dermatoscope="yes"))[0].text


def test_a_bundle_that_says_little_is_shown_without_what_it_does_not_say(bundles: Path, tmp_path: Path):
    folder = Path(shutil.copytree(bundles / "ham10000", tmp_path / "ham10000"))
    metadata = json.loads((folder / "metadata.json").read_text())
    for name in ("head", "date"):
        del metadata[name]
    del metadata["data"]["photos"]
    (folder / "metadata.json").write_text(json.dumps(metadata))
    (folder / "metrics.json").write_text("{}")
    write_checksums(folder)
    client = create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()
    response, page = submit(client, form(age="40"))
    assert response.status_code == 200
    assert "lack what a heat map needs" in response.text
    assert "In testing" not in response.text
    assert "Learned from" not in response.text
    assert "with-MEL" in page.values
    response = client.post("/api/v1/predictions", **encoded(form(explain="heatmap")))
    assert (response.status_code, response.json["errors"][0]["code"]) == (422, "explain_unavailable")
    assert client.post("/api/v1/predictions", **encoded(form(explain="details"))).status_code == 200


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({}, "It learned from dermoscopic photos from several clinics."),
        ({"ISIC_2017": {"photos": 1828}}, "It learned from dermoscopic photos from several clinics."),
        (
            {"ISIC_2017": {"photos": 1828}, "PAD_UFES_20": {"photos": 1405}},
            "It learned from dermoscopic photos from several clinics and from 1,405 phone photos.",
        ),
    ],
)
def test_phone_photos_that_it_learned_from_are_told(changed, more, words):
    assert words in submit(changed({"more": more}), form())[0].text


def test_sections_stand_in_the_order_that_the_reader_is_owed(client: FlaskClient):
    response, _ = submit(client, form(dermatoscope="yes", age="40"))
    headings = re.findall(r"<h[12][^>]*>([^<]+)<", response.text)
    assert headings == [
        "Higher concern",
        "All classes",
        "What the model looked at",
        "What the patient details changed",
        "Photos to compare with",
        "What the answer is based on",
        "For doctors",
        "Print or keep",
    ]


@pytest.mark.parametrize(
    ("colour", "fields", "action"),
    [
        ("red", {"dermatoscope": "yes"}, "Call a family doctor or dermatologist today."),
        ("lime", {"dermatoscope": "yes"}, "at your next visit, within three months"),
        ("lime", {"dermatoscope": "no"}, "look at the spot within four weeks"),
        (
            "lime",
            {"dermatoscope": "yes", "changing": "yes"},
            "see a family doctor or dermatologist this week",
        ),
        ("red", {"dermatoscope": "yes", "changing": "yes"}, "Call a family doctor or dermatologist today."),
    ],
)
def test_the_action_fits_the_status_and_no_spot_is_left_alone(client: FlaskClient, colour, fields, action):
    text = submit(client, form(photo(colour), **fields))[0].text
    card = text[text.index("data-step") :]
    assert action in card[: card.index("</summary>")]
    assert "If it is new, changing, bleeding or worries you, see a doctor now, whatever this says." in card


def test_an_uncertain_answer_names_no_class_first(client: FlaskClient):
    """Lime: the nevus is the most probable class by far."""
    _, page = submit(client, form(photo("lime"), dermatoscope="no"))
    assert [name for name in page.values if name in CODES] == list(CODES)


def test_what_the_answer_is_based_on_names_the_model(client: FlaskClient):
    response, _ = submit(client, form())
    assert "ham10000</a>, version 1.0 of 2026-01-31, SHA-256 " in response.text
    assert "8,513 photos of 6,332 lesions from HAM10000" in response.text


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"dermatoscope": "no"}, "The photo was not taken through a dermatoscope."),
        ({}, "It is not known whether the photo was taken through a dermatoscope."),
        ({"photo": photo(size=(12, 15)), "dermatoscope": "yes"}, "has only 12 x 12 pixels"),
        (
            {"crop_x": "0", "crop_y": "0", "crop_size": "0.5", "dermatoscope": "yes"},
            "has only 15 x 15 pixels",
        ),
    ],
)
def test_limits_of_this_very_photo_are_said_first(client: FlaskClient, fields, words):
    data = fields.pop("photo", None)
    response, _ = submit(client, form(data, **fields))
    status = response.text.index("data-status")
    assert status < response.text.index(words) < response.text.index("data-step")


def test_a_good_photo_has_no_limits_of_its_own(client: FlaskClient):
    response, _ = submit(client, form(dermatoscope="yes"))
    assert response.text.count('class="caution"') == 1
    assert NO_DIAGNOSIS in response.text
    assert "More cautions" not in response.text


def test_every_class_has_its_map_and_the_decided_one_is_shown(client: FlaskClient):
    _, page = submit(client, form())
    radios = {name: attributes for name, (tag, attributes) in page.ids.items() if tag == "input"}
    assert set(radios) - {"strength"} == {f"map-{code}" for code in CODES}
    assert [name for name, attributes in radios.items() if "checked" in attributes] == ["map-MEL"]


def test_an_uncertain_answer_shows_no_class_first_on_the_map_either(client: FlaskClient):
    _, page = submit(client, form(photo("lime"), dermatoscope="no"))
    assert not any("checked" in attributes for tag, attributes in page.ids.values() if tag == "input")


def test_without_details_nothing_is_said_to_have_changed(client: FlaskClient):
    response, page = submit(client, form())
    assert "You gave no age, sex or place" in response.text
    assert not any(name.startswith("with-") for name in page.values)


@pytest.mark.parametrize(
    ("probability", "before", "text"),
    [
        (0.4, 0.4, "no change"),
        (0.404, 0.4, "hardly any change"),
        (0.21, 0.2, "1 point more"),
        (0.384, 0.206, "17 points more"),  # 38 % against 21 %
        (0.074, 0.2, "13 points less"),
        (0.0009, 0.0085, "hardly any change"),  # under 1 % on both sides
        (0.9985, 0.9912, "hardly any change"),  # over 99 %
        (0.0101, 0.0099, "hardly any change"),  # 1 % and under 1 %
        (0.0149, 0.0042, "1 point more"),  # 1 % and under 1 %
    ],
)
def test_points(probability, before, text):
    assert format_percentage_points(probability, before) == text.replace(" point", "\N{NO-BREAK SPACE}point")


def test_photo_without_dermatoscope_never_gets_the_all_clear(client: FlaskClient):
    response, page = submit(client, form(photo("lime"), dermatoscope="no"))
    assert page.ids["status"][1]["data-status"] == "uncertain"
    assert TEXTS["statuses"]["no_cancer_class"] not in response.text
    assert response.text.index("not taken through a dermatoscope") < response.text.index("data-step")


@pytest.mark.parametrize(
    ("dermatoscope", "why"),
    [
        (
            "yes",
            "You said that the photo was taken through a dermatoscope, but it looks like a photo taken without one.",
        ),
        ("unknown", "The photo looks like a phone photo"),
        ("no", "The photo was not taken through a dermatoscope."),
    ],
)
def test_what_looks_like_a_phone_photo_never_gets_the_all_clear_whatever_is_said(
    phones: FlaskClient, dermatoscope, why
):
    response, page = submit(phones, form(photo("lime"), dermatoscope=dermatoscope))
    assert page.ids["status"][1]["data-status"] == "uncertain"
    assert TEXTS["statuses"]["no_cancer_class"] not in response.text
    assert response.text.index("data-status") < response.text.index(why) < response.text.index("data-step")


def test_preview_is_encoded_anew_without_metadata(client: FlaskClient):
    exif = Image.Exif()
    exif[0x010E] = "secret description"
    file = BytesIO()
    Image.new("RGB", (600, 400), "red").save(file, "JPEG", exif=exif)
    assert b"secret description" in file.getvalue()
    response, _ = submit(client, form(file.getvalue()))
    encoded = re.search(r"data:image/jpeg;base64,([^\"]+)", response.text)
    assert encoded is not None
    data = base64.b64decode(encoded[1])
    assert b"secret" not in data
    with Image.open(BytesIO(data)) as preview:
        assert (preview.size, dict(preview.getexif())) == ((512, 512), {})


@pytest.mark.parametrize(
    ("age", "language", "words"),
    [
        ("1", "en", "1 year"),
        ("1", "de", "1 Jahr"),
        ("2", "en", "2 years"),
        ("0", "en", "not known"),
        ("45.5", "en", "45.5 years"),
        ("45.5", "de", "45,5 Jahre"),
        ("1.5", "de", "1,5 Jahre"),
    ],
)
def test_an_age_is_said_as_the_language_says_it(client: FlaskClient, age, language, words):
    text = client.post(f"/?lang={language}", **encoded(form(age=age))).text
    assert f"<dd>{words}</dd>" in text
    visit = {"photo": [upload(photo("red")), upload(photo("lime"))], "age": age}
    text = client.post(f"/visit?lang={language}", **encoded(visit)).text
    assert f"<dd>{words}</dd>" in text


def test_details_are_shown_as_they_were_understood(client: FlaskClient):
    response, _ = submit(client, form(age="40", sex="female", site="scalp", dermatoscope="yes"))
    for words in ("40 years", "female", "head or neck"):
        assert f"<dd>{words}</dd>" in response.text


@pytest.mark.parametrize("name", ["melanoma", "nevus"])
def test_example_is_answered_without_a_file(client: FlaskClient, name):
    response, page = submit(client, {"example": name})
    assert response.status_code == 200
    assert set(CODES) <= set(page.values)
    assert "ISIC 2017, CC-0" in response.text


def test_errors_are_listed_with_links_to_their_fields_and_values_stay(client: FlaskClient):
    response, page = submit(client, {"age": "350", "sex": "male", "site": "back", "dermatoscope": "yes"})
    assert response.status_code == 422
    assert page.title.startswith("Error: ")
    assert [link for link in page.links if link in ("#photo", "#age")] == ["#photo", "#age"]
    assert page.ids["age"][1]["value"] == "350"
    assert page.ids["age"][1]["aria-describedby"] == "age-error"
    assert "checked" in page.ids["sex-male"][1]
    assert "checked" in page.ids["dermatoscope"][1]
    assert '<option value="back" selected>' in response.text
    assert "Choose the photo again" in response.text


def test_every_link_of_an_error_leads_to_an_element(client: FlaskClient):
    _, page = submit(
        client, form(age="x", sex="x", site="x", dermatoscope="x", crop_x="7", bundle="x", explain="x")
    )
    targets = [link[1:] for link in page.links if link.startswith("#")]
    assert len(targets) == 1 + 6  # the skip link, six faults (a bundle is looked for in a correct form only)
    assert set(targets) <= set(page.ids)


@pytest.mark.parametrize(
    ("data", "status"), [(b"no photo", 415), (photo(size=(400, 300))[:-900], 422)], ids=["type", "broken"]
)
def test_refusal_has_no_probabilities_and_says_what_to_do(client: FlaskClient, data, status):
    response, page = submit(client, form(data))
    assert response.status_code == status
    assert page.title.startswith("Error: ")
    assert "<h1" in response.text.partition("Not usable as a lesion photo</h1>")[0]
    assert page.ids["caution"][0] == "p"
    assert "look at the spot within four weeks. They need no photo." in response.text
    assert page.values == {}


def test_a_refusal_shows_only_the_share_of_the_chosen_model(changed, tmp_path):
    make_tiny_bundle(tmp_path / "changed" / "other")
    client = changed(None, {"elsewhere": {"A": {"checks": {"refused": {"share": 0.041}}}}})
    texts = [submit(client, form(b"no photo", bundle=name))[0].text for name in ("ham10000", "other")]
    assert ["up to 4 of 100 photos of real spots" in text for text in texts] == [True, False]


def test_a_refusal_shows_the_photo_and_how_often_real_spots_are_refused(changed):
    blank = NEVER_REFUSED | {"contrast": {"refuse": 10.0, "warn": None}}
    sources = {
        "A": {"checks": {"refused": {"share": 0.041}}},
        "B": {"checks": {"refused": {"share": 0.0749}}},
    }
    client = changed({"quality": blank}, {"elsewhere": sources})
    response, page = submit(client, form(photo("red"), dermatoscope="no"))
    assert response.status_code == 422
    assert "data:image/jpeg;base64," in response.text
    assert "up to 7 of 100 photos of real spots were refused, depending on the data set." in response.text
    assert "cannot judge a photo taken without a dermatoscope" in response.text
    assert page.values == {}


def test_the_server_draws_what_a_browser_cannot_show(client: FlaskClient):
    file = dicom(np.zeros((20, 40, 3), np.uint8))
    response = client.post("/preview", **encoded(form(file)))
    assert (response.status_code, response.mimetype) == (200, "image/jpeg")
    with Image.open(BytesIO(response.data)) as drawn:
        assert drawn.size == (40, 20)
    assert client.post("/preview", **encoded(form(b"no photo"))).status_code == 415


def test_a_refusal_keeps_what_was_typed(client: FlaskClient):
    response, page = submit(client, form(b"no photo", age="40", sex="male", site="back"))
    assert page.ids["age"][1]["value"] == "40"
    assert "checked" in page.ids["sex-male"][1]
    assert '<option value="back" selected>' in response.text


def test_typed_text_is_escaped(client: FlaskClient):
    response, _ = submit(client, form(age='"><script>alert(1)</script>'))
    assert "<script>alert" not in response.text


def test_form_that_is_too_large_is_answered_on_the_page(client: FlaskClient):
    response, page = submit(client, form(bytes(21_000_000)))
    assert response.status_code == 413
    assert page.title.startswith("Error: ")
    assert "at most 20 MB" in response.text


@pytest.mark.parametrize("path", ["/", "/visit"])
def test_a_small_photo_in_a_form_with_too_much_text_is_not_called_too_large(client: FlaskClient, path):
    response = client.post(path, **encoded(form(age="1" * 400_000)))
    assert response.status_code == 413
    assert "The form is too large" in response.text
    assert "at most 50 fields are accepted, each with at most 256 kB of text" in response.text
    assert "too large: at most 20 MB" not in response.text


def test_body_that_is_no_form(client: FlaskClient):
    assert client.post("/", data={"age": "40"}).status_code == 415


def test_unknown_example(client: FlaskClient):
    response, _ = submit(client, {"example": "../settings.py"})
    assert response.status_code == 422


def test_unknown_address_is_a_page(client: FlaskClient):
    response = client.get("/nothing")
    assert (response.status_code, response.mimetype) == (404, "text/html")
    assert "Page not found" in response.text


@pytest.mark.parametrize("method", ["get", "post"])
def test_without_a_bundle_the_page_says_so(orphan: FlaskClient, method):
    data = encoded(form()) if method == "post" else {}
    response = getattr(orphan, method)("/", **data)
    assert (response.status_code, response.mimetype) == (503, "text/html")
    assert "No photo can be analysed" in response.text
    assert int(response.headers["Retry-After"]) > 0


def test_refusals_are_faults_of_the_photo():
    assert all(code.startswith("photo_") for code in REFUSALS)


def test_a_rare_cancer_class_below_the_threshold_is_never_named_without_a_word_of_warning(
    bundles: Path, tmp_path: Path
):
    """With a decision prior for basal cell carcinoma, that is the decision for a green photo, at 1 % or less."""
    folder = Path(shutil.copytree(bundles / "ham10000", tmp_path / "ham10000"))
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["decision_prior"]["BCC"] = 1e-9
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(folder)
    client = create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()
    page = client.post("/", **encoded(form(photo("lime"), dermatoscope="yes"))).get_data(as_text=True)
    assert "No cancer class stands out" in page
    assert "The model decides for: basal cell carcinoma." in page
    assert "The probability of this class is below the threshold that raises concern" in page
