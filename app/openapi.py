"""The API as an OpenAPI 3.1 document, written from the tables that the code itself uses, and a page that shows it."""

from typing import Any

from flask import Blueprint, Response, current_app, jsonify, render_template

from app.problems import CODES, MEDIA_TYPE
from app.settings import FEWEST_PHOTOS, LARGEST_VISIT_MB, MOST_PHOTOS
from app.visits import NO_ALL_CLEAR, RANKED_BY
from data_modelling.inference.details import OLDEST, SEXES, SITE_NAMES
from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS
from data_modelling.inference.explanation import EXPLANATIONS
from data_modelling.inference.predictor import HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN

blueprint = Blueprint("documents", __name__)

Schema = dict[str, Any]

VERSION = "1.0.0"  # of the interface
PHOTO_TYPES = "image/jpeg, image/png, image/webp, application/dicom"
# What may stand in a text field that is left open: nothing, or this word.
OPEN = ("", "unknown")
SHARE: Schema = {"type": "number", "minimum": 0, "maximum": 1}
TEXT: Schema = {"type": "string"}
COUNT: Schema = {"type": "integer", "minimum": 1}
# The statuses with which each kind of request may be refused.
ANY_REQUEST = (400, 405, 429, 500)
OF_A_FORM = (*ANY_REQUEST, 413, 415, 422, 503)


@blueprint.get("/api/openapi.json")
def document() -> Response:
    """The document."""
    return jsonify(openapi(current_app.config["MAX_UPLOAD_MB"]))


@blueprint.get("/api")
def page() -> str:
    """The document for people."""
    return render_template("api.html", document=openapi(current_app.config["MAX_UPLOAD_MB"]), codes=CODES)


def openapi(max_upload_mb: int) -> Schema:
    """The document. max_upload_mb: the largest photo that this app accepts."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Skin lesion classifier",
            "version": VERSION,
            "summary": "Probabilities for kinds of skin lesions from dermoscopic photos.",
            "description": "For education and research. It is no diagnosis and no medical device. "
            "Nothing that is sent is stored.",
            "license": {"name": "MIT", "identifier": "MIT"},
        },
        "servers": [{"url": "/"}],
        "paths": {
            "/api/v1/predictions": {"post": _predictions(max_upload_mb)},
            "/api/v1/visits": {"post": _visits(max_upload_mb)},
            "/api/v1/models": {"get": _models()},
            "/api/v1/models/{name}": {"get": _model()},
            "/healthz": {"get": _health()},
        },
        "components": {"schemas": _schemas(), "responses": _responses()},
    }


def _predictions(max_upload_mb: int) -> Schema:
    fields = {
        "photo": _photo(f"One photo, at most {max_upload_mb} MB."),
        **_details(),
        "site": _site(),
        "dermatoscope": _dermatoscope(),
        **{
            name: {
                "type": "string",
                "pattern": r"^(0(\.\d+)?|1)?$",
                "description": f"{meaning}, from 0 to 1; all three or none.",
            }
            for name, meaning in (
                ("crop_x", "Left edge of the square that is analysed, of the upright photo's width"),
                ("crop_y", "Top edge of the square, of the upright photo's height"),
                ("crop_size", "Edge of the square, of the upright photo's shorter side"),
            )
        },
        "bundle": _bundle(),
        "explain": {
            "type": "string",
            "enum": ["", *EXPLANATIONS, ",".join(EXPLANATIONS)],
            "description": "What to explain, with commas.",
        },
    }
    return {
        "operationId": "predict",
        "summary": "The probabilities for one photo",
        "requestBody": _form(fields),
        "responses": {"200": _json("Answer", "The photo was answered."), **_refused(OF_A_FORM)},
    }


def _visits(max_upload_mb: int) -> Schema:
    fields = {
        "photo": {
            "type": "array",
            "items": _photo(
                f"At most {max_upload_mb} MB each and {max(LARGEST_VISIT_MB, max_upload_mb)} MB together."
            ),
            "minItems": FEWEST_PHOTOS,
            "maxItems": MOST_PHOTOS,
            "description": "The photos of one person, a part each.",
        },
        **_details(),
        "site": {
            "type": "array",
            "items": _site(),
            "description": "One a photo, in the same order, or none.",
        },
        "dermatoscope": _dermatoscope(),
        "bundle": _bundle(),
    }
    return {
        "operationId": "compare",
        "summary": "Several photos of one person, ranked by the probability of the cancer classes",
        "description": f"{NO_ALL_CLEAR} A photo that cannot be used has a problem of its own.",
        "requestBody": _form(fields),
        "responses": {"200": _json("Visit", "The photos were compared."), **_refused(OF_A_FORM)},
    }


def _models() -> Schema:
    return {
        "operationId": "models",
        "summary": "The models that are installed",
        "responses": {"200": _json("Models", "The valid bundles."), **_refused(ANY_REQUEST)},
    }


def _model() -> Schema:
    return {
        "operationId": "model",
        "summary": "What the files of one model say",
        "parameters": [
            {
                "name": "name",
                "in": "path",
                "required": True,
                "schema": {"type": "string", "minLength": 1},
                "description": "The name of a bundle.",
            }
        ],
        "responses": {
            "200": _json("Model", "Its metadata and its figures."),
            **_refused((*ANY_REQUEST, 404)),
        },
    }


def _health() -> Schema:
    return {
        "operationId": "health",
        "summary": "Whether photos can be answered",
        "responses": {"200": _json("Health", "They can."), **_refused((*ANY_REQUEST, 503))},
    }


def _photo(description: str) -> Schema:
    return {
        "type": "string",
        "contentMediaType": "image/jpeg",
        "format": "binary",
        "description": description,
    }


def _details() -> Schema:
    younger = r"([0-9]|[1-9][0-9]|1[01][0-9])([.,][0-9]+)?"
    return {
        "age": {
            "type": "string",
            "pattern": rf"^({younger}|{OLDEST}([.,]0+)?|unknown)?$",
            "description": f"Years from 0 to {OLDEST}; decimals are accepted, after a point or a comma.",
        },
        "sex": {"type": "string", "enum": [*SEXES, *OPEN], "description": "Empty is not known."},
    }


def _site() -> Schema:
    return {
        "type": "string",
        "enum": [*SITE_NAMES, *OPEN],
        "description": "Place on the body; empty is not known.",
    }


def _dermatoscope() -> Schema:
    return {
        "type": "string",
        "enum": ["yes", "no", *OPEN],
        "description": "Whether it was taken through a dermatoscope; no counts as a phone photo, and so does a photo "
        "that looks like one, whatever is said.",
    }


def _bundle() -> Schema:
    return {"type": "string", "description": "Name of a model; empty is the default one."}


def _form(fields: Schema) -> Schema:
    return {
        "required": True,
        "content": {
            "multipart/form-data": {
                "schema": {"type": "object", "properties": fields, "required": ["photo"]},
                "encoding": {"photo": {"contentType": PHOTO_TYPES}},
            }
        },
    }


def _json(schema: str, description: str) -> Schema:
    return {
        "description": description,
        "content": {"application/json": {"schema": {"$ref": f"#/components/schemas/{schema}"}}},
    }


def _refused(statuses: tuple[int, ...]) -> Schema:
    return {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}


def _responses() -> Schema:
    """A response for each status of the table of codes."""
    responses: Schema = {}
    for status in sorted({code.status for code in CODES.values()}):
        codes = [name for name, code in CODES.items() if code.status == status]
        responses[str(status)] = {
            "description": "; ".join(f"{name}: {CODES[name].meaning}" for name in codes),
            "content": {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}},
            **({"headers": {"Retry-After": _retry_after()}} if status in (429, 503) else {}),
        }
    return responses


def _retry_after() -> Schema:
    return {
        "description": "Seconds after which to try again.",
        "schema": {"type": "string", "pattern": r"^\d+$"},
    }


def _schemas() -> Schema:
    class_codes = sorted({diagnosis.code for task in TASKS.values() for diagnosis in task})
    model = _object(
        {"name": TEXT, "version": TEXT, "sha256": {"type": "string", "pattern": "^[0-9a-f]{64}$"}}
    )
    return {
        "Answer": _object(
            {
                "status": {"type": "string", "enum": [HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN]},
                "class": {"type": "string", "enum": class_codes},
                "reasons": {"type": "array", "items": TEXT},
                "probabilities": {"type": "object", "additionalProperties": SHARE},
                "classes": {"type": "array", "items": _ref("Class"), "minItems": 1},
                "cancer": _object({"probability": SHARE, "threshold": SHARE}),
                "prediction_sets": {"type": "object"},
                "nearness": SHARE,
                "model": model,
            },
            optional={"explanation": _ref("Explanation")},
        ),
        "Class": _object(
            {
                "code": {"type": "string", "enum": class_codes},
                "name": TEXT,
                "flag": {"type": "string", "enum": list(FLAG_TEXTS)},
                "probability": SHARE,
            }
        ),
        "Explanation": {
            "type": "object",
            "properties": {"heatmap": {"type": "object"}, "details": {"type": "object"}},
        },
        "Visit": _object(
            {
                "ranked_by": {"const": RANKED_BY},
                "note": TEXT,
                "ranking": {"type": "array", "items": COUNT},
                "odd_one_out": {"type": ["integer", "null"], "minimum": 1},
                "photos": {"type": "array", "items": {"oneOf": [_ref("RankedPhoto"), _ref("FailedPhoto")]}},
                "model": model,
            }
        ),
        "RankedPhoto": _object(
            {
                "photo": COUNT,
                "rank": COUNT,
                "oddity": {"type": ["number", "null"], "minimum": 0},
                "stands_out": {"type": ["boolean", "null"]},
                "answer": _ref("Answer"),
            }
        ),
        "FailedPhoto": _object({"photo": COUNT, "problem": _ref("Problem")}),
        "Models": _object({"default": TEXT, "models": {"type": "array", "items": _object(_summary())}}),
        "Model": _object({**_summary(), "metadata": {"type": "object"}, "metrics": {"type": "object"}}),
        "Health": _object({"status": {"const": "ok"}, "bundle": TEXT, "version": TEXT}),
        "Problem": _object(
            {
                "type": {"const": "about:blank"},
                "title": TEXT,
                "status": {"type": "integer", "enum": sorted({code.status for code in CODES.values()})},
                "detail": TEXT,
                "errors": {"type": "array", "items": _ref("Fault"), "minItems": 1},
            }
        ),
        "Fault": _object(
            {
                "field": {"type": ["string", "null"]},
                "code": {"type": "string", "enum": list(CODES)},
                "message": TEXT,
            }
        ),
    }


def _summary() -> Schema:
    return {"name": TEXT, "version": TEXT, "task": {"type": "string", "enum": list(TASKS)}, "sha256": TEXT}


def _object(properties: Schema, optional: Schema | None = None) -> Schema:
    """An object of which all properties are there but the optional ones; later versions may add others."""
    return {
        "type": "object",
        "properties": {**properties, **(optional or {})},
        "required": list(properties),
    }


def _ref(name: str) -> Schema:
    return {"$ref": f"#/components/schemas/{name}"}
