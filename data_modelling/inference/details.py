"""Patient details: age, sex, anatomical site; each may be not known. One encoder for training and serving."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.errors import FieldError

OLDEST = 120  # years
SEXES = ("female", "male")
SITES = (
    "head/neck",
    "anterior torso",
    "posterior torso",
    "torso",
    "upper extremity",
    "lower extremity",
    "palms/soles",
    "oral/genital",
)
# The vocabularies differ between data sets (HAM10000 has 15 values, ISIC 2019 and 2020 have 8 and 6);
# each of their names is read as one region. "torso" is a torso whose side is not stated; "lateral torso"
# (54 rows of ISIC 2019, none of HAM10000) is read as that, since no region of its own could be learned.
SITE_NAMES: dict[str, str] = {site: site for site in SITES} | {
    "lateral torso": "torso",
    "trunk": "torso",
    "abdomen": "anterior torso",
    "chest": "anterior torso",
    "back": "posterior torso",
    "ear": "head/neck",
    "face": "head/neck",
    "neck": "head/neck",
    "scalp": "head/neck",
    "foot": "lower extremity",
    "hand": "upper extremity",
    "acral": "palms/soles",
    "genital": "oral/genital",
}
NOT_KNOWN = ("", "unknown")

AGE_CENTRE, AGE_SCALE = 50.0, 25.0  # years; brings most ages into -2..2
_SEX, _SITE = 2, 2 + len(SEXES) + 1  # where the one-hot columns begin
WIDTH = _SITE + len(SITES) + 1
# The columns of each encoded detail; see encode.
COLUMNS = {"age": slice(0, _SEX), "sex": slice(_SEX, _SITE), "site": slice(_SITE, WIDTH)}


@dataclass(frozen=True)
class Details:
    """age in years, sex (one of SEXES), site (one of SITES); None is "not known"."""

    age: float | None = None
    sex: str | None = None
    site: str | None = None


def parse_age(text: str) -> float | None:
    """Age in years from a form, csv or header; None for "not known".

    Raises FieldError unless the text is a plain decimal number from 0 to 120, with a point or a comma.
    """
    text = text.strip().replace(",", ".", 1)
    if text.lower() in NOT_KNOWN:
        return None
    # float() would also accept "nan", "1e1", "1_0" and digits of other scripts.
    plain = text.isascii() and text.replace(".", "", 1).isdigit()
    if not plain or float(text) > OLDEST:
        raise FieldError(
            "age", "age_range", "Age must be a number from 0 to %(oldest)s, or left empty.", oldest=OLDEST
        )
    return float(text)


def parse_sex(text: str) -> str | None:
    """`female`, `male` or None for "not known"; raises FieldError for anything else."""
    text = text.strip().lower()
    if text in NOT_KNOWN:
        return None
    if text not in SEXES:
        raise FieldError("sex", "sex_unknown_value", "Sex must be female or male, or left empty.")
    return text


def parse_site(text: str) -> str | None:
    """One of SITES, from any name of HAM10000 or ISIC; None for "not known"; else FieldError."""
    text = text.strip().lower()
    if text in NOT_KNOWN:
        return None
    if text not in SITE_NAMES:
        raise FieldError(
            "site",
            "site_unknown_value",
            "Site must be one of %(names)s, or left empty.",
            names=", ".join(SITE_NAMES),
        )
    return SITE_NAMES[text]


PARSERS = {"age": parse_age, "sex": parse_sex, "site": parse_site}


def parse_details(fields: Mapping[str, str]) -> tuple[Details, list[FieldError]]:
    """Details from text fields, and every field that was not accepted (read as not known there)."""
    values: dict[str, Any] = {}
    errors = []
    for field, parse in PARSERS.items():
        try:
            values[field] = parse(fields.get(field, ""))
        except FieldError as error:
            errors.append(error)
    return Details(**values), errors


def filled(details: Details, other: Details) -> Details:
    """The details, and where they say nothing, what the other ones say."""
    return Details(
        other.age if details.age is None else details.age,
        details.sex or other.sex,
        details.site or other.site,
    )


def encode(details: Details) -> NDArray[np.float32]:
    """Details as (WIDTH,) float32: scaled age, age missing, sex one-hot, site one-hot.

    Sex and site have "not known" as their last column; a missing age is 0 with its flag set.
    """
    vector = np.zeros(WIDTH, np.float32)
    vector[0] = 0.0 if details.age is None else (details.age - AGE_CENTRE) / AGE_SCALE
    vector[1] = details.age is None
    vector[_SEX + (len(SEXES) if details.sex is None else SEXES.index(details.sex))] = 1
    vector[_SITE + (len(SITES) if details.site is None else SITES.index(details.site))] = 1
    return vector
