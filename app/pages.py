"""The page: a form, and the answer or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, current_app, render_template, request

from app.analysis import analyse, preview, slot
from app.bundles import current_bundles
from app.choice import choices
from app.examples import EXAMPLES, Example
from app.forms import Submission, read_submission, require_multipart
from app.languages import say as _
from app.overlays import overlays
from app.problems import Problem, problem
from app.record import Cost, cost, phone_photos, track_record, training_data
from app.wording import (
    REFUSALS,
    REGIONS,
    decided,
    digits_beside,
    doubts_of,
    known,
    limits_of,
    map_in_words,
    sets_of,
)
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.explanation import DETAILS, HEATMAP
from data_modelling.inference.heatmap import Heatmap
from data_modelling.inference.predictor import Answer

blueprint = Blueprint("pages", __name__)

FORM_STATUSES = (413, 415, 422)  # what the reader can mend in the form


@blueprint.get("/")
def form() -> str:
    """The empty form; a plain 503 page when nothing could answer it."""
    current_bundles().predictor()
    return _form_page()


@blueprint.post("/")
def answer() -> str | tuple[str, int]:
    """The answer to the form, or the form again with what is wrong in it."""
    max_bytes: int = current_app.config["MAX_PHOTO_BYTES"]
    typed: Mapping[str, str] = {}
    try:
        with slot():
            require_multipart(request, max_bytes)
            typed = request.form
            example = _example(typed)
            submission = example.submission() if example else read_submission(request, max_bytes)
            return _answer_page(submission, example)
    except Problem as found:
        if found.status not in FORM_STATUSES:
            raise
        return _form_page(found, typed), found.status


def _example(typed: Mapping[str, str]) -> Example | None:
    name = typed.get("example")
    if name is None:
        return None
    if name not in EXAMPLES:
        raise problem(
            "example_unknown", _("The examples are: %(names)s.", names=", ".join(EXAMPLES)), "example"
        )
    return EXAMPLES[name]


def _answer_page(submission: Submission, example: Example | None) -> str:
    predictor = current_bundles().predictor(submission.bundle)
    explain = {HEATMAP, DETAILS} if predictor.has_heatmap else {DETAILS}
    given = analyse(replace(submission, explain=frozenset(explain)))
    assert given.explanation is not None  # nosec B101  # for the type checker
    bundle = predictor.bundle
    melanoma_cost = cost(bundle.metrics, "melanoma")
    return render_template(
        "answer.html",
        answer=given,
        decided=decided(given),
        limits=limits_of(submission, given, predictor.edge, bundle.metrics),
        sets=sets_of(given, submission.details != Details(), bundle.metrics),
        doubts=doubts_of(given),
        preview=preview(submission),
        maps=_maps(given.explanation.heatmap),
        effect=given.explanation.details,
        known=known(submission.details, submission.dermatoscope, submission.from_header),
        cost=cost(bundle.metrics, "cancer"),
        melanoma_cost=melanoma_cost,
        digits=_digits(given, bundle.task, melanoma_cost),
        record=track_record(bundle, submission.details != Details(), given.decision),
        model_folder=bundle.folder.name,
        date=bundle.metadata.get("date"),
        training_data=training_data(bundle.metadata),
        phones=phone_photos(bundle.metadata),
        example=example,
        kept_site=REGIONS.get(submission.details.site or ""),
    )


def _digits(given: Answer, task: str, melanoma_cost: Cost | None) -> int:
    """Decimals of the answer's per cent, enough for its thresholds."""
    digits = digits_beside(given.cancer_threshold, given.cancer_probability)
    if melanoma_cost is None:
        return digits
    melanoma = given.probabilities[codes(task)[melanoma_column(task)]]
    return max(digits, digits_beside(melanoma_cost.threshold, melanoma))


def _maps(heatmap: Heatmap | None) -> dict[str, dict[str, Any]]:
    """For each class its overlay, if anything speaks for it, and the map in words."""
    if heatmap is None:
        return {}
    pictures = overlays(heatmap)
    return {
        code: {"overlay": pictures.get(code), "words": map_in_words(heatmap, code), "map": one}
        for code, one in heatmap.classes.items()
    }


def _form_page(found: Problem | None = None, typed: Mapping[str, str] | None = None) -> str:
    faults = found.faults if found else ()
    refusal = next((fault.code for fault in faults if fault.code in REFUSALS), None)
    return render_template(
        "refusal.html" if refusal else "form.html",
        refusal=refusal,
        faults=faults,
        wrong={fault.field: fault.message for fault in faults},
        values=typed or {},
        examples=EXAMPLES.values(),
        models=choices(),
        max_upload_mb=current_app.config["MAX_UPLOAD_MB"],
    )
