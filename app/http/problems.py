"""The error answers of the app: their codes, the exception Problem, and its forms as a page and as JSON (RFC 9457)."""

import tomllib
from collections.abc import Iterable
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path
from typing import NamedTuple

from flask import Flask, Response, current_app, json, make_response, render_template, request
from werkzeug.exceptions import HTTPException, RequestEntityTooLarge, SecurityError, TooManyRequests

from app.http.languages import mark_message
from app.http.languages import translate as _
from data_modelling.inference.errors import FieldError

PROBLEM_TYPE = "application/problem+json"
HEALTH_PATHS = ("/healthz", "/livez")
CODES_FILE = Path(__file__).with_name("problem_codes.toml")


class ProblemCode(NamedTuple):
    """Hold a code's HTTP status, and its meaning for docs/api.md and the OpenAPI document."""

    status: int
    meaning: str


PROBLEM_CODES = {
    name: ProblemCode(*entry) for name, entry in tomllib.loads(CODES_FILE.read_text(encoding="utf-8")).items()
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
# Pages translate these titles of HTTP statuses. JSON has the titles of the HTTP standard, in English.
STATUS_TITLES = tuple(HTTPStatus(status).phrase for status in (400, 404, 405, 429, 500, 503))


@dataclass(frozen=True)
class Fault:
    """Hold one fault of a request. field: the field of the form that is at fault; None if no field is named."""

    code: str
    message: str
    field: str | None = None


class Problem(Exception):
    """Say that a request cannot be answered, and hold the reasons that the page or the JSON shows.

    All faults must have the same HTTP status. retry_after: seconds to wait (429, 503). allow: accepted methods (405).
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
    def is_correctable(self) -> bool:
        """Return whether the reader can solve the problem by changing the form."""
        return self.status in (413, 415, 422)

    @property
    def title(self) -> str:
        """Return the title that the HTTP standard gives the status."""
        return HTTPStatus(self.status).phrase

    @property
    def headers(self) -> dict[str, str]:
        """Return the headers that belong to the status, for a page and for JSON."""
        headers = {"Retry-After": self.retry_after, "Allow": self.allow}
        return {name: str(value) for name, value in headers.items() if value is not None}

    def as_json(self) -> dict[str, object]:
        """Return RFC 9457's JSON object, with our key `errors`. The type about:blank adds nothing to the status."""
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


def problem_from_field_error(error: FieldError) -> Problem:
    """Return the Problem for a FieldError, in the language of the request."""
    return Problem([fault_from_field_error(error)])


def fault_from_field_error(error: FieldError) -> Fault:
    """Return the fault in a field, in the language of the request."""
    return Fault(error.code, _(error.message, **error.values), error.field)


def photo_too_large() -> Problem:
    """Return the Problem for a photo of more than MAX_UPLOAD_MB."""
    limit = current_app.config["MAX_UPLOAD_MB"]
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
    """Answer every Problem and every error of werkzeug and Flask with show_problem."""
    app.register_error_handler(Problem, show_problem)
    app.register_error_handler(HTTPException, show_http_exception)


def show_problem(failure: Problem) -> Response:
    """Return a problem as JSON if the path is for programs or the host is unknown, otherwise as a page."""
    is_for_programs = request.path.startswith("/api/") or request.path in HEALTH_PATHS
    # A request to an unknown host gets JSON too, because Flask cannot make the links of a page for this host.
    if is_for_programs or isinstance(request.routing_exception, SecurityError):
        text = json.dumps(failure.as_json())
        return Response(text, failure.status, failure.headers, content_type=PROBLEM_TYPE)
    return make_response(render_template("problem.html", problem=failure), failure.status, failure.headers)


def show_http_exception(error: HTTPException) -> Response:
    """Return the answer for an exception of werkzeug or Flask, as show_problem makes it."""
    return show_problem(problem_from_http_exception(error))
