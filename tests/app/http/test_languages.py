"""Test English and German: the selection, its way into all links, and that every message is translated."""

import ast
import gettext
import json
import re
import subprocess
from io import BytesIO
from pathlib import Path

import pytest
from babel.messages.catalog import Catalog
from babel.messages.frontend import CommandLineInterface
from babel.messages.pofile import read_po
from flask.testing import FlaskClient

from app.http.languages import LANGUAGES
from tests.app.conftest import encoded, form, photo, upload
from tests.app.html_page import Page
from tests.conftest import PROJECT
from tools.messages import ENGLISH, STATIC, TRANSLATIONS, script_messages, table_messages

GERMAN = {"Accept-Language": "de-AT,de;q=0.9,en;q=0.5"}
PAGES = ("/", "/visit", "/history", "/model", "/diagnoses", "/limits", "/privacy", "/about", "/api")
MAKE = subprocess.run(
    ["make", "--dry-run", "messages"], check=True, cwd=PROJECT, capture_output=True, text=True
).stdout
MESSAGE_FUNCTIONS = re.findall(r" -k (\w+)", MAKE)
OTHERS = [language for language in LANGUAGES if language != ENGLISH]


@pytest.fixture(scope="module")
def template(tmp_path_factory) -> Catalog:
    """Return the messages as `make messages` collects them."""
    path = tmp_path_factory.mktemp("messages") / "messages.pot"
    command = re.search(r"extract (.+) -o \S+ (.+)", MAKE)
    CommandLineInterface().run(
        ["pybabel", "-q", "extract", *command[1].split(), "-o", str(path), *command[2].split()]
    )
    return read_catalogue(path)


@pytest.fixture(scope="module")
def messages(template: Catalog) -> list[str]:
    return [message.id for message in template if message.id]


def read_catalogue(path: Path, language: str | None = None) -> Catalog:
    with path.open("rb") as file:
        return read_po(file, locale=language)


def po_file(language: str) -> Path:
    """Return the file that a translator edits."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def read(language: str) -> gettext.GNUTranslations:
    """Return the catalogue that the app uses."""
    return gettext.GNUTranslations(BytesIO(po_file(language).with_suffix(".mo").read_bytes()))


@pytest.mark.parametrize("language", OTHERS)
def test_every_message_is_translated(messages, language):
    catalogue = read_catalogue(po_file(language), language)
    missing = [message.id for message in catalogue if message.id and (not message.string or message.fuzzy)]
    assert missing == []
    assert list(catalogue.check()) == []  # pybabel compiles it without a complaint
    assert {message.id for message in catalogue if message.id} == set(messages)


@pytest.mark.parametrize("language", OTHERS)
def test_what_is_compiled_is_what_was_translated(messages, language):
    used, written = read(language), read_catalogue(po_file(language), language)
    assert all(used.gettext(message) == written[message].string for message in messages)
    words = json.loads((STATIC / f"words.{language}.json").read_text())
    assert words == script_messages(language)
    assert len(words) > 10


@pytest.mark.parametrize("language", OTHERS)
def test_the_messages_in_tables_are_translated(language):
    used = read(language)
    tables = set(table_messages())
    assert {"Melanoma", "Higher concern", "Head and neck", "female"} <= tables
    assert [message for message in tables if used.gettext(message) == message and " " in message] == []


def in_f_strings(code: str) -> list[str]:
    """Return the messages inside f-strings, where the extraction does not find them."""
    inside = (ast.walk(node) for node in ast.walk(ast.parse(code)) if isinstance(node, ast.JoinedStr))
    calls = (node for nodes in inside for node in nodes if isinstance(node, ast.Call) and node.args)
    messages_in_calls = (
        node.args[0]
        for node in calls
        if isinstance(node.func, ast.Name) and node.func.id in MESSAGE_FUNCTIONS
    )
    return [node.value for node in messages_in_calls if isinstance(node, ast.Constant)]


def test_a_message_inside_an_f_string_is_found():
    assert in_f_strings("f'{words}. {_(\"Lost.\") if little else 1}'; _('Found.'); f'{_(word)}'") == ["Lost."]


@pytest.mark.parametrize("folder", ["app", "data_modelling/inference"])
def test_no_message_is_said_inside_an_f_string(folder):
    files = sorted((PROJECT / folder).rglob("*.py"))
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
    for words in (
        "Erhöhter Verdacht",
        "Melanom",
        "Krebsklassen zusammen",
        "40 Jahre",
        "Nummer dieses Berichts",
    ):
        assert words in german


def test_a_visit_is_said_in_german(client: FlaskClient):
    fields = {"photo": [upload(photo("red")), upload(photo("lime"))]}
    text = client.post("/visit?lang=de", **encoded(fields)).text
    assert "Ein niedriger Rang heißt nicht, dass eine Stelle harmlos ist" in text


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
        (form(age=["1", "2"]), "field_repeated", "Das Feld age kommt im Formular mehrmals vor"),
    ],
)
def test_errors_are_said_in_german_and_their_codes_stay(client: FlaskClient, fields, code, words):
    response = client.post("/api/v1/predictions", **encoded(fields), headers=GERMAN)
    (fault,) = [error for error in response.json["errors"] if error["code"] == code]
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
    """No message of the English page is in the German one, unless both languages have the same text."""
    pages = [client.get(f"{path}?lang={language}").text for language in ("en", "de")]
    english, german = (set(map(str.strip, NOT_WORDS.sub("\n", text).splitlines())) - {""} for text in pages)
    long = {text for text in english if len(text.split()) >= 4}
    assert long
    assert long & german == set()
