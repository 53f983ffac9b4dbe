"""Every way in which a request can fail: one table of codes, one exception, one JSON form (RFC 9457)."""

from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus

from flask import Response, json
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError, TooManyRequests

from app.languages import marked
from app.languages import say as _
from data_modelling.inference.errors import FieldError, PhotoError

MEDIA_TYPE = "application/problem+json"


@dataclass(frozen=True)
class Code:
    """status: the HTTP status it is answered with. meaning: what the README says of it."""

    status: int
    meaning: str


# The codes are part of the interface: never renamed, never translated. The README lists this table.
CODES: dict[str, Code] = {
    "malformed": Code(400, "the body is not a well-formed form"),
    "cross_site": Code(400, "the request was sent by a page of another site"),
    "host_unknown": Code(400, "the host name is not one of TRUSTED_HOSTS"),
    "bad_request": Code(400, "any other request that makes no sense"),
    "not_found": Code(404, "there is nothing at this address"),
    "model_unknown": Code(404, "there is no valid bundle of this name"),
    "method_not_allowed": Code(405, "the address exists, but not for this method"),
    "too_large": Code(
        413, "the photo has more than MAX_UPLOAD_MB, or the form too many parts or too much text"
    ),
    "not_multipart": Code(415, "the content type is not multipart/form-data"),
    "photo_type": Code(415, "the file's content is no JPEG, PNG, WebP or DICOM photo"),
    "photo_missing": Code(422, "there is no file in the field photo"),
    "photo_several": Code(422, "there is more than one file in the field photo"),
    "photos_count": Code(422, "there are fewer than two or more than twelve photos of a visit"),
    "sites_count": Code(422, "there is not one site for each photo of a visit"),
    "photo_empty": Code(422, "the file has no content"),
    "photo_broken": Code(422, "the photo is damaged and cannot be decoded"),
    "photo_pixels": Code(422, "the photo has more pixels than are decoded"),
    "photo_animated": Code(422, "the photo is animated"),
    "photo_frames": Code(422, "the DICOM file has more than one frame"),
    "photo_small": Code(422, "the square that is analysed has too few pixels"),
    "photo_blank": Code(422, "the photo shows next to nothing"),
    "photo_blurred": Code(422, "the photo is too blurred"),
    "photo_dark": Code(422, "the photo is too dark"),
    "photo_bright": Code(422, "the photo is too bright"),
    "photo_foreign": Code(422, "the photo does not look like a dermoscopic photo of a skin lesion"),
    "crop_range": Code(422, "a crop field is missing or no number from 0 to 1"),
    "crop_outside": Code(422, "the crop reaches beyond the photo"),
    "age_range": Code(422, "age is no number from 0 to 120"),
    "sex_unknown_value": Code(422, "sex is neither female nor male"),
    "site_unknown_value": Code(422, "site is no name of a body site"),
    "dermatoscope_unknown_value": Code(422, "dermatoscope is neither yes nor no"),
    "field_repeated": Code(422, "a field is there more than once"),
    "bundle_unknown": Code(422, "there is no valid bundle of the name in the field bundle"),
    "example_unknown": Code(422, "there is no example photo of this name"),
    "explain_unknown_value": Code(422, "explain has a word other than heatmap and details"),
    "explain_unavailable": Code(422, "the bundle does not say enough for a heat map"),
    "rate_limited": Code(429, "too many requests from one address; Retry-After says when to come back"),
    "headers_too_large": Code(431, "the headers of the request have more than 256 kB"),
    "internal": Code(500, "a fault of the app"),
    "transfer_encoding_unknown": Code(501, "the body is sent in a transfer encoding other than chunked"),
    "model_unavailable": Code(
        503, "the bundle is absent, incomplete or altered; nothing is answered without it"
    ),
    "busy": Code(503, "too many photos are being read; Retry-After says when to come back"),
}

# What werkzeug, Flask-Limiter and waitress find, by status, in words for somebody who did not write the app.
_HTTP_FAULTS = {
    400: ("bad_request", marked("The request could not be understood.")),
    404: ("not_found", marked("There is nothing at this address.")),
    405: ("method_not_allowed", marked("This address does not accept this kind of request.")),
    413: ("too_large", marked("The request is too large.")),
    429: ("rate_limited", marked("Too many requests came from your address. Wait a moment and try again.")),
    431: ("headers_too_large", marked("The headers of the request are too large.")),
    500: ("internal", marked("Something went wrong on our side. Nothing was stored.")),
    501: ("transfer_encoding_unknown", marked("The transfer encoding of the request is not supported.")),
}
# What a page says for the statuses of such problems; in JSON the title stays the standard's own.
TITLES = (
    marked("Bad Request"),
    marked("Not Found"),
    marked("Method Not Allowed"),
    marked("Too Many Requests"),
    marked("Internal Server Error"),
    marked("Service Unavailable"),
)


@dataclass(frozen=True)
class Fault:
    """One thing that is wrong; field is None when it concerns the whole request."""

    code: str
    message: str
    field: str | None = None


class Problem(Exception):
    """A request that cannot be answered; carries all that the JSON form and the page show.

    All faults must belong to one HTTP status. retry_after: seconds, for 429 and 503.
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
        """The HTTP status."""
        return CODES[self.faults[0].code].status

    @property
    def title(self) -> str:
        """The status in words."""
        return HTTPStatus(self.status).phrase

    @property
    def headers(self) -> dict[str, str]:
        """Headers that go with the status, on a page as in JSON."""
        headers = {}
        if self.retry_after is not None:
            headers["Retry-After"] = str(self.retry_after)
        if self.allow is not None:
            headers["Allow"] = self.allow
        return headers

    def as_json(self) -> dict[str, object]:
        """The members of RFC 9457; about:blank says that the status tells the kind, `errors` the rest."""
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
    """A Problem of one fault."""
    return Problem([Fault(code, message, field)], retry_after)


def from_input_error(error: FieldError | PhotoError) -> Problem:
    """The Problem for bad input that the inference modules found."""
    field = error.field if isinstance(error, FieldError) else "photo"
    return problem(error.code, _(error.message, **error.values), field)


def from_field_error(error: FieldError) -> Fault:
    """The fault in a field, in the language of the request."""
    return Fault(error.code, _(error.message, **error.values), error.field)


def too_large(limit: int) -> Problem:
    """One photo of more than `limit` MB."""
    return problem(
        "too_large", _("The photo is too large: at most %(limit)s MB are accepted.", limit=limit), "photo"
    )


def from_http_exception(error: HTTPException) -> Problem:
    """The Problem for what werkzeug, Flask or Flask-Limiter raised."""
    if isinstance(error, SecurityError):
        return problem("host_unknown", "This app is not served under the host name that was asked for.")
    code, message = _fault(error.code or 500)
    retry_after = 60 if isinstance(error, TooManyRequests) else None
    return Problem([Fault(code, message, _field(error))], retry_after, _allow(error))


def from_status(status: int) -> Problem:
    """The Problem for a status alone: that of a request that the server could not read."""
    return problem(*_fault(status))


def _fault(status: int) -> tuple[str, str]:
    code, message = _HTTP_FAULTS.get(status) or _HTTP_FAULTS[400 if status < 500 else 500]
    return code, _(message)


def _field(error: HTTPException) -> str | None:
    return "photo" if isinstance(error, RequestEntityTooLarge) else None


def _allow(error: HTTPException) -> str | None:
    methods = getattr(error, "valid_methods", None)
    return ", ".join(sorted(methods)) if methods else None


def json_response(found: Problem) -> Response:
    """The answer of the API."""
    return Response(json.dumps(found.as_json()), found.status, found.headers, content_type=MEDIA_TYPE)
