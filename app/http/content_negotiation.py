"""Content negotiation: the type of an API answer that the Accept header asks for."""

from flask import Flask, request

from app.http.languages import translate as _
from app.http.problems import problem

JSON_TYPE = "application/json"
FHIR_TYPE = "application/fhir+json"
API_PATH = "/api/v1/"
OFFERED_TYPES = {"api.predictions": (JSON_TYPE, FHIR_TYPE)}  # by endpoint; the others offer only JSON


def init_app(app: Flask) -> None:
    """Refuse requests to the API whose Accept header names no type that it has."""
    app.before_request(refuse_unacceptable)


def refuse_unacceptable() -> None:
    """Raise a 406 Problem before the body is read."""
    if request.endpoint and request.path.startswith(API_PATH):
        accepted_type()


def accepted_type() -> str:
    """Return the offered type that the Accept header prefers; without a header, the first one."""
    offered = OFFERED_TYPES.get(request.endpoint or "", (JSON_TYPE,))
    accept = request.accept_mimetypes
    best = accept.best_match(offered) if accept else offered[0]
    if best is None:
        raise problem("not_acceptable", _("Accept must include one of: %(types)s.", types=", ".join(offered)))
    return best
