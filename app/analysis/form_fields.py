"""Checks the fields of a sent form and makes a submission (one photo) or a visit (several photos) from them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from flask import current_app, g, request
from werkzeug.exceptions import RequestEntityTooLarge

from app.http.languages import translate as _
from app.http.problems import Problem, fault_from_field_error, photo_too_large, problem
from app.http.uploads import MAX_PARTS, MAX_TEXT_BYTES, read_upload
from app.settings import MAX_VISIT_PHOTOS, MEGABYTE, MIN_VISIT_PHOTOS
from data_modelling.inference.details import YES_OR_NO, Details, fill_in_details, parse_details
from data_modelling.inference.errors import FieldError
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.photo.reader import CROP_FIELDS, Crop, parse_crop
from data_modelling.inference.predictor import EXPLANATIONS

TEXT_FIELDS = ("age", "sex", "site", "changing", "dermatoscope", *CROP_FIELDS, "bundle", "explain", "example")
PHOTO_FIELDS = ("site", "changing")  # in a visit, these fields have a value for each photo

Value = TypeVar("Value")


@dataclass(frozen=True)
class Submission:
    """Hold a photo and what is known about it.

    photo: the bytes of the file. details: those in the form; the header of a DICOM file (medical image) fills the gaps.
    from_header: only the details that the header filled in. crop: None means the centre square. dermatoscope: whether
    one was used; None if not known. bundle: the chosen model; None means the default. explain: the wanted EXPLANATIONS.
    """

    photo: bytes
    details: Details
    crop: Crop | None = None
    dermatoscope: bool | None = None
    bundle: str | None = None
    explain: frozenset[str] = frozenset()
    from_header: Details = Details()  # noqa: RUF009 - frozen


class SentPhoto(NamedTuple):
    """Hold a photo of a visit. row: its row in the form (1 is the first). details: only `site` and `changing`."""

    row: int
    photo: bytes
    details: Details


@dataclass(frozen=True)
class VisitSubmission:
    """Hold several photos of one patient. details: only the patient's age and sex are used."""

    photos: tuple[SentPhoto, ...]
    details: Details
    dermatoscope: bool | None = None
    bundle: str | None = None


def require_multipart(of_visit: bool = False) -> None:
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
        # Is the body too large, or has the form too many or too long fields? Without Content-Length, read bytes count.
        if max(request.content_length or 0, g.get("body_bytes", 0)) >= (request.max_content_length or 0):
            raise _photos_too_large() if of_visit else photo_too_large() from error
        message = _(
            "The form is too large: at most %(parts)s fields are accepted, each with at most %(limit)s kB of text.",
            parts=MAX_PARTS,
            limit=MAX_TEXT_BYTES // 1024,
        )
        raise problem("too_large", message) from error


def _photos_too_large() -> Problem:
    limit = current_app.config["MAX_VISIT_BYTES"] // MEGABYTE
    message = _("The photos together are too large: at most %(limit)s MB are accepted.", limit=limit)
    return problem("too_large", message, "photo")


def read_submission() -> Submission:
    """Return the submission of a multipart request. Raises a Problem for wrong fields or a photo that is too large."""
    errors: list[FieldError] = []  # in the order of the page's fields
    photo = _read_or_note_error(_photo, errors)
    dermatoscope = _read_or_note_error(_dermatoscope, errors)
    details, details_errors = parse_details(request.form)
    errors += details_errors
    crop = _read_or_note_error(lambda: parse_crop(request.form), errors)
    explain = _read_or_note_error(_explain, errors)
    errors += _repeated_field_errors()
    if photo is not None and len(photo) > current_app.config["MAX_PHOTO_BYTES"]:
        raise photo_too_large()
    if errors or photo is None:
        raise Problem(fault_from_field_error(error) for error in errors)
    bundle = request.form.get("bundle", "").strip() or None
    complete = fill_in_details(details, header_details(photo))
    added = Details(
        complete.age if details.age is None else None,
        None if details.sex else complete.sex,
        None if details.site else complete.site,
    )
    return Submission(photo, complete, crop, dermatoscope, bundle, explain or frozenset(), added)


def read_visit() -> VisitSubmission:
    """Return the visit that a multipart request sends. Raises a Problem that names the wrong fields.

    The photos are decoded later; an error in one photo then concerns that photo alone.
    """
    errors: list[FieldError] = []
    photos: list[SentPhoto] = []
    for row, data, fields in _read_or_note_error(_chosen_rows, errors) or []:
        site, site_errors = parse_details(fields)
        photos.append(SentPhoto(row, data, site))
        errors += site_errors
    dermatoscope = _read_or_note_error(_dermatoscope, errors)
    patient_fields = {field: request.form.get(field, "") for field in ("age", "sex")}
    details, details_errors = parse_details(patient_fields)
    errors += details_errors
    errors += [error for error in _repeated_field_errors() if error.field not in PHOTO_FIELDS]
    if errors:
        raise Problem(fault_from_field_error(error) for error in errors)
    bundle = request.form.get("bundle", "").strip() or None
    return VisitSubmission(tuple(photos), details, dermatoscope, bundle)


def _chosen_rows() -> list[tuple[int, bytes, dict[str, str]]]:
    """Return each row that has a photo: its number (1 is the first), the photo, and the values of PHOTO_FIELDS."""
    parts = _photo_parts(of_visit=True)
    chosen = [index for index, (name, data) in enumerate(parts) if name or data]
    if not MIN_VISIT_PHOTOS <= len(chosen) <= MAX_VISIT_PHOTOS:
        raise FieldError(
            "photo",
            "photos_count",
            "Choose %(fewest)s to %(most)s photos of one person.",
            fewest=MIN_VISIT_PHOTOS,
            most=MAX_VISIT_PHOTOS,
        )
    fields = {name: _field_of_photos(name, len(parts), chosen) for name in PHOTO_FIELDS}
    return [
        (index + 1, parts[index][1], {name: values[position] for name, values in fields.items()})
        for position, index in enumerate(chosen)
    ]


def _field_of_photos(name: str, rows: int, chosen: list[int]) -> list[str]:
    """Return a field's value for each photo. The form has one for each photo, for each row (even if empty), or none."""
    values = request.form.getlist(name) or [""] * rows
    if len(values) not in (rows, len(chosen)):
        raise FieldError(
            name, "sites_count", "Send one %(name)s for each photo, in the same order, or none.", name=name
        )
    return [values[index] for index in chosen] if len(values) == rows else values


def _read_or_note_error(read: Callable[[], Value], errors: list[FieldError]) -> Value | None:
    try:
        return read()
    except FieldError as error:
        errors.append(error)
        return None


def _repeated_field_errors() -> list[FieldError]:
    return [
        FieldError(field, "field_repeated", "The form has %(name)s more than once; send it once.", name=field)
        for field in TEXT_FIELDS
        if len(request.form.getlist(field)) > 1
    ]


def _dermatoscope() -> bool | None:
    text = request.form.get("dermatoscope", "").strip().lower()
    if text not in YES_OR_NO:
        raise FieldError(
            "dermatoscope", "dermatoscope_unknown_value", "Dermatoscope must be yes or no, or left out."
        )
    return YES_OR_NO[text]


def _explain() -> frozenset[str]:
    explanations = frozenset(word.strip() for word in request.form.get("explain", "").split(",")) - {""}
    if not explanations <= set(EXPLANATIONS):
        raise FieldError(
            "explain",
            "explain_unknown_value",
            "Explain may contain heatmap, details and neighbours, separated by commas.",
        )
    return explanations


def _photo() -> bytes:
    # A browser sends an empty part with an empty file name when no photo was chosen.
    chosen = [data for name, data in _photo_parts() if name or data]
    if not chosen:
        if any(map(read_upload, request.files.values())):
            raise FieldError(
                "photo", "photo_missing", "The file is in another field; send it in the field photo."
            )
        raise FieldError("photo", "photo_missing", "Choose a photo.")
    if len(chosen) > 1:
        raise FieldError("photo", "photo_several", "Send one photo at a time.")
    if not chosen[0]:
        raise FieldError("photo", "photo_empty", "The file is empty; choose another one.")
    return chosen[0]


def _photo_parts(of_visit: bool = False) -> list[tuple[str, bytes]]:
    """Return name and content of each file in the field photo. Raises FieldError for text alone (visit: for any)."""
    parts = [(part.filename, read_upload(part)) for part in request.files.getlist("photo")]
    files = [(name, content) for name, content in parts if name is not None]
    if any(content for name, content in parts if name is None) and (of_visit or not any(map(any, files))):
        raise FieldError(
            "photo",
            "photo_missing",
            "The field photo has no file name, so it counts as text. Send it as a file; with curl, write photo=@FILE.",
        )
    return files
