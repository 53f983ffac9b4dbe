"""The API for programs answers in JSON, or in FHIR (hospital format) if Accept asks for it. Errors follow RFC 9457."""

import re
from typing import Any

from flask import Blueprint, Flask, Response, jsonify, request
from werkzeug.datastructures import MIMEAccept
from werkzeug.http import parse_accept_header

from app.analysis.form_fields import read_submission, require_multipart
from app.analysis.photo_analysis import analyse
from app.answer.diagnostic_report import diagnostic_report
from app.bundles import RETRY_AFTER, current_bundles
from app.http.languages import translate as _
from app.http.photo_slots import photo_slot
from app.http.problems import problem
from data_modelling.inference.bundle import Bundle

blueprint = Blueprint("api", __name__)

JSON_TYPE = "application/json"
FHIR_TYPE = "application/fhir+json"
API_PATH = "/api/v1/"
# The answer types of the endpoints that offer several. The first type is the default. All other endpoints offer JSON.
OFFERED_TYPES = {"api.predictions": (JSON_TYPE, FHIR_TYPE)}
# Parameters of a client's Accept header that are ignored, such as charset=utf-8. fhirVersion is ignored only if it is
# 4.0 or 4.0.x, as in our reports. If a client wants another version, it gets 406.
OTHER_PARAMETER = re.compile(r";\s*+(?!q=|fhirVersion=(?!\W?4\.0))[^;,]*", re.IGNORECASE)


@blueprint.get("/healthz")
def health() -> Response:
    """Return 200 while the default bundle (trained model) can answer. Raises a 503 Problem otherwise."""
    bundles = current_bundles()
    if bundles.default_bundle is None:
        message = _("The bundle %(name)s is not valid.", name=bundles.default)
        raise problem("model_unavailable", message, retry_after=RETRY_AFTER)
    return jsonify(status="ok", bundle=bundles.default, version=bundles.default_bundle.version)


@blueprint.get("/livez")
def life() -> Response:
    """Return 200 as long as the process answers, even if it cannot analyse photos."""
    return jsonify(status="ok")


@blueprint.post("/api/v1/predictions")
def predictions() -> Response:
    """Return the answer for one photo, as JSON or as a DiagnosticReport of FHIR."""
    require_multipart()
    submission = read_submission()
    with photo_slot():
        answer = analyse(submission)
    if accepted_type() == FHIR_TYPE:
        return Response(diagnostic_report(answer, submission.details.site), content_type=FHIR_TYPE)
    return jsonify(answer.as_json())


@blueprint.get("/api/v1/models")
def models() -> Response:
    """Return the default bundle's name and a summary of each valid bundle."""
    bundles = current_bundles()
    return jsonify(default=bundles.default, models=[_summary(*item) for item in bundles.valid.items()])


@blueprint.get("/api/v1/models/<name>")
def model(name: str) -> Response:
    """Return a summary of one bundle, and the contents of its metadata.json and metrics.json."""
    bundle = current_bundles().bundle(name)
    return jsonify(**_summary(name, bundle), metadata=bundle.metadata, metrics=bundle.metrics)


def _summary(name: str, bundle: Bundle) -> dict[str, Any]:
    return {"name": name, "version": bundle.version, "task": bundle.metadata["task"], "sha256": bundle.sha256}


def init_app(app: Flask) -> None:
    """Refuse each request to the API whose Accept header allows no type that the endpoint offers."""
    app.before_request(refuse_unacceptable)


def refuse_unacceptable() -> None:
    """Raise a 406 Problem, before the body is read, if the endpoint offers no type that the client accepts."""
    if request.endpoint and request.path.startswith(API_PATH):
        accepted_type()


def accepted_type() -> str:
    """Return the offered type that Accept prefers, by default the first. Raises a 406 Problem if Accept allows none."""
    offered = OFFERED_TYPES.get(request.endpoint or "", (JSON_TYPE,))
    # Older versions of Java send "*/*; q=.2"; werkzeug ignores a weight without the 0.
    header = OTHER_PARAMETER.sub("", request.headers.get("Accept", "")).replace("q=.", "q=0.")
    accept = parse_accept_header(header, MIMEAccept)
    best = accept.best_match(offered) if accept else offered[0]
    if best is None:
        raise problem("not_acceptable", _("Accept must include one of: %(types)s.", types=", ".join(offered)))
    return best
