"""The part of `make messages` that pybabel lacks: messages in tables of the code, and the scripts' messages as JSON."""

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any

from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.pofile import read_po

from app.answer import next_steps, wording
from app.http.languages import LANGUAGES
from app.http.problems import STATUS_TITLES
from app.information.pages import DIAGNOSIS_INFORMATION
from app.model_page.metric_values import NAMES
from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS
from tools.serving import ROOT

TRANSLATIONS = ROOT / "app" / "translations"
STATIC = ROOT / "app" / "static"
ENGLISH = "en"
CODES = ("NO_PROMISE", "_TEXTS")  # constants of `wording` with codes, which are never shown


def extract_with_tables(
    file: IO[bytes], keywords: Mapping[str, Any], tags: Collection[str], options: Any
) -> Iterator[Any]:
    """Yield (line, function, message, comments) of wording.py and all tables; pyproject.toml names this as its method."""
    yield from extract_python(file, keywords, tags, options)
    for message in table_messages():
        yield 0, None, message, []


def table_messages() -> Iterator[str]:
    """Yield the messages in tables of the code: the page's texts for codes, classes and statuses."""
    for name, value in vars(wording).items():
        if name.isupper() and name not in CODES:
            yield from _texts(value, name)
    yield next_steps.SEE_NOW
    for step in next_steps.NEXT_STEPS.values():
        yield from vars(step).values()
    for names in NAMES.values():
        yield from names.values()
    for information in DIAGNOSIS_INFORMATION.values():
        yield from information["texts"]
    for task in TASKS.values():
        for diagnosis in task:
            yield from (diagnosis.name, diagnosis.plain, diagnosis.flag_text)
    yield from FLAG_TEXTS.values()
    yield from STATUS_TITLES
    yield from ("female", "male", "not known")


def _texts(value: object, name: str) -> Iterator[str]:
    """Yield the texts in a constant of `wording`; the keys of a table are codes, except shown group names."""
    if isinstance(value, str) and len(value) > 1:
        yield value
    if name == "SITE_GROUPS" and isinstance(value, dict):
        yield from value
    if isinstance(value, (dict, tuple, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner, "")


def script_messages(language: str) -> dict[str, Any]:
    """Return the messages of the scripts with their translations."""
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    extracted = extract_from_dir(STATIC, [("**.js", "javascript")])
    return {message: catalogue[message].string for message in sorted({str(entry[2]) for entry in extracted})}


def main() -> int:
    """Write the scripts' messages in each language."""
    for language in LANGUAGES:
        if language != ENGLISH:
            words = json.dumps(script_messages(language), ensure_ascii=False, indent=1)
            (STATIC / f"words.{language}.json").write_text(words + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
