"""The example on the page /api: a request that a developer can copy, and the app's answer to it."""

from functools import lru_cache
from typing import Any

from app.analysis.api import health, models
from app.analysis.examples import EXAMPLES, START_PAGE_EXAMPLES
from app.analysis.form_fields import SentPhoto, VisitSubmission
from app.analysis.visit import rank_visit
from app.bundles import current_bundles
from app.http.problems import problem
from data_modelling.inference.details import Details
from data_modelling.inference.predictor import Predictor

EXAMPLE = EXAMPLES["melanoma"]


def example_fields() -> dict[str, str]:
    """Return the text fields that are sent with the photo of the example."""
    details = EXAMPLE.details
    return {
        "age": f"{details.age:g}",
        "sex": details.sex or "",
        "site": details.site or "",
        "dermatoscope": "yes",
    }


def example_objects() -> dict[str, Any]:
    """Return the OpenAPI document's examples, by schema. If the default bundle is not valid, only Problem has one."""
    fault = problem("age_range", "Age must be a number from 0 to 120, unknown or left empty.", "age")
    objects: dict[str, Any] = {"Problem": fault.as_json()}
    bundles = current_bundles()
    if bundles.default_bundle:
        objects |= {"Health": health().json, "Models": models().json}
        objects |= _predicted_objects(bundles.predictor())
    return objects


@lru_cache(maxsize=1)
def _predicted_objects(predictor: Predictor) -> dict[str, Any]:
    """Return the examples that need the model. They are computed once for the default bundle."""
    photo, details = EXAMPLE.submission().photo, EXAMPLE.details
    answer = predictor.answer(photo, details, dermatoscope=True).as_json()
    examples = [*EXAMPLES.values()][:START_PAGE_EXAMPLES]
    photos = tuple(
        SentPhoto(row, example.submission().photo, Details(site=example.details.site))
        for row, example in enumerate(examples, 1)
    )
    visit = VisitSubmission(photos, details, dermatoscope=True)
    return {"Answer": answer, "Class": answer["classes"][0], "Visit": rank_visit(predictor, visit).as_json()}
