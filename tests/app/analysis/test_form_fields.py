"""Test that any input gives an answer or a problem that names the error, and never a fault of the app."""

import re
from decimal import Decimal

import pytest
from flask import Flask
from hypothesis import example, given, settings
from hypothesis import strategies as st

from app.analysis.form_fields import Submission
from app.http.problems import PROBLEM_CODES, PROBLEM_TYPE
from data_modelling.inference.details import Details
from tests.app.conftest import photo
from tests.app.html_page import Page
from tests.app.uploads import CONTENT_TYPE, body, part

# The same requests in every run; each costs some milliseconds.
BOUNDED = settings(max_examples=200, derandomize=True, deadline=None, database=None)
WIDTH, HEIGHT = 40, 30
PHOTO = part("photo", photo(size=(WIDTH, HEIGHT)), "photo.jpg")
# The README's rules of the fields again, independent of the app's own lists.
NOT_KNOWN = ["", "unknown"]
RIGHT = {
    "sex": ["female", "male", *NOT_KNOWN],
    "site": ["back", "head/neck", "acral", "posterior torso", *NOT_KNOWN],
    "dermatoscope": ["yes", "no", *NOT_KNOWN],
    "changing": ["yes", "no", *NOT_KNOWN],
}
CROP = ("crop_x", "crop_y", "crop_size")
CODE = {
    "age": "age_range",
    "sex": "sex_unknown_value",
    "site": "site_unknown_value",
    "dermatoscope": "dermatoscope_unknown_value",
    "changing": "changing_unknown_value",
    **dict.fromkeys(CROP, "crop_range"),
}
ON_THE_PAGE = ("dermatoscope", "age", "sex", "site")  # the fields that have a place of their own for an error

text = st.text(st.characters(codec="utf-8"), max_size=12)
number = st.one_of(st.integers(-200, 200), st.floats(), st.decimals(-1, 130, places=3)).map(str)
fraction = st.integers(-1, 9).map(lambda eighths: str(eighths / 8))
details = {
    "age": st.one_of(number, text, st.sampled_from(NOT_KNOWN)),
    **{name: st.one_of(st.sampled_from(right), text) for name, right in RIGHT.items()},
}
crops = st.one_of(
    st.just({}),
    st.fixed_dictionaries(dict.fromkeys(CROP, fraction)),
    st.fixed_dictionaries({}, optional=dict.fromkeys(CROP, st.one_of(fraction, number, text))),
)
typed = st.builds(dict.__or__, st.fixed_dictionaries({}, optional=details), crops)


def is_age(value: str) -> bool:
    plain = re.fullmatch(r"[0-9]+[.,]?[0-9]*|[.,][0-9]+", value)
    return value.lower() in NOT_KNOWN or (plain is not None and Decimal(value.replace(",", ".")) <= 120)


def wrong_crop(values: list[str]) -> str | None:
    """Return the field in the error: the first of x, y and size that is no fraction, or a size of zero."""
    if not any(values):
        return None
    for name, value in zip(CROP, values, strict=True):
        if not re.fullmatch(r"([0-9]+\.?[0-9]*|\.[0-9]+)(e-?[0-9]+)?", value) or Decimal(value) > 1:
            return name
    return None if float(values[2]) else "crop_size"


def wrong_square(values: list[str]) -> str | None:
    """Return the code of a square that is not inside this photo; its fields are fractions."""
    if not any(values):
        return None
    x, y, size = map(float, values)
    side = size * HEIGHT
    outside = x * WIDTH + side > WIDTH + 1e-4 or y * HEIGHT + side > HEIGHT + 1e-4
    return "crop_outside" if outside else "crop_range" if side < 1 else None


def expected(fields: dict[str, str]) -> dict[str, str]:
    """Return the code of each wrong field."""
    values = {name: value.strip() for name, value in fields.items()}
    crop = [values.get(name, "") for name in CROP]
    wrong = {name for name, right in RIGHT.items() if values.get(name, "").lower() not in right}
    wrong |= set() if is_age(values.get("age", "")) else {"age"}
    wrong |= {wrong_crop(crop)} - {None}
    if not wrong and (code := wrong_square(crop)):  # found after the photo is decoded
        return {"crop_size": code}
    return {name: CODE[name] for name in wrong}


def send(app: Flask, address: str, *parts: bytes):
    return app.test_client().post(address, data=body(*parts), content_type=CONTENT_TYPE)


def send_form(app: Flask, address: str, fields: dict[str, str]):
    return send(app, address, PHOTO, *(part(name, value.encode()) for name, value in fields.items()))


@BOUNDED
@given(typed)
@example({"age": " 45 ", "sex": "Female", "site": "BACK", "dermatoscope": "yes"})
@example({"age": "120"})
@example({"age": "120.01"})
@example({"age": "45,5"})
@example({"age": "4,5,5"})
@example({"crop_x": "0.25", "crop_y": "0", "crop_size": "1"})
@example({"crop_x": "0.375", "crop_y": "0", "crop_size": "1"})
@example({"crop_x": "0", "crop_y": "0", "crop_size": "1e-7"})
def test_the_api_names_each_wrong_field_and_no_other(app: Flask, fields):
    wrong = expected(fields)
    response = send_form(app, "/api/v1/predictions", fields)
    if not wrong:
        assert response.status_code == 200
        return
    assert (response.status_code, response.content_type) == (422, PROBLEM_TYPE)
    assert {error["field"]: error["code"] for error in response.json["errors"]} == wrong
    assert len(response.json["errors"]) == len(wrong)


@BOUNDED
@given(typed)
@example({"age": '"><script>alert(1)</script>', "sex": "female"})
def test_the_page_names_each_wrong_field_and_keeps_what_was_typed(app: Flask, fields):
    wrong = expected(fields)
    response = send_form(app, "/", fields)
    page = Page(response.text)
    marked = {name for name in ON_THE_PAGE if f"{name}-error" in page.ids}
    assert (response.status_code, response.mimetype) == (422 if wrong else 200, "text/html")
    assert marked == set(wrong) & set(ON_THE_PAGE)
    assert response.text.count("<!doctype html>") == 1
    if wrong:
        assert page.ids["age"][1]["value"] == fields.get("age", "")  # nothing typed ends the attribute
        assert len(page.ids) == len(re.findall(r'\bid="', response.text))  # or starts an element


name_of_field = st.one_of(
    st.sampled_from([*RIGHT, *CROP, "age", "photo", "bundle", "explain", "example", "charset", "_charset_"]),
    text.map(lambda name: re.sub(r'["\\\r\n]', "", name)),
)
some_parts = st.lists(
    st.builds(
        part,
        name_of_field,
        st.one_of(
            st.binary(max_size=20), text.map(str.encode), st.sampled_from([b"heatmap", b"45", b"back"])
        ),
        st.one_of(st.none(), st.sampled_from(["", "photo.jpg", "../x"])),
    ),
    max_size=6,
)
addresses = st.sampled_from(["/api/v1/predictions", "/api/v1/visits", "/", "/visit"])


@BOUNDED
@given(addresses, some_parts, st.integers(0, 3), st.binary(max_size=30))
def test_any_parts_in_any_number_are_answered_or_refused(app: Flask, address, parts, photos, tail):
    assert_meant(send(app, address, *[PHOTO] * photos, *parts), address)
    content = body(*[PHOTO] * photos, *parts)
    cut = content[: len(content) // 2 + len(tail)] + tail
    assert_meant(app.test_client().post(address, data=cut, content_type=CONTENT_TYPE), address)


def assert_meant(response, address: str) -> None:
    """Check that it is an answer in the address's format, or a problem with a known code of the status."""
    assert response.status_code in {200, 400, 413, 415, 422}
    if not address.startswith("/api"):
        assert response.mimetype == "text/html"
        assert response.text.rstrip().endswith("</html>")
    elif response.status_code != 200:
        assert response.content_type == PROBLEM_TYPE
        assert {PROBLEM_CODES[error["code"]].status for error in response.json["errors"]} == {
            response.status_code
        }


def test_submission_is_frozen():
    with pytest.raises(AttributeError):
        Submission(b"", Details()).photo = b"x"  # type: ignore[misc]
