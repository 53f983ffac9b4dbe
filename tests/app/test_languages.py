"""English and German: which is chosen, that it is carried on, and that no message is left untranslated."""

import ast
import gettext
import json
import re
from io import BytesIO

import pytest
from flask.testing import FlaskClient

from app.languages import LANGUAGES
from tests.app.conftest import encoded, form, photo, upload
from tests.app.parsed import Page
from tools import catalogues

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
PAGES = ("/", "/visit", "/history", "/model", "/diagnoses", "/limits", "/privacy", "/about", "/api")
OTHERS = [language for language in LANGUAGES if language != catalogues.ENGLISH]


@pytest.fixture(scope="module")
def messages() -> list[str]:
    return catalogues.messages()[0]


def read(language: str) -> gettext.GNUTranslations:
    """The catalogue that the app uses."""
    return gettext.GNUTranslations(BytesIO(catalogues.po_file(language).with_suffix(".mo").read_bytes()))


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(messages, language):
    found = catalogues.catalogue(language)
    missing = [one.id for one in found if one.id and (not one.string or one.fuzzy)]
    assert missing == []
    assert {one.id for one in found if one.id} == set(messages)


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_compiled_is_what_was_translated(messages, language):
    used, written = read(language), catalogues.catalogue(language)
    assert all(used.gettext(message) == written[message].string for message in messages)
    words = json.loads((catalogues.STATIC / f"words.{language}.json").read_text())
    assert words == {message: written[message].string for message in catalogues.messages()[1]}


def in_f_strings(code: str) -> list[str]:
    """The messages that are said inside an f-string, where the extraction does not find them."""
    inside = (ast.walk(one) for one in ast.walk(ast.parse(code)) if isinstance(one, ast.JoinedStr))
    calls = (one for nodes in inside for one in nodes if isinstance(one, ast.Call) and one.args)
    said = (
        one.args[0] for one in calls if isinstance(one.func, ast.Name) and one.func.id in catalogues.KEYWORDS
    )
    return [one.value for one in said if isinstance(one, ast.Constant)]


def test_a_message_inside_an_f_string_is_found():
    assert in_f_strings("f'{words}. {_(\"Lost.\") if little else 1}'; _('Found.'); f'{_(word)}'") == ["Lost."]


@pytest.mark.parametrize(
    "folder", [folder for folder, _ in catalogues.PLACES], ids=lambda folder: folder.name
)
def test_no_message_is_said_inside_an_f_string(folder):
    files = sorted(folder.rglob("*.py"))
    assert files
    assert {file.name: found for file in files if (found := in_f_strings(file.read_text()))} == {}


VALUES = re.compile(r"%\(\w+\)s|%%|\{\w+\}|<\w+>|</\w+>")


@pytest.mark.parametrize("language", OTHERS)
def test_a_translation_has_the_values_and_tags_of_its_message(messages, language):
    used = read(language)
    for message in messages:
        assert sorted(VALUES.findall(used.gettext(message))) == sorted(VALUES.findall(message))


def test_a_heat_map_is_no_thermal_image_in_german(messages):
    used = read("de")
    assert used.gettext("Heat map for %(name)s") == "Heatmap für %(name)s"
    assert [message for message in messages if "wärmebild" in used.gettext(message).lower()] == []


@pytest.mark.parametrize(
    ("address", "headers", "language"),
    [
        ("/", {}, "en"),
        ("/", GERMAN, "de"),
        ("/", {"Accept-Language": "fr"}, "en"),
        ("/", {"Accept-Language": "fr, de;q=0.5"}, "de"),
        ("/", {"Accept-Language": "en-US,de;q=0.3"}, "en"),
        ("/", {"Accept-Language": "de-AT,en;q=0.5"}, "de"),
        ("/", {"Accept-Language": "en;q=0.5, DE-ch"}, "de"),
        ("/", {"Accept-Language": "fr, de;q=0"}, "en"),
        ("/?lang=de", {}, "de"),
        ("/?lang=en", GERMAN, "en"),
        ("/?lang=xx", GERMAN, "de"),
        ("/?lang=../../etc", {}, "en"),
    ],
)
def test_the_address_chooses_and_else_the_browser(client: FlaskClient, address, headers, language):
    response = client.get(address, headers=headers)
    assert f'<html lang="{language}"' in response.text
    assert "Accept-Language" in response.headers["Vary"]
    assert "Set-Cookie" not in response.headers


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_there_in_german_and_leads_to_german_pages(client: FlaskClient, path):
    text = client.get(f"{path}?lang=de").text
    assert '<html lang="de"' in text
    assert "Zum Inhalt springen" in text
    inside = [link for link in Page(text).links if link.startswith("/") and not link.startswith("/api/")]
    assert inside
    for link in inside:
        assert "lang=de" in link or "lang=en" in link  # the latter leads to the same page in English
    for action in re.findall(r'action="([^"]+)"', text):
        assert "lang=de" in action


def test_the_other_language_is_one_link_away(client: FlaskClient):
    assert '<a href="/limits?lang=de" lang="de" hreflang="de"' in client.get("/limits").text
    assert '<a href="/limits?lang=en" lang="en" hreflang="en"' in client.get("/limits?lang=de").text


def test_an_answer_is_said_in_german_with_the_same_numbers(client: FlaskClient):
    english, german = (
        client.post(address, **encoded(form(age="40", dermatoscope="yes"))).text
        for address in ("/", "/?lang=de")
    )
    assert Page(german).values == Page(english).values
    for words in ("Erhöhte Sorge", "Melanom", "Krebsklassen zusammen", "40 Jahre", "Nummer dieses Berichts"):
        assert words in german


def test_a_visit_is_said_in_german(client: FlaskClient):
    fields = {"photo": [upload(photo("red")), upload(photo("lime"))]}
    text = client.post("/visit?lang=de", **encoded(fields)).text
    assert "Ein niedriger Rang ist keine Entwarnung." in text


@pytest.mark.parametrize(
    ("fields", "code", "words"),
    [
        (form(age="350"), "age_range", "Das Alter muss eine Zahl von 0 bis 120 sein"),
        (form(b"no photo"), "photo_type", "Dies ist kein Foto in JPEG, PNG, WebP oder DICOM"),
        (
            form(photo(size=(5001, 5000), kind="PNG")),
            "photo_pixels",
            "Das Foto hat 5001 x 5000 Pixel; höchstens 25 Megapixel",
        ),
        (form(crop_x="7"), "crop_range", "crop_x muss eine Zahl von 0 bis 1 sein"),
        (form(age=["1", "2"]), "field_repeated", "age kommt mehr als einmal vor"),
    ],
)
def test_errors_are_said_in_german_and_their_codes_stay(client: FlaskClient, fields, code, words):
    response = client.post("/api/v1/predictions", **encoded(fields), headers=GERMAN)
    (fault,) = [one for one in response.json["errors"] if one["code"] == code]
    assert words in fault["message"]


def test_an_unknown_address_is_said_in_german(client: FlaskClient):
    text = client.get("/nothing?lang=de").text
    assert "Seite nicht gefunden" in text
    assert "Unter dieser Adresse gibt es nichts." in text


def test_numbers_are_written_as_the_language_writes_them(client: FlaskClient):
    assert "1,640" in client.get("/limits").text
    assert "1.640" in client.get("/limits?lang=de").text


NOT_WORDS = re.compile(
    r"<(script|style|data|code|svg)\b.*?</\1>|<ul lang=\"en\">.*?</ul>|<span class=\"code\">.*?</span>"
    r"|<[^>]*lang=\"en\".*?</[^>]+>|<[^>]+>",
    re.DOTALL,
)


@pytest.mark.parametrize("path", [path for path in PAGES if path != "/api"])
def test_no_sentence_of_a_german_page_is_english(client: FlaskClient, path):
    """Every text of the English page that is a message is not in the German one, unless both languages say it alike."""
    pages = [client.get(f"{path}?lang={language}").text for language in ("en", "de")]
    english, german = (set(map(str.strip, NOT_WORDS.sub("\n", text).splitlines())) - {""} for text in pages)
    long = {text for text in english if len(text.split()) >= 4}
    assert long
    assert long & german == set()
