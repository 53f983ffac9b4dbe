"""What a page or a program sends: the fields of a form, checked all at once."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

from flask import Request
from werkzeug.exceptions import RequestEntityTooLarge

from app.languages import say as _
from app.problems import Problem, from_field_error, problem, too_large
from app.settings import FEWEST_PHOTOS, MEGABYTE, MOST_PHOTOS
from app.uploads import MAX_PARTS, MAX_TEXT_BYTES, content
from data_modelling.inference.details import Details, filled, parse_details, parse_site
from data_modelling.inference.dicom import header_details
from data_modelling.inference.errors import FieldError
from data_modelling.inference.explanation import EXPLANATIONS
from data_modelling.inference.photos import CROP_FIELDS, Crop, parse_crop

TEXT_FIELDS = ("age", "sex", "site", "dermatoscope", *CROP_FIELDS, "bundle", "explain", "example")
DERMATOSCOPE = {"yes": True, "no": False, "unknown": None, "": None}

Value = TypeVar("Value")


@dataclass(frozen=True)
class Submission:
    """A photo and what is known about it.

    photo: the bytes of the file. details: what was sent, and where it says nothing, from_header: what the header of
    a DICOM file adds. crop: None is the centre square. dermatoscope: None is not known.
    bundle: None is the default one. explain: which of EXPLANATIONS are asked for.
    """

    photo: bytes
    details: Details
    crop: Crop | None = None
    dermatoscope: bool | None = None
    bundle: str | None = None
    explain: frozenset[str] = frozenset()
    from_header: Details = Details()  # noqa: RUF009 - frozen


@dataclass(frozen=True)
class VisitSubmission:
    """Several photos of one patient.

    rows: one a photo, from 1: the number that its row has in the form. sites: one a photo, None is not known; the
    details' own site is not used.
    """

    photos: tuple[bytes, ...]
    rows: tuple[int, ...]
    sites: tuple[str | None, ...]
    details: Details
    dermatoscope: bool | None = None
    bundle: str | None = None


def require_multipart(request: Request, max_bytes: int, what: str = "photo") -> None:
    """Parse the body. Raises Problem unless it is a well-formed multipart form within the limits."""
    if request.mimetype != "multipart/form-data":
        raise problem("not_multipart", _("Send the photo as multipart/form-data, in the field photo."))
    try:
        request.form  # noqa: B018 - the first access parses the body
    except ValueError as error:
        raise problem(
            "malformed", _("The form is not well-formed: its parts cannot be told apart.")
        ) from error
    except RequestEntityTooLarge as error:
        raise (_too_large(max_bytes, what) if _is_too_long(request) else _too_full()) from error


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
        raise Problem(from_field_error(error) for error in errors)
    bundle = request.form.get("bundle", "").strip() or None
    header = header_details(photo)
    added = Details(
        header.age if details.age is None else None,
        None if details.sex else header.sex,
        None if details.site else header.site,
    )
    complete = filled(details, added)
    return Submission(photo, complete, crop, dermatoscope, bundle, explain or frozenset(), added)


def read_visit(request: Request) -> VisitSubmission:
    """The photos of one patient in a multipart request. Raises Problem that names every field that is wrong.

    What is wrong with the content of one photo is found later, and told for that photo alone.
    """
    errors: list[FieldError] = []
    chosen = _attempt(lambda: _chosen_rows(request), errors) or []
    sites = [_attempt(lambda text=text: parse_site(text), errors) for _, _, text in chosen]  # type: ignore[misc]
    dermatoscope = _attempt(lambda: _dermatoscope(request), errors)
    once = {field: request.form.get(field, "") for field in ("age", "sex")}
    details, details_errors = parse_details(once)
    errors += details_errors
    errors += [error for error in _repeated(request) if error.field != "site"]
    if errors:
        raise Problem(from_field_error(error) for error in errors)
    bundle = request.form.get("bundle", "").strip() or None
    photos, rows = tuple(data for _, data, _ in chosen), tuple(row for row, _, _ in chosen)
    return VisitSubmission(photos, rows, tuple(sites), details, dermatoscope, bundle)


def _chosen_rows(request: Request) -> list[tuple[int, bytes, str]]:
    """The number, from 1, of each row with a photo, the photo and its site; a row without one is passed over whole."""
    parts = [(part.filename, content(part)) for part in request.files.getlist("photo")]
    sites = request.form.getlist("site") or [""] * len(parts)
    chosen = [index for index, (name, data) in enumerate(parts) if name or data]
    if not FEWEST_PHOTOS <= len(chosen) <= MOST_PHOTOS:
        raise FieldError(
            "photo",
            "photos_count",
            "Choose %(fewest)s to %(most)s photos of one person.",
            fewest=FEWEST_PHOTOS,
            most=MOST_PHOTOS,
        )
    if len(sites) not in (len(parts), len(chosen)):
        raise FieldError("site", "sites_count", "Send one site for each photo, in the same order, or none.")
    if len(sites) == len(parts):
        sites = [sites[index] for index in chosen]
    return [(index + 1, parts[index][1], site) for index, site in zip(chosen, sites, strict=True)]


def _attempt(read: Callable[[], Value], errors: list[FieldError]) -> Value | None:
    try:
        return read()
    except FieldError as error:
        errors.append(error)
        return None


def _repeated(request: Request) -> list[FieldError]:
    return [
        FieldError(field, "field_repeated", "%(name)s is there more than once; send one.", name=field)
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


def _is_too_long(request: Request) -> bool:
    """Whether the body exceeds its limit, and not the number of its parts or the text in them theirs."""
    limit = request.max_content_length
    return limit is not None and (request.content_length or 0) > limit


def _too_full() -> Problem:
    message = _(
        "The form is too large: at most %(parts)s fields with %(limit)s kB of text are accepted.",
        parts=MAX_PARTS,
        limit=MAX_TEXT_BYTES // 1024,
    )
    return problem("too_large", message)


def _too_large(max_bytes: int, what: str = "photo") -> Problem:
    limit = max_bytes // MEGABYTE
    if what == "photos":
        return problem(
            "too_large",
            _("The photos together are too large: at most %(limit)s MB are accepted.", limit=limit),
            "photo",
        )
    return too_large(limit)
