"""The message catalogues: `python -m tools.catalogues` collects all messages, renews and compiles the catalogues.

English stands in the code; a translator edits app/translations/LANGUAGE/LC_MESSAGES/messages.po and runs this again.
The compiled files are committed, so that the app starts without Babel's tools and on a read-only disk.
"""

import json
import sys
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

from babel.messages.catalog import Catalog
from babel.messages.extract import extract_from_dir
from babel.messages.mofile import write_mo
from babel.messages.pofile import read_po, write_po

from app import wording
from app.languages import LANGUAGES
from app.problems import TITLES
from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS
from tools.serving import ROOT

TRANSLATIONS = ROOT / "app" / "translations"
STATIC = ROOT / "app" / "static"
ENGLISH = "en"
CODES = ("DOUBTS",)  # a constant of `wording` that holds codes, which are never said
# Where messages stand, and how they are found there.
PLACES = (
    (ROOT / "app", [("static/**.js", "javascript"), ("templates/**.html", "jinja2"), ("**.py", "python")]),
    (ROOT / "data_modelling" / "inference", [("**.py", "python")]),
)
# The functions that take a message, and as which argument.
KEYWORDS: dict[str, Any] = {
    "_": None,
    "say": None,
    "gettext": None,
    "marked": None,
    "PhotoError": (2,),
    "FieldError": (3,),
}


def messages() -> tuple[list[str], list[str]]:
    """All messages, and those of them that stand in scripts, each once and in order."""
    everywhere: dict[str, None] = {}
    in_scripts: dict[str, None] = {}
    for folder, methods in PLACES:
        options = {"**.html": {"trimmed": "true"}}
        found = extract_from_dir(folder, methods, options, KEYWORDS)
        for name, _line, message, _comments, _context in found:
            text = message[0] if isinstance(message, tuple) else message
            everywhere[text] = None
            if name.endswith(".js"):
                in_scripts[text] = None
    everywhere |= dict.fromkeys(in_tables())
    return sorted(everywhere), sorted(in_scripts)


def in_tables() -> Iterator[str]:
    """Messages that stand in tables of the code: what the page says of codes, classes and statuses."""
    for name, value in vars(wording).items():
        if name.isupper() and name not in CODES:
            yield from _texts(value, name)
    for task in TASKS.values():
        for diagnosis in task:
            yield from (diagnosis.name, diagnosis.plain, diagnosis.flag_text)
    yield from FLAG_TEXTS.values()
    yield from TITLES
    yield from ("female", "male", "not known")


def _texts(value: object, name: str) -> Iterator[str]:
    """The texts in a constant of `wording`; the keys of a table are codes, but those of groups are shown."""
    if isinstance(value, str) and len(value) > 1:
        yield value
    elif isinstance(value, dict):
        if name == "SITE_GROUPS":
            yield from value
        for inner in value.values():
            yield from _texts(inner, "")
    elif isinstance(value, (tuple, list)):
        for inner in value:
            yield from _texts(inner, "")


def catalogue(language: str) -> Catalog:
    """What the translator wrote, for the messages that there are now."""
    path = po_file(language)
    template = Catalog()
    for message in messages()[0]:
        template.add(message, flags=["python-format"] if "%(" in message else [])
    with path.open("rb") as file:
        found = read_po(file, locale=language)
    found.update(template, no_fuzzy_matching=True)
    found.obsolete.clear()
    return found


def po_file(language: str) -> Path:
    """Where the translator writes."""
    return TRANSLATIONS / language / "LC_MESSAGES" / "messages.po"


def written(found: Catalog) -> bytes:
    """The catalogue as a .po file, without what would change with every run."""
    text = BytesIO()
    write_po(text, found, width=110, omit_header=False, sort_output=True, no_location=True)
    lines = text.getvalue().decode().splitlines(keepends=True)
    dates = ('"POT-Creation-Date', '"PO-Revision-Date', '"Generated-By')
    return "".join(line for line in lines if not line.startswith(dates)).encode()


def compiled(found: Catalog) -> bytes:
    """The catalogue as gettext reads it."""
    file = BytesIO()
    write_mo(file, found)
    return file.getvalue()


def script_words(found: Catalog) -> str:
    """The messages of the scripts as JSON."""
    words = {message: found[message].string for message in messages()[1]}
    return json.dumps(words, ensure_ascii=False, indent=1) + "\n"


def main() -> int:
    """Renew and compile every catalogue; status 1 when a message is not translated."""
    missing = 0
    for language in LANGUAGES:
        if language == ENGLISH:
            continue
        found = catalogue(language)
        path = po_file(language)
        path.write_bytes(written(found))
        path.with_suffix(".mo").write_bytes(compiled(found))
        (STATIC / f"words.{language}.json").write_text(script_words(found), encoding="utf-8")
        for message in found:
            if message.id and not message.string:
                print(f"{language}: not translated: {message.id!r}", file=sys.stderr)
                missing += 1
    return 1 if missing else 0


if __name__ == "__main__":
    sys.exit(main())
