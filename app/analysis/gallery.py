"""The page of the examples: eight photos with a known diagnosis, with the default model's answer to each."""

from dataclasses import dataclass
from functools import lru_cache

from flask import Blueprint, render_template

from app.analysis.examples import EXAMPLES, ExamplePhoto
from app.answer.wording import VERDICTS
from app.bundles import current_bundles
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.status import HIGHER_CONCERN, NO_CANCER_CLASS, REFUSED

blueprint = Blueprint("gallery", __name__)


@dataclass(frozen=True)
class JudgedExample:
    """Hold an example, the status of the model's answer, and a sentence that compares it with the diagnosis."""

    example: ExamplePhoto
    status: str
    verdict: str


@blueprint.get("/examples")
def page() -> str:
    """Return the page. Raises a 503 Problem when no bundle can answer."""
    return render_template("gallery.html", judged=judged_examples(current_bundles().predictor()))


@lru_cache(maxsize=1)
def judged_examples(predictor: Predictor) -> tuple[JudgedExample, ...]:
    """Return the examples with the model's answers, computed once for the default bundle."""
    judged = []
    for example in EXAMPLES.values():
        status = predictor.answer(example.submission().photo, example.details, dermatoscope=True).status
        judged.append(JudgedExample(example, status, VERDICTS[_verdict(example, status)]))
    return tuple(judged)


def _verdict(example: ExamplePhoto, status: str) -> str:
    """Return the key of one of VERDICTS."""
    if status == REFUSED:
        return "not_used"
    if status == HIGHER_CONCERN:
        return "right" if example.is_cancer else "false_alarm"
    if example.is_cancer:
        return "missed"
    return "right" if status == NO_CANCER_CLASS else "not_judged"
