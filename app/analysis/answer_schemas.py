"""The JSON schemas of the API's objects: each property has its meaning, unit and range."""

from collections.abc import Iterable
from typing import Any

from app.analysis.visit import RANKED_BY
from app.http.problems import PROBLEM_CODES
from data_modelling.inference.diagnoses import FLAG_TEXTS, TASKS
from data_modelling.inference.explanation.neighbours import CLOSENESS, CONFIRMATIONS, DIAGNOSES
from data_modelling.inference.reason_codes import REASON_MEANINGS
from data_modelling.inference.status import HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN

Schema = dict[str, Any]

SHARE: Schema = {"minimum": 0, "maximum": 1}
SHA256 = "^[0-9a-f]{64}$"
CLASS_CODES = sorted({diagnosis.code for task in TASKS.values() for diagnosis in task})
STATUSES = sorted({code.status for code in PROBLEM_CODES.values()})


def value(kind: str | list[str], description: str, **more: Any) -> Schema:
    """Return the schema of a value of a JSON type, or of one of several types."""
    return {"type": kind, "description": description, **more}


def text(description: str, codes: Iterable[str] = (), **more: Any) -> Schema:
    """Return the schema of a text; codes: its possible values, if they are known."""
    return value("string", description, **({"enum": list(codes)} if codes else {}), **more)


def share(description: str) -> Schema:
    """Return the schema of a number from 0 to 1."""
    return value("number", description, **SHARE)


def count(description: str, smallest: int = 1) -> Schema:
    """Return the schema of a whole number."""
    return value("integer", description, minimum=smallest)


def constant(only: str, description: str) -> Schema:
    """Return the schema of a value that is always the same."""
    return {"const": only, "description": description}


def array(items: Schema, description: str, **more: Any) -> Schema:
    """Return the schema of a list."""
    return value("array", description, items=items, **more)


def mapping(items: Schema, description: str) -> Schema:
    """Return the schema of an object whose keys are codes."""
    return value("object", description, additionalProperties=items)


def reference(name: str, description: str = "") -> Schema:
    """Return a reference to one of the schemas, with its meaning in this place."""
    schema = {"$ref": f"#/components/schemas/{name}"}
    return {**schema, "description": description} if description else schema


def json_object(properties: Schema, optional: Schema | None = None) -> Schema:
    """Return the schema of an object; all properties but the optional ones are required, and others are allowed."""
    return {"type": "object", "properties": properties | (optional or {}), "required": list(properties)}


def object_schemas() -> Schema:
    """Return the schemas by name."""
    objects = {**_answer_objects(), **_explanation_objects(), **_visit_objects(), **_other_objects()}
    schemas: Schema = {name: json_object(properties) for name, properties in objects.items()}
    schemas["Answer"]["properties"]["explanation"] = reference("Explanation", "Only where explain was sent.")
    del schemas["Explanation"]["required"]
    return schemas


def _answer_objects() -> dict[str, Schema]:
    """Return the properties of the objects of an answer."""
    return {
        "Answer": {
            "status": text("What the answer says.", [HIGHER_CONCERN, NO_CANCER_CLASS, UNCERTAIN]),
            "class": text(
                "The decided class: it has the largest probability divided by its decision_prior.",
                CLASS_CODES,
            ),
            "reasons": array(
                {"type": "string", "enum": list(REASON_MEANINGS)}, "Why the answer has its status."
            ),
            "probabilities": mapping(
                {"type": "number", **SHARE},
                "The probability of each class by code, from 0 to 1; together they are 1.",
            ),
            "classes": array(reference("Class"), "The classes, the most probable first.", minItems=1),
            "cancer": reference("Cancer", "The cancer classes together."),
            "model": reference("ModelVersion", "The model that answered."),
            "prediction_sets": mapping(
                reference("PredictionSet"),
                "The classes that are not ruled out, by coverage in per cent (90, 95).",
            ),
            "nearness": share(
                "The share of lesion photos that are at least as far from the training photos as this one: "
                "1 is near, 0 is far."
            ),
        },
        "Class": {
            "code": text("The code of the class.", CLASS_CODES),
            "name": text("The medical name."),
            "flag": text("The kind of lesion.", FLAG_TEXTS),
            "probability": share("Calibrated for the class shares of the training data."),
        },
        "Cancer": {
            "probability": share("The sum over the cancer classes."),
            "threshold": share("From this probability on, the status is higher_concern."),
        },
        "PredictionSet": {
            "classes": array({"type": "string", "enum": CLASS_CODES}, "The most probable first."),
            "size": count("The number of classes.", smallest=0),
        },
        "ModelVersion": {
            "name": text("The name of the bundle."),
            "version": text("The version of the bundle."),
            "sha256": text("The SHA-256 of model.onnx, in hexadecimal digits.", pattern=SHA256),
        },
    }


def _explanation_objects() -> dict[str, Schema]:
    """Return the properties of the objects of an explanation."""
    maybe = ["number", "null"]
    return {
        "Explanation": {
            "heatmap": reference("Heatmap", "What the model looked at."),
            "details": reference("DetailsEffect", "What the patient details changed."),
            "neighbours": array(reference("Neighbour"), "The nearest known photos, the nearest first."),
        },
        "Neighbour": {
            "image_id": text("The name of the photo in its source."),
            "diagnosis": text("Its diagnosis, a class of ISIC 2019.", DIAGNOSES),
            "name": text("The medical name of the diagnosis."),
            "confirmation": text("How the diagnosis was confirmed.", CONFIRMATIONS),
            "distance": value("number", "1 - cosine of the two embeddings.", minimum=0, maximum=2),
            "closeness": text(
                "In which third of the distances between known photos this distance lies.", CLOSENESS
            ),
            "source": text("The data set of the photo."),
            "credit": text("Authors, publication and licence."),
            "thumbnail": text("A JPEG as a data: URL."),
        },
        "Heatmap": {
            "rows": count("The number of rows of each map."),
            "columns": count("The number of columns of each map."),
            "darker_area": value(
                maybe,
                "The share of the photo that is darker; null if no area is.",
                **SHARE,
            ),
            "classes": mapping(reference("ClassMap"), "The map of each class by code."),
        },
        "ClassMap": {
            "cells": array(
                {"type": "array", "items": {"type": "number"}}, "Rows of the map, in units of the logit."
            ),
            "bias": value(
                "number", "In units of the logit; cells and bias sum to what the photo adds to the logit."
            ),
            "centre": value(
                maybe,
                "The share of the evidence for the class in the middle square of half the area; null without "
                "evidence.",
                **SHARE,
            ),
            "darker": value(
                maybe,
                "The share of it in the photo's darker area; null if there is no such area.",
                **SHARE,
            ),
        },
        "DetailsEffect": {
            "given": value("boolean", "Whether any detail was known."),
            "classes": mapping(reference("ProbabilityChange"), "The change of each class by code."),
            "cancer": reference("ProbabilityChange", "The change of the cancer classes together."),
        },
        "ProbabilityChange": {
            "with": share("The probability with the details."),
            "without": share("The probability of the photo alone."),
        },
    }


def _visit_objects() -> dict[str, Schema]:
    """Return the properties of the objects of a visit."""
    photo = count("The number of the photo, from 1.")
    return {
        "Visit": {
            "ranked_by": constant(RANKED_BY, "What the ranking sorts by."),
            "note": text("A reminder for the reader."),
            "ranking": array(
                {"type": "integer", "minimum": 1},
                "The numbers of the answered photos, the highest cancer probability first.",
            ),
            "odd_one_out": value(
                ["integer", "null"],
                "The number of the photo that is least like the others, if it stands out.",
                minimum=1,
            ),
            "photos": array(
                {"oneOf": [reference("RankedPhoto"), reference("FailedPhoto")]},
                "The photos in the order in which they were sent.",
            ),
            "model": reference("ModelVersion", "The model that answered."),
        },
        "RankedPhoto": {
            "photo": photo,
            "rank": count("The place in the ranking; 1 is the highest cancer probability."),
            "oddity": value(
                ["number", "null"],
                "The distance to the patient's other spots, divided by the median of theirs; null with fewer than "
                "three photos.",
                minimum=0,
            ),
            "stands_out": value(
                ["boolean", "null"], "Whether it stands out from the others; null if that cannot be told."
            ),
            "answer": reference("Answer", "The answer for the photo alone."),
        },
        "FailedPhoto": {"photo": photo, "problem": reference("Problem", "Why it could not be answered.")},
    }


def _other_objects() -> dict[str, Schema]:
    """Return the properties of all other objects."""
    summary = {
        "name": text("The name of the bundle's folder."),
        "version": text("The version of the bundle."),
        "task": text("The list of classes.", TASKS),
        "sha256": text("The SHA-256 of model.onnx, in hexadecimal digits.", pattern=SHA256),
    }
    return {
        "Models": {
            "default": text("The name of the default bundle."),
            "models": array(json_object(summary), "The valid bundles."),
        },
        "Model": {
            **summary,
            "metadata": value("object", "The content of metadata.json."),
            "metrics": value("object", "The content of metrics.json."),
        },
        "Life": {"status": constant("ok", "The process lives.")},
        "Health": {
            "status": constant("ok", "Photos can be answered."),
            "bundle": text("The name of the default bundle."),
            "version": text("Its version."),
        },
        "DiagnosticReport": {
            "resourceType": constant("DiagnosticReport", "A resource of FHIR R4."),
            "status": constant("preliminary", "No doctor has confirmed it."),
            "contained": array(
                {"type": "object"}, "The Observations and the Device (the model) that result names."
            ),
        },
        "Problem": {
            "type": constant("about:blank", "The HTTP status is the kind of problem."),
            "title": text("The standard's title of the HTTP status."),
            "status": value("integer", "The HTTP status.", enum=STATUSES),
            "detail": text("All messages, in the language of the request."),
            "errors": array(reference("Fault"), "One item for each fault.", minItems=1),
        },
        "Fault": {
            "field": value(["string", "null"], "The field; null for the whole request."),
            "code": text("The code of the problem; it is never translated.", PROBLEM_CODES),
            "message": text("One sentence, in the language of the request."),
        },
    }
