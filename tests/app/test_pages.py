import base64
import json
import re
import shutil
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path

import pytest
from flask.testing import FlaskClient
from PIL import Image

from app import create_app
from app.settings import Settings
from app.wording import REFUSALS, SITE_GROUPS, STATUSES, percent
from data_modelling.inference.bundle import write_sums
from data_modelling.inference.details import SITE_NAMES, SITES
from tests.app.conftest import encoded, form, photo


class Page(HTMLParser):
    """What the tests look for in a page: its title, its exact values, its elements with an id."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.title, self.values, self.ids, self.links = "", {}, {}, []
        self._in_title = False
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        attributes = dict(attrs)
        self._in_title = tag == "title"
        if "data-name" in attributes:
            self.values[attributes["data-name"]] = float(attributes["data-value"])
        if "id" in attributes:
            self.ids[attributes["id"]] = (tag, attributes)
        if tag == "a":
            self.links.append(attributes["href"])

    def handle_data(self, data):
        if self._in_title:
            self.title += data
            self._in_title = False


def submit(client: FlaskClient, fields):
    response = client.post("/", **encoded(fields))
    return response, Page(response.text)


def test_form_says_first_what_it_is_and_is_not(client: FlaskClient):
    text = client.get("/").text
    before_form = text[: text.index("<form")]
    for words in (
        "no diagnosis",
        "no medical device",
        "goes to a doctor",
        "education and",
        "Nothing is stored",
    ):
        assert words in before_form
    assert "JPEG, PNG or WebP, at most 20 MB" in text


def test_every_place_on_the_body_is_one_the_reader_knows(client: FlaskClient):
    offered = [value for group in SITE_GROUPS.values() for value in group]
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
    assert percent(probability) == f"{text}\N{NO-BREAK SPACE}%"


@pytest.mark.parametrize("colour", ["red", "lime", "blue", "#804020"])
def test_page_and_api_show_the_same_numbers(client: FlaskClient, post, colour):
    fields = {"age": "40", "sex": "male", "site": "scalp"}
    answer = post(form(photo(colour), **fields)).json
    response, page = submit(client, form(photo(colour), **fields))
    expected = {
        **answer["probabilities"],
        "cancer": answer["cancer"]["probability"],
        "threshold": answer["cancer"]["threshold"],
    }
    assert response.status_code == 200
    assert page.values == expected
    assert page.ids["status"][1]["data-status"] == answer["status"]
    assert page.title.startswith(STATUSES[answer["status"]])


def test_classes_are_shown_in_the_order_of_the_answer(client: FlaskClient, post):
    answer = post(form()).json
    _, page = submit(client, form())
    shown = [name for name in page.values if name not in ("cancer", "threshold")]
    assert shown == [one["code"] for one in answer["classes"]]


def test_cost_of_the_threshold_is_that_of_metrics_json(client: FlaskClient):
    response, _ = submit(client, form())
    assert "of 1,640 photos of cancer classes, 164 were missed" in response.text
    assert "of 6,860 photos of benign spots, 1,372 raised concern" in response.text


def test_photo_without_dermatoscope_never_gets_the_all_clear(client: FlaskClient):
    response, page = submit(client, form(photo("lime"), dermatoscope="no"))
    assert page.ids["status"][1]["data-status"] == "uncertain"
    assert STATUSES["no_cancer_class"] not in response.text
    assert response.text.index("not taken through a dermatoscope") < response.text.index("<table")


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
    with Image.open(BytesIO(data)) as shown:
        assert (shown.size, dict(shown.getexif())) == ((512, 512), {})


def test_details_are_shown_as_they_were_understood(client: FlaskClient):
    response, _ = submit(client, form(age="40", sex="female", site="scalp", dermatoscope="yes"))
    for words in ("40 years", "female", "head or neck"):
        assert f"<dd>{words}</dd>" in response.text


@pytest.mark.parametrize("name", ["melanoma", "nevus"])
def test_example_is_answered_without_a_file(client: FlaskClient, name):
    response, page = submit(client, {"example": name})
    assert response.status_code == 200
    assert len(page.values) == 9
    assert "ISIC 2017, CC-0" in response.text


def test_errors_are_listed_with_links_to_their_fields_and_values_stay(client: FlaskClient):
    response, page = submit(client, {"age": "350", "sex": "male", "site": "back", "dermatoscope": "yes"})
    assert response.status_code == 422
    assert page.title.startswith("Error: ")
    assert [link for link in page.links if link in ("#photo", "#age")] == ["#photo", "#age"]
    assert page.ids["age"][1]["value"] == "350"
    assert page.ids["age"][1]["aria-describedby"] == "age-hint age-error"
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
def test_refusal_has_no_probabilities_and_says_how_to_do_better(client: FlaskClient, data, status):
    response, page = submit(client, form(data))
    assert response.status_code == status
    assert page.title.startswith("Error: ")
    assert "This photo was not analysed" in response.text
    assert "For a photo that can be used" in response.text
    assert page.values == {}


def test_typed_text_is_escaped(client: FlaskClient):
    response, _ = submit(client, form(age='"><script>alert(1)</script>'))
    assert "<script>alert" not in response.text


def test_form_that_is_too_large_is_answered_on_the_page(client: FlaskClient):
    response, page = submit(client, form(bytes(21_000_000)))
    assert response.status_code == 413
    assert page.title.startswith("Error: ")
    assert "at most 20 MB" in response.text


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
    """With a decision prior that favours basal cell carcinoma, a green photo is decided so: at 1 % or less."""
    folder = Path(shutil.copytree(bundles / "ham10000", tmp_path / "ham10000"))
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["decision_prior"]["BCC"] = 1e-9
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_sums(folder)
    client = create_app(Settings(bundles=tmp_path, rate_limit="off")).test_client()
    page = client.post("/", **encoded(form(photo("green")))).get_data(as_text=True)
    assert "No cancer class stands out" in page
    assert "decides for: basal cell carcinoma. Its probability is below the threshold" in page
