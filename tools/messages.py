"""Help pybabel: find texts for translation in dicts and tuples too, and write translated JavaScript texts as JSON."""

import json
import sys
from collections.abc import Collection, Iterator, Mapping
from typing import IO, Any

from babel.messages.extract import extract_from_dir, extract_python
from babel.messages.pofile import read_po

from app.answer.next_steps import NEXT_STEPS, SEE_NOW
from app.answer.wording import TEXTS
from app.http.languages import LANGUAGES
from app.http.problems import STATUS_TITLES
from app.information.pages import DIAGNOSIS_INFORMATION
from app.model_page.metric_values import NAMES
from data_modelling.inference.checks.image_quality import HINTS
from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS
from data_modelling.inference.explanation.neighbours import DIAGNOSES as KNOWN_DIAGNOSES
from tools.serving import ROOT

TRANSLATIONS = ROOT / "app" / "translations"
STATIC = ROOT / "app" / "static"
ENGLISH = "en"


def extract_with_tables(
    file: IO[bytes], keywords: Mapping[str, Any], tags: Collection[str], options: Any
) -> Iterator[Any]:
    """Yield (line, function, message, comments) for each message in a file, and then for each of `table_messages`."""
    yield from extract_python(file, keywords, tags, options)
    for message in table_messages():
        yield 0, None, message, []


def table_messages() -> Iterator[str]:
    """Yield the page's texts for codes, classes and statuses, which are in dicts and tuples of several modules."""
    diagnoses = [diagnosis for task in TASKS.values() for diagnosis in task]
    yield from _texts(
        {name: table for name, table in TEXTS.items() if name != "refusals"}
    )  # the refusals are codes
    yield from TEXTS["site_groups"]  # its keys are shown too
    yield from _texts((HINTS, KNOWN_DIAGNOSES, SEE_NOW, NAMES, FLAG_TEXTS, STATUS_TITLES))
    yield from _texts([vars(step) for step in NEXT_STEPS.values()])
    yield from _texts([information["texts"] for information in DIAGNOSIS_INFORMATION.values()])
    yield from _texts([(diagnosis.name, diagnosis.plain, diagnosis.flag_text) for diagnosis in diagnoses])
    yield from ("female", "male", "not known")


def _texts(value: object) -> Iterator[str]:
    """Yield the texts in a dict, tuple or list, but not the keys of dicts, which are codes."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, (dict, tuple, list)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def script_messages(language: str) -> dict[str, Any]:
    """Return the translation of each message in the JavaScript files, by message. language: a code, such as `de`."""
    with (TRANSLATIONS / language / "LC_MESSAGES" / "messages.po").open("rb") as file:
        catalogue = read_po(file, locale=language)
    extracted = extract_from_dir(STATIC, [("**.js", "javascript")])
    return {message: catalogue[message].string for message in sorted({str(entry[2]) for entry in extracted})}


def main() -> int:
    """Write words.<language>.json for each language except English."""
    for language in LANGUAGES:
        if language != ENGLISH:
            words = json.dumps(script_messages(language), ensure_ascii=False, indent=1)
            (STATIC / f"words.{language}.json").write_text(words + "\n", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
