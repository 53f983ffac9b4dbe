"""The description of the API: an OpenAPI 3.1 document made from templates/openapi.json, and a page that shows it."""

import json
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import quote

from flask import Blueprint, Response, current_app, jsonify, render_template, request
from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

from app.analysis.api_example import EXAMPLE, example_fields, example_objects
from app.analysis.visit import NO_ALL_CLEAR, RANKED_BY
from app.http.problems import PROBLEM_CODES
from app.settings import LARGEST_VISIT_MB, MAX_VISIT_PHOTOS, MIN_VISIT_PHOTOS
from data_modelling.inference.batch.photo_folder import ANSWER_COLUMNS, ERROR_COLUMNS
from data_modelling.inference.details import MAX_AGE, SEXES, SITE_NAMES
from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS, prediction_columns
from data_modelling.inference.explanation.neighbours import CLOSENESS, CONFIRMATIONS, DIAGNOSES
from data_modelling.inference.predictor import EXPLANATIONS
from data_modelling.inference.reason_codes import REASON_MEANINGS

blueprint = Blueprint("documents", __name__)

Schema = dict[str, Any]

TEMPLATE = Environment(
    loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
    undefined=StrictUndefined,
    autoescape=select_autoescape(),
).get_template("openapi.json")


@blueprint.get("/api/openapi.json")
def document() -> Response:
    """Return the document as JSON."""
    return jsonify(_current_document())


@blueprint.get("/api")
def page() -> str:
    """Return the document as a page for people; it begins with an example that they can copy."""
    answer = example_objects().get("Answer")
    return render_template(
        "api.html",
        document=_current_document(),
        codes=PROBLEM_CODES,
        example=EXAMPLE,
        fields=example_fields(),
        fields_text=json.dumps(example_fields()),
        answer=json.dumps(answer, indent=2) if answer else None,
        csv_columns={
            **{f"p.csv ({task})": ["image", *prediction_columns(task)] for task in TASKS},
            "p.answers.csv": ANSWER_COLUMNS,
            "p.errors.csv": ERROR_COLUMNS,
        },
        value_range=describe_range,
    )


def _current_document() -> Schema:
    server = quote(request.script_root) or "/"
    return openapi_document(current_app.config["MAX_UPLOAD_MB"], server, example_objects())


def openapi_document(
    max_upload_mb: int, server: str = "/", examples: Mapping[str, Any] | None = None
) -> Schema:
    """Return the OpenAPI document.

    max_upload_mb: size limit of a photo. server: URL path of the app. examples: see example_objects.
    """
    meanings = defaultdict(list)
    for name, code in PROBLEM_CODES.items():
        meanings[code.status].append(f"{name}: {code.meaning}")
    statuses = sorted(meanings)
    text = TEMPLATE.render(
        server=server,
        sent=example_fields(),
        max_upload_mb=max_upload_mb,
        max_visit_mb=max(LARGEST_VISIT_MB, max_upload_mb),
        visit_photos=(MIN_VISIT_PHOTOS, MAX_VISIT_PHOTOS),
        max_age=MAX_AGE,
        sexes=list(SEXES),
        sites=list(SITE_NAMES),
        explanations=EXPLANATIONS,
        note=NO_ALL_CLEAR,
        ranked_by=RANKED_BY,
        class_codes=sorted({diagnosis.code for task in TASKS.values() for diagnosis in task}),
        flags=list(FLAG_TEXTS),
        tasks=list(TASKS),
        reasons=list(REASON_MEANINGS),
        diagnoses=list(DIAGNOSES),
        confirmations=CONFIRMATIONS,
        closeness=CLOSENESS,
        codes=list(PROBLEM_CODES),
        problem_statuses=statuses,
        responses={status: "; ".join(meanings[status]) for status in statuses},
    )
    made: Schema = json.loads(text)
    for name, example in (examples or {}).items():
        made["components"]["schemas"][name]["examples"] = [example]
    return made


def describe_range(schema: Schema) -> str:
    """Return the type of a value and its range in words, such as `number from 0 to 1`."""
    if "const" in schema:
        return f"always {schema['const']}"
    kinds = schema["type"] if isinstance(schema.get("type"), list) else [schema.get("type", "object")]
    words = " or ".join(kinds)
    if "minimum" in schema:
        words += f" from {schema['minimum']}" + (f" to {schema['maximum']}" if "maximum" in schema else "")
    return words
