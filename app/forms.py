"""What a page or a program sends: the fields of a form, checked all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from app.problems import Fault, Problem, problem
from app.settings import MEGABYTE
from app.uploads import content
from data_modelling.inference.details import Details, parse_details
from data_modelling.inference.errors import FieldError
from data_modelling.inference.explanation import EXPLANATIONS
from data_modelling.inference.photos import CROP_FIELDS, Crop, parse_crop

TEXT_FIELDS = ("age", "sex", "site", "dermatoscope", *CROP_FIELDS, "bundle", "explain", "example")
DERMATOSCOPE = {"yes": True, "no": False, "unknown": None, "": None}

Value = TypeVar("Value")


@dataclass(frozen=True)
class Submission:
    """A photo and what is known about it.

    photo: the bytes of the file. crop: None is the centre square. dermatoscope: None is not known.
    bundle: None is the default one. explain: which of EXPLANATIONS are asked for.
    """

    photo: bytes
    details: Details
    crop: Crop | None = None
    dermatoscope: bool | None = None
    bundle: str | None = None
    explain: frozenset[str] = frozenset()


def require_multipart(request: Request, max_photo_bytes: int) -> None:
    """Parse the body. Raises Problem unless it is a well-formed multipart form within the limits."""
    if request.mimetype != "multipart/form-data":
        raise problem("not_multipart", "Send the photo as multipart/form-data, in the field photo.")
    try:
        request.form  # noqa: B018 - the first access parses the body
    except ValueError as error:
        raise problem("malformed", "The form is not well-formed: its parts cannot be told apart.") from error
    except RequestEntityTooLarge as error:
        raise _too_large(max_photo_bytes) from error


def read_submission(request: Request, max_photo_bytes: int) -> Submission:
    """The submission in a multipart request. Raises Problem that names every field that is wrong."""
    errors: list[FieldError] = []  # in the order of the page's fields
    photo = _attempt(lambda: _photo(request), errors)
    dermatoscope = _attempt(lambda: _dermatoscope(request), errors)
    details, details_errors = parse_details(request.form)
    errors += details_errors
    crop = _attempt(lambda: parse_crop(request.form), errors)
    explain = _attempt(lambda: _explain(request), errors)
    errors += _repeated(request)
    if photo is not None and len(photo) > max_photo_bytes:
        raise _too_large(max_photo_bytes)
    if errors or photo is None:
        raise Problem(Fault(error.code, str(error), error.field) for error in errors)
    bundle = request.form.get("bundle", "").strip() or None
    return Submission(photo, details, crop, dermatoscope, bundle, explain or frozenset())


def _attempt(read: Callable[[], Value], errors: list[FieldError]) -> Value | None:
    try:
        return read()
    except FieldError as error:
        errors.append(error)
        return None


def _repeated(request: Request) -> list[FieldError]:
    return [
        FieldError(field, "field_repeated", f"{field} is there more than once; send one.")
        for field in TEXT_FIELDS
        if len(request.form.getlist(field)) > 1
    ]


def _dermatoscope(request: Request) -> bool | None:
    text = request.form.get("dermatoscope", "").strip().lower()
    if text not in DERMATOSCOPE:
        raise FieldError(
            "dermatoscope", "dermatoscope_unknown_value", "Dermatoscope must be yes or no, or left out."
        )
    return DERMATOSCOPE[text]


def _explain(request: Request) -> frozenset[str]:
    words = frozenset(word.strip() for word in request.form.get("explain", "").split(",")) - {""}
    if not words <= set(EXPLANATIONS):
        raise FieldError(
            "explain", "explain_unknown_value", "Explain may name heatmap and details, with a comma."
        )
    return words


def _photo(request: Request) -> bytes:
    contents = [(part.filename, content(part)) for part in request.files.getlist("photo")]
    # A browser sends an empty part without a file name when no photo was chosen.
    chosen = [data for name, data in contents if name or data]
    if not chosen:
        raise FieldError("photo", "photo_missing", "Choose a photo.")
    if len(chosen) > 1:
        raise FieldError("photo", "photo_several", "Send one photo at a time.")
    if not chosen[0]:
        raise FieldError("photo", "photo_empty", "The file is empty; choose another one.")
    return chosen[0]


def _too_large(max_photo_bytes: int) -> Problem:
    limit = max_photo_bytes // MEGABYTE
    return problem("too_large", f"The photo is too large: at most {limit} MB are accepted.", "photo")
