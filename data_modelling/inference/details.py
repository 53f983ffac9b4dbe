"""Parses patient details (age, sex, anatomical site), and encodes them for the network, for training and app alike."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.errors import FieldError

# An age as DICOM files write it, such as `045Y` (type AS of PS3.5, section 6.2), and the number of each unit in a year.
AGE_STRING = re.compile(r"([0-9]{3})([DWMY])", re.IGNORECASE)
UNITS_PER_YEAR = {"d": 365.25, "w": 365.25 / 7, "m": 12, "y": 1}
YOUNGEST = 0.01  # years; a smaller age such as `001D` is raised to this, because rounding would make it 0 ("not known")
DECIMAL_COMMA = re.compile(r"^([0-9]*),([0-9]{1,2})$")
MAX_AGE = 120  # years
SEXES = ("female", "male")
_TABLE = tomllib.loads(Path(__file__).with_name("sites.toml").read_text(encoding="utf-8"))
SITES: tuple[str, ...] = tuple(_TABLE["sites"])
SITE_NAMES: dict[str, str] = {site: site for site in SITES} | _TABLE["names"]
NOT_KNOWN = ("", "unknown")
YES_OR_NO: dict[str, bool | None] = {"yes": True, "no": False, **dict.fromkeys(NOT_KNOWN)}

AGE_CENTRE, AGE_SCALE = 50.0, 25.0  # years; ages from 0 to 100 become -2 to 2
_SEX, _SITE = 2, 2 + len(SEXES) + 1  # the first one-hot column of sex and of site
DETAILS_WIDTH = _SITE + len(SITES) + 1
# The columns of each encoded detail; see encode_details.
ENCODED_COLUMNS = {"age": slice(0, _SEX), "sex": slice(_SEX, _SITE), "site": slice(_SITE, DETAILS_WIDTH)}


@dataclass(frozen=True)
class Details:
    """The details of one patient: age in years, sex (one of SEXES), site (one of SITES); None is "not known".

    stated_unknown: the fields that the sender gave as not known; fill_in_details does not fill them. unread: the fields
    whose value in a file's header cannot be read. changing: whether the spot is new, changing, itching or bleeding.
    These three fields change no probability, so comparisons of details ignore them.
    """

    age: float | None = None
    sex: str | None = None
    site: str | None = None
    stated_unknown: tuple[str, ...] = field(default=(), compare=False)
    unread: tuple[str, ...] = field(default=(), compare=False)
    changing: bool | None = field(default=None, compare=False)


def parse_age(text: str) -> float | None:
    """Return the age in years that a form, csv or header states, or None for "not known".

    Age 0 is "not known" too: data sets and DICOM files write 0 where no age was recorded. Raises FieldError if the
    text is neither a decimal number nor an age string of DICOM, or if the age is above 120. The number may have a
    point, or a comma before one or two digits. A comma before three digits is refused: it could separate thousands.
    """
    text = DECIMAL_COMMA.sub(r"\1.\2", text.strip())
    if text.lower() in NOT_KNOWN:
        return None
    age_string = AGE_STRING.fullmatch(text)
    if age_string:
        text = f"{age_in_years(float(age_string[1]), age_string[2].lower()):.2f}"
    # float() would also accept "nan", "1e1", "1_0" and digits of other scripts.
    plain = text.isascii() and text.replace(".", "", 1).isdigit()
    if not plain or float(text) > MAX_AGE:
        raise FieldError(
            "age",
            "age_range",
            "Age must be a number from 0 to %(oldest)s, unknown or left empty.",
            oldest=MAX_AGE,
        )
    return float(text) or None


def age_in_years(count: float, unit: str) -> float:
    """Return `count` days, weeks, months or years (unit `d`, `w`, `m` or `y`) in years; if not 0, at least YOUNGEST."""
    years = count / UNITS_PER_YEAR[unit]
    return max(years, YOUNGEST) if years else 0.0


def parse_sex(text: str) -> str | None:
    """Return `female`, `male` or None for "not known"; raise FieldError for anything else."""
    text = text.strip().lower()
    if text in NOT_KNOWN:
        return None
    if text not in SEXES:
        raise FieldError("sex", "sex_unknown_value", "Sex must be female, male, unknown or left empty.")
    return text


def parse_site(text: str) -> str | None:
    """Return one of SITES for a site's name in HAM10000 or ISIC, or None for "not known"; else raise FieldError."""
    text = text.strip().lower()
    if text in NOT_KNOWN:
        return None
    if text not in SITE_NAMES:
        raise FieldError(
            "site",
            "site_unknown_value",
            "Site must be one of %(names)s, unknown or left empty.",
            names=", ".join(SITE_NAMES),
        )
    return SITE_NAMES[text]


def parse_changing(text: str) -> bool | None:
    """Return True for `yes`, False for `no`, or None for "not known"; raise FieldError for anything else."""
    text = text.strip().lower()
    if text not in YES_OR_NO:
        raise FieldError(
            "changing", "changing_unknown_value", "Changing must be yes, no, unknown or left empty."
        )
    return YES_OR_NO[text]


# The parser of each detail that the network sees.
DETAIL_PARSERS = {"age": parse_age, "sex": parse_sex, "site": parse_site}


def parse_details(fields: Mapping[str, str]) -> tuple[Details, list[FieldError]]:
    """Return the details from text fields, and an error for each wrong field; a wrong field counts as not known."""
    values: dict[str, Any] = {}
    errors = []
    for name, parse in {**DETAIL_PARSERS, "changing": parse_changing}.items():
        try:
            values[name] = parse(fields.get(name, ""))
        except FieldError as error:
            errors.append(error)
    stated = tuple(
        name
        for name in DETAIL_PARSERS
        if name in values and values[name] is None and fields.get(name, "").strip()
    )
    return Details(**values, stated_unknown=stated), errors


def fill_in_details(details: Details, fallback: Details) -> Details:
    """Return the details with empty fields filled from `fallback`; fields in `stated_unknown` stay empty."""
    empty = [
        name
        for name in DETAIL_PARSERS
        if getattr(details, name) is None and name not in details.stated_unknown
    ]
    return replace(
        details,
        **{name: getattr(fallback, name) for name in empty},
        unread=tuple(name for name in empty if name in fallback.unread),
    )


def encode_details(details: Details) -> NDArray[np.float32]:
    """Return the details as (DETAILS_WIDTH,) float32.

    The first column is the scaled age, or 0 if the age is not known. The second is 1 if the age is not known, else 0.
    Then come the sex and the site, both one-hot. The last column of each of these two means "not known".
    """
    vector = np.zeros(DETAILS_WIDTH, np.float32)
    vector[0] = 0.0 if details.age is None else (details.age - AGE_CENTRE) / AGE_SCALE
    vector[1] = details.age is None
    vector[_SEX + (len(SEXES) if details.sex is None else SEXES.index(details.sex))] = 1
    vector[_SITE + (len(SITES) if details.site is None else SITES.index(details.site))] = 1
    return vector
