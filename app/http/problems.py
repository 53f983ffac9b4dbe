"""The problems of requests: one table of codes, one exception, one JSON form (RFC 9457)."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from flask import Flask, Response, json, make_response, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError, TooManyRequests

from app.http.languages import mark_message
from app.http.languages import translate as _
from data_modelling.inference.errors import FieldError, PhotoError

PROBLEM_TYPE = "application/problem+json"
HEALTH_PATHS = ("/healthz", "/livez")


@dataclass(frozen=True)
class ProblemCode:
    """Hold a code's HTTP status, and its meaning for docs/api.md and the OpenAPI document."""

    status: int
    meaning: str


# The codes are part of the interface: they are never renamed or translated. docs/api.md lists this table.
PROBLEM_CODES: dict[str, ProblemCode] = {
    "malformed": ProblemCode(400, "the body is not a well-formed form"),
    "cross_site": ProblemCode(400, "the request was sent by a page of another site"),
    "host_unknown": ProblemCode(400, "the host name is not one of TRUSTED_HOSTS"),
    "bad_request": ProblemCode(400, "any other request that makes no sense"),
    "not_found": ProblemCode(404, "there is nothing at this address"),
    "model_unknown": ProblemCode(404, "there is no valid bundle of this name"),
    "method_not_allowed": ProblemCode(405, "the address exists, but not for this method"),
    "not_acceptable": ProblemCode(406, "the Accept header names no type that this address has"),
    "too_large": ProblemCode(
        413, "the photo has more than MAX_UPLOAD_MB, or the form too many parts or too much text"
    ),
    "not_multipart": ProblemCode(415, "the content type is not multipart/form-data"),
    "photo_type": ProblemCode(415, "the file's content is no JPEG, PNG, WebP or DICOM photo"),
    "photo_missing": ProblemCode(422, "there is no file in the field photo"),
    "photo_several": ProblemCode(422, "there is more than one file in the field photo"),
    "photos_count": ProblemCode(422, "there are fewer than two or more than twelve photos of a visit"),
    "sites_count": ProblemCode(422, "site or changing does not have one value for each photo of a visit"),
    "photo_empty": ProblemCode(422, "the file has no content"),
    "photo_broken": ProblemCode(422, "the photo is damaged and cannot be decoded"),
    "photo_pixels": ProblemCode(422, "the photo has more pixels than are decoded"),
    "photo_animated": ProblemCode(422, "the photo is animated"),
    "photo_frames": ProblemCode(422, "the DICOM file has more than one frame"),
    "photo_small": ProblemCode(422, "the square that is analysed has too few pixels"),
    "photo_blank": ProblemCode(422, "the photo shows hardly anything"),
    "photo_blurred": ProblemCode(422, "the photo is too blurred"),
    "photo_dark": ProblemCode(422, "the photo is too dark"),
    "photo_bright": ProblemCode(422, "the photo is too bright"),
    "photo_foreign": ProblemCode(422, "the photo does not look like a dermoscopic photo of a skin lesion"),
    "crop_range": ProblemCode(422, "a crop field is missing or is no number from 0 to 1"),
    "crop_outside": ProblemCode(422, "the crop reaches beyond the photo"),
    "age_range": ProblemCode(422, "age is no number from 0 to 120"),
    "sex_unknown_value": ProblemCode(422, "sex is neither female nor male"),
    "site_unknown_value": ProblemCode(422, "site is no name of a body site"),
    "changing_unknown_value": ProblemCode(422, "changing is neither yes nor no"),
    "dermatoscope_unknown_value": ProblemCode(422, "dermatoscope is neither yes nor no"),
    "field_repeated": ProblemCode(422, "a field is sent more than once"),
    "bundle_unknown": ProblemCode(422, "there is no valid bundle of the name in the field bundle"),
    "example_unknown": ProblemCode(422, "there is no example photo of this name"),
    "explain_unknown_value": ProblemCode(
        422, "explain has a word other than heatmap, details and neighbours"
    ),
    "explain_unavailable": ProblemCode(422, "the bundle has no heat map or no known photos"),
    "rate_limited": ProblemCode(
        429, "too many requests from one address; Retry-After says when to come back"
    ),
    "internal": ProblemCode(500, "a fault of the app"),
    "model_unavailable": ProblemCode(
        503, "the bundle is absent, incomplete or altered; nothing is answered without it"
    ),
    "busy": ProblemCode(503, "too many photos are being read; Retry-After says when to come back"),
}

# The codes and messages for the errors of werkzeug and Flask-Limiter, by status.
_HTTP_FAULTS = {
    400: ("bad_request", mark_message("The request could not be understood.")),
    404: ("not_found", mark_message("There is nothing at this address.")),
    405: ("method_not_allowed", mark_message("This address does not accept this kind of request.")),
    413: ("too_large", mark_message("The request is too large.")),
    429: (
        "rate_limited",
        mark_message("Too many requests came from your address. Wait a moment and try again."),
    ),
    500: ("internal", mark_message("Something went wrong on our side. Nothing was stored.")),
}
# The titles of statuses that pages translate; in JSON the title is the standard's.
STATUS_TITLES = (
    mark_message("Bad Request"),
    mark_message("Not Found"),
    mark_message("Method Not Allowed"),
    mark_message("Too Many Requests"),
    mark_message("Internal Server Error"),
    mark_message("Service Unavailable"),
)


@dataclass(frozen=True)
class Fault:
    """Hold one fault of a request; field is None when it concerns the whole request."""

    code: str
    message: str
    field: str | None = None


class Problem(Exception):
    """Say that a request cannot be answered, with all that the JSON form and the page show.

    All faults must have the same HTTP status. retry_after: seconds, for 429 and 503. allow: the methods, for 405.
    """

    def __init__(
        self, faults: Iterable[Fault], retry_after: int | None = None, allow: str | None = None
    ) -> None:
        self.faults = tuple(faults)
        self.retry_after = retry_after
        self.allow = allow
        super().__init__(", ".join(fault.code for fault in self.faults))

    @property
    def status(self) -> int:
        """Return the HTTP status."""
        return PROBLEM_CODES[self.faults[0].code].status

    @property
    def title(self) -> str:
        """Return the standard's title of the status."""
        return HTTPStatus(self.status).phrase

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that belong to the status, for a page and for JSON."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.allow is not None:
            headers["Allow"] = self.allow
        return headers

    def as_json(self) -> dict[str, object]:
        """Return the members of RFC 9457. The type about:blank says that the status is the kind of problem."""
        return {
            "type": "about:blank",
            "title": self.title,
            "status": self.status,
            "detail": " ".join(fault.message for fault in self.faults),
            "errors": [
                {"field": fault.field, "code": fault.code, "message": fault.message} for fault in self.faults
            ],
        }


def problem(code: str, message: str, field: str | None = None, retry_after: int | None = None) -> Problem:
    """Return a Problem with one fault."""
    return Problem([Fault(code, message, field)], retry_after)


def problem_from_input_error(error: FieldError | PhotoError) -> Problem:
    """Return the Problem for an error that the inference modules raised."""
    field = error.field if isinstance(error, FieldError) else "photo"
    return problem(error.code, _(error.message, **error.values), field)


def fault_from_field_error(error: FieldError) -> Fault:
    """Return the fault in a field, in the language of the request."""
    return Fault(error.code, _(error.message, **error.values), error.field)


def photo_too_large(limit: int) -> Problem:
    """Return the Problem for a photo of more than `limit` MB."""
    return problem(
        "too_large", _("The photo is too large: at most %(limit)s MB are accepted.", limit=limit), "photo"
    )


def problem_from_http_exception(error: HTTPException) -> Problem:
    """Return the Problem for an exception of werkzeug, Flask or Flask-Limiter."""
    if isinstance(error, SecurityError):
        return problem("host_unknown", "This app is not served under the requested host name.")
    status = error.code or 500
    code, message = _HTTP_FAULTS.get(status) or _HTTP_FAULTS[400 if status < 500 else 500]
    field = "photo" if isinstance(error, RequestEntityTooLarge) else None
    retry_after = 60 if isinstance(error, TooManyRequests) else None
    allow = ", ".join(sorted(getattr(error, "valid_methods", None) or ())) or None
    return Problem([Fault(code, _(message), field)], retry_after, allow)


def init_app(app: Flask) -> None:
    """Answer every Problem and every error of werkzeug and Flask in the same form."""
    app.register_error_handler(Problem, show_problem)
    app.register_error_handler(HTTPException, show_http_exception)


def show_problem(failure: Problem) -> Response:
    """Return a problem as JSON under the API's addresses, else as a page."""
    is_for_programs = request.path.startswith("/api/") or request.path in HEALTH_PATHS
    # A page has links, and under an unknown host name no address can be built.
    if is_for_programs or isinstance(request.routing_exception, SecurityError):
        text = json.dumps(failure.as_json())
        return Response(text, failure.status, failure.headers, content_type=PROBLEM_TYPE)
    return make_response(render_template("problem.html", problem=failure), failure.status, failure.headers)


def show_http_exception(error: HTTPException) -> Response:
    """Return the answer for an exception of werkzeug or Flask, in the same form."""
    return show_problem(problem_from_http_exception(error))
