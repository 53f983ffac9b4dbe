"""Turns the many spellings of age, sex and body part in DICOM files (medical images) into patient details."""

import re
import tomllib
from collections.abc import Iterable
from pathlib import Path

from data_modelling.inference.details import SITE_NAMES, age_in_years, parse_age
from data_modelling.inference.errors import FieldError

# An age such as `045Y` (DICOM PS3.5, 6.2, type AS), `42`, `42.5` or `42 years`. Without a unit, it is in years.
AGE = re.compile(r"(\d{1,3}(?:[.,]\d{1,2})?)\s*(?:(d|w|m|y)|(day|week|month|year|yr)s?)?", re.ASCII)
SEXES = {"f": "female", "m": "male", "female": "female", "male": "male"}
_WORDS = tomllib.loads(Path(__file__).with_name("header_words.toml").read_text(encoding="utf-8"))
NOT_STATED = frozenset(_WORDS["not_stated"])
NO_REGION = NOT_STATED.union(_WORDS["no_region"])
IGNORED_WORDS, QUALIFIERS = frozenset(_WORDS["ignored_words"]), frozenset(_WORDS["qualifiers"])
# The region (a site of details.py) by body part, which is written without blanks, such as `lowerback`.
SITES: dict[str, str] = {re.sub(r"[^a-z]", "", name): site for name, site in SITE_NAMES.items()} | {
    name: site for site, names in _WORDS["body_parts"].items() for name in names
}
JOINED_SIDE = re.compile(r"^(?:left|right)(?=[a-z]{3})")  # as in `leftforearm`
SEPARATORS = re.compile(r"\band\b|[&/,;+]")


def read_age(text: str) -> float | None:
    """Return an age in years, or None for "not known"; raise ValueError if the text is no age."""
    text = text.strip().lower()
    if text in NOT_STATED:
        return None
    parts = AGE.fullmatch(text)
    if parts is None:
        raise ValueError("no age")
    unit = parts[2] or (parts[3] or "y")[0]
    try:
        return parse_age(f"{age_in_years(float(parts[1].replace(',', '.')), unit):.2f}")
    except FieldError as error:
        raise ValueError("no age") from error


def read_sex(text: str) -> str | None:
    """Return `female`, `male` or None for "not known"; raise ValueError for anything else, such as O for "other"."""
    text = text.strip().lower()
    if text in NOT_STATED:
        return None
    if text not in SEXES:
        raise ValueError("no sex that the model knows")
    return SEXES[text]


def read_site(text: str) -> str | None:
    """Return the region of a body part, or None for "not known"; raise ValueError if the region is not clear.

    Sides (`LEFT FOREARM`) do not matter. Of several parts (`Head and Neck`), all must be in one region.
    """
    text = " ".join(re.sub(r"[_\-.()]", " ", text.lower()).split())
    if text in NO_REGION:
        return None
    whole = _region(text)
    if whole:
        return whole
    regions = {_region(part) for part in SEPARATORS.split(text) if _words(part)}
    if len(regions) != 1 or None in regions:
        raise ValueError("no clear region")
    return regions.pop()


def read_first_site(texts: Iterable[str]) -> str | None:
    """Return the region of the first text that names a region clearly, or None if all texts say "not known".

    Raises ValueError if a text is not clear (see read_site) and no other text names a region.
    """
    faults = []
    for text in texts:
        try:
            if site := read_site(text):
                return site
        except ValueError as error:
            faults.append(error)
    if faults:
        raise faults[0]
    return None


def _words(text: str) -> list[str]:
    words = [JOINED_SIDE.sub("", word) for word in re.findall(r"[a-z]+", text)]
    return [word for word in words if word not in IGNORED_WORDS]


def _singular(word: str) -> str:
    return f"{word[:-3]}y" if word.endswith("ties") else word.removesuffix("s")


def _region(text: str) -> str | None:
    """Return the region of one body part, or None if no region is known for it."""
    if re.search(r"[^a-z\s&/,;+]", text):
        return None  # letters of another script, or digits
    words = _words(text)
    candidates = [words, [word for word in words if word not in QUALIFIERS]]
    singular = [[_singular(word) for word in candidate] for candidate in candidates]
    for candidate in (candidates[0], singular[0], candidates[1], singular[1]):
        region = SITES.get("".join(candidate))
        if region:
            return region
    return None
