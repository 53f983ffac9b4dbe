"""The page: a form, and the answer or what is wrong with it."""

from __future__ import annotations

from collections.abc import Mapping

from flask import Blueprint, current_app, render_template, request

from app.analysis import analyse, preview
from app.bundles import current_bundles
from app.examples import EXAMPLES, Example
from app.forms import Submission, read_submission, require_multipart
from app.problems import Problem, problem
from app.wording import REFUSALS, cost, decided, known

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
        require_multipart(request, max_bytes)
        typed = request.form
        example = _example(typed)
        return _answer_page(example.submission() if example else read_submission(request, max_bytes), example)
    except Problem as found:
        if found.status not in FORM_STATUSES:
            raise
        return _form_page(found, typed), found.status


def _example(typed: Mapping[str, str]) -> Example | None:
    name = typed.get("example")
    if name is None:
        return None
    if name not in EXAMPLES:
        raise problem("example_unknown", f"The examples are: {', '.join(EXAMPLES)}.", "example")
    return EXAMPLES[name]


def _answer_page(submission: Submission, example: Example | None) -> str:
    given = analyse(submission)
    return render_template(
        "answer.html",
        answer=given,
        decided=decided(given),
        preview=preview(submission),
        known=known(submission.details, submission.dermatoscope),
        cost=cost(current_bundles().predictor(submission.bundle).bundle.metrics),
        example=example,
    )


def _form_page(found: Problem | None = None, typed: Mapping[str, str] | None = None) -> str:
    faults = found.faults if found else ()
    return render_template(
        "form.html",
        faults=faults,
        wrong={fault.field: fault.message for fault in faults},
        refused=any(fault.code in REFUSALS for fault in faults),
        values=typed or {},
        examples=EXAMPLES.values(),
        max_upload_mb=current_app.config["MAX_UPLOAD_MB"],
    )
