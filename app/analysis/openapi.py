"""The API as an OpenAPI 3.1 document, made from the tables that the code uses, and a page that shows it."""

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, current_app, jsonify, render_template, request

from app.analysis.answer_schemas import STATUSES, Schema, array, object_schemas, reference, text
from app.analysis.api_example import EXAMPLE, example_fields, example_objects
from app.analysis.visit import NO_ALL_CLEAR
from app.http.content_negotiation import FHIR_TYPE, JSON_TYPE
from app.http.problems import PROBLEM_CODES, PROBLEM_TYPE
from app.settings import LARGEST_VISIT_MB, MAX_VISIT_PHOTOS, MIN_VISIT_PHOTOS
from data_modelling.inference.batch.photo_folder import ANSWER_COLUMNS, ERROR_COLUMNS
from data_modelling.inference.details import MAX_AGE, SEXES, SITE_NAMES
from data_modelling.inference.diagnoses import TASKS, prediction_columns
from data_modelling.inference.explanation.details_effect import EXPLANATIONS

blueprint = Blueprint("documents", __name__)

VERSION = "1.0.0"  # of the interface
PHOTO_TYPES = "image/jpeg, image/png, image/webp, application/dicom"
# The values of a text field that mean "not known".
UNKNOWN_VALUES = ("", "unknown")
# The error statuses of each kind of request.
COMMON_ERROR_STATUSES = (400, 405, 406, 429, 500)
HEALTH_ERROR_STATUSES = (400, 405, 429, 500)  # a health check ignores the Accept header
FORM_ERROR_STATUSES = (*COMMON_ERROR_STATUSES, 413, 415, 422, 503)


@blueprint.get("/api/openapi.json")
def document() -> Response:
    """Return the document as JSON."""
    return jsonify(_current_document())


@blueprint.get("/api")
def page() -> str:
    """Return the document as a page for people, after an example that they can copy."""
    answer = example_objects().get("Answer")
    return render_template(
        "api.html",
        document=_current_document(),
        codes=PROBLEM_CODES,
        example=EXAMPLE,
        fields=example_fields(),
        fields_text=json.dumps(example_fields()),
        answer=json.dumps(answer, indent=2) if answer else None,
        csv_columns=_csv_columns(),
        value_range=describe_range,
    )


def _csv_columns() -> dict[str, list[str]]:
    """Return the columns of the csv files that `python -m data_modelling.predict --out p.csv` writes, by file and task."""
    probabilities = {f"p.csv ({task})": ["image", *prediction_columns(task)] for task in TASKS}
    return {**probabilities, "p.answers.csv": ANSWER_COLUMNS, "p.errors.csv": ERROR_COLUMNS}


def _current_document() -> Schema:
    server = quote(request.script_root) or "/"
    return openapi_document(current_app.config["MAX_UPLOAD_MB"], server, example_objects())


def openapi_document(
    max_upload_mb: int, server: str = "/", examples: Mapping[str, Any] | None = None
) -> Schema:
    """Return the OpenAPI document.

    max_upload_mb: the size limit of a photo. server: the path of the app. examples: real objects by the name of their
    schema.
    """
    models = _operation(
        "models", "The models that are installed", "Models", "The valid bundles.", COMMON_ERROR_STATUSES
    )
    model = _operation(
        "model",
        "The files of one model",
        "Model",
        "Its metadata and its metrics.",
        (*COMMON_ERROR_STATUSES, 404),
    )
    ready = (*HEALTH_ERROR_STATUSES, 503)
    health = _operation("health", "Whether photos can be answered", "Health", "They can.", ready)
    life = _operation("life", "Whether the process runs", "Life", "It does.", HEALTH_ERROR_STATUSES)
    schemas = {
        name: {**schema, "examples": [examples[name]]} if examples and name in examples else schema
        for name, schema in object_schemas().items()
    }
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
        "servers": [{"url": server}],
        "paths": {
            "/api/v1/predictions": {"post": _predictions(max_upload_mb)},
            "/api/v1/visits": {"post": _visits(max_upload_mb)},
            "/api/v1/models": {"get": models},
            "/api/v1/models/{name}": {"get": model | _name_parameter()},
            "/healthz": {"get": health},
            "/livez": {"get": life},
        },
        "components": {"schemas": schemas, "responses": _responses()},
    }


def describe_range(schema: Schema) -> str:
    """Return the type of a value and its range in words, as `number from 0 to 1`."""
    if "const" in schema:
        return f"always {schema['const']}"
    kinds = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type", "object")]
    words = " or ".join(kinds)
    if "minimum" in schema:
        words += f" from {schema['minimum']}" + (f" to {schema['maximum']}" if "maximum" in schema else "")
    return words


def _predictions(max_upload_mb: int) -> Schema:
    names = "|".join(EXPLANATIONS)
    crop = {
        "crop_x": "Left edge of the square that is analysed, of the upright photo's width",
        "crop_y": "Top edge of the square, of the upright photo's height",
        "crop_size": "Edge of the square, of the upright photo's shorter side",
    }
    general = _fields()
    bundle = general.pop("bundle")
    fields = {
        "photo": _photo(f"One photo, at most {max_upload_mb} MB."),
        **general,
        **{
            name: text(f"{meaning}, from 0 to 1; all three or none.", pattern=r"^(0(\.\d+)?|1)?$")
            for name, meaning in crop.items()
        },
        "bundle": bundle,
        "explain": text(
            f"What to explain: {', '.join(EXPLANATIONS)}, separated by commas.",
            pattern=f"^(({names})(,({names}))*)?$",
        ),
    }
    operation = _operation("predict", "The probabilities for one photo", "Answer", "The photo was answered.")
    operation["responses"]["200"]["content"] |= _content("DiagnosticReport", FHIR_TYPE)
    return operation | _form(fields)


def _visits(max_upload_mb: int) -> Schema:
    photos = _photo(
        f"At most {max_upload_mb} MB each and {max(LARGEST_VISIT_MB, max_upload_mb)} MB together."
    )
    limits = {"minItems": MIN_VISIT_PHOTOS, "maxItems": MAX_VISIT_PHOTOS}
    for_each = "One for each photo, in the same order, or none."
    fields = {"photo": array(photos, "The photos of one person.", **limits), **_fields()}
    for name in ("site", "changing"):
        fields[name] = array(fields[name], for_each)
    title = "Several photos of one person, ranked by the probability of the cancer classes"
    operation = _operation("compare", title, "Visit", "The photos were compared.")
    description = f"{NO_ALL_CLEAR} A photo that cannot be used has its own problem."
    return operation | {"description": description} | _form(fields)


def _operation(
    name: str, summary: str, schema: str, answer: str, statuses: Iterable[int] = FORM_ERROR_STATUSES
) -> Schema:
    """Return an operation. schema, answer: of its answer, and what it means. statuses: of its errors."""
    errors = {str(status): {"$ref": f"#/components/responses/{status}"} for status in sorted(statuses)}
    responses = {"200": {"description": answer, "content": _content(schema)}, **errors}
    return {"operationId": name, "summary": summary, "responses": responses}


def _name_parameter() -> Schema:
    name = {"name": "name", "in": "path", "required": True, "description": "The name of a bundle."}
    return {"parameters": [name | {"schema": {"type": "string", "minLength": 1}}]}


def _photo(description: str) -> Schema:
    return text(description, contentMediaType="image/jpeg", format="binary")


def _fields() -> Schema:
    """Return the schemas of the fields beside the photo."""
    age_below_120 = r"([0-9]|[1-9][0-9]|1[01][0-9])([.,][0-9]+)?"
    age_string = r"(0[0-9]{2}|1[01][0-9]|120)[DWMY]"  # as in DICOM's headers
    sent = example_fields()
    fields = {
        "age": text(
            f"The patient's age in years, from 0 to {MAX_AGE}; decimals are accepted, after a point or a comma. Empty, 0 "
            "and unknown are not known; with 0 and unknown the age in a DICOM file's header is not used.",
            pattern=rf"^({age_below_120}|{MAX_AGE}([.,]0+)?|{age_string}|unknown)?$",
        ),
        "sex": text("The patient's sex; empty is not known.", [*SEXES, *UNKNOWN_VALUES]),
        "site": text("Place on the body; empty is not known.", [*SITE_NAMES, *UNKNOWN_VALUES]),
        "changing": text(
            "Whether the spot is new, changing, itching or bleeding; yes never gets no_cancer_class.",
            ["yes", "no", *UNKNOWN_VALUES],
        ),
        "dermatoscope": text(
            "Whether it was taken through a dermatoscope; no counts as a phone photo, and so does a photo that looks like "
            "one, whatever is said. Only yes can get no_cancer_class.",
            ["yes", "no", *UNKNOWN_VALUES],
        ),
        "bundle": text("Name of a model; empty is the default one."),
    }
    return {
        name: schema | {"examples": [sent[name]]} if name in sent else schema
        for name, schema in fields.items()
    }


def _form(fields: Schema) -> Schema:
    form = {
        "schema": {"type": "object", "properties": fields, "required": ["photo"]},
        "encoding": {"photo": {"contentType": PHOTO_TYPES}},
    }
    return {"requestBody": {"required": True, "content": {"multipart/form-data": form}}}


def _content(schema: str, media_type: str = JSON_TYPE) -> Schema:
    return {media_type: {"schema": reference(schema)}}


def _responses() -> Schema:
    """Return a response for each status of the table of codes."""
    wait = text("Seconds after which to try again.", pattern=r"^\d+$")
    retry = {"Retry-After": {"description": wait.pop("description"), "schema": wait}}
    responses: Schema = {}
    for status in STATUSES:
        codes = [f"{name}: {code.meaning}" for name, code in PROBLEM_CODES.items() if code.status == status]
        responses[str(status)] = {
            "description": "; ".join(codes),
            "content": _content("Problem", PROBLEM_TYPE),
            **({"headers": retry} if status in (429, 503) else {}),
        }
    return responses
