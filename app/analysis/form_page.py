"""The start page: a form for one photo, and the answer or the errors of the form."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from flask import Blueprint, Response, current_app, render_template, request

from app.analysis.examples import EXAMPLES, START_PAGE_EXAMPLES, ExamplePhoto
from app.analysis.form_fields import Submission, read_submission, require_multipart
from app.analysis.photo_analysis import analyse, photo_preview, whole_photo
from app.answer import wording
from app.answer.heat_map_images import evidence_by_class, heat_map_overlays
from app.answer.next_steps import next_step
from app.bundle_facts import model_choices, phone_photo_count, refused_share, status_share, threshold_cost
from app.bundles import current_bundles
from app.http.languages import translate as _
from app.http.photo_slots import photo_slot
from app.http.problems import Problem, problem
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.modes import PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.inference.predictor import DETAILS, HEATMAP, Answer, ClassProbability

blueprint = Blueprint("pages", __name__)


@blueprint.get("/")
def form() -> str:
    """Return the empty form. Raises a 503 Problem when the default bundle is not valid."""
    current_bundles().predictor()
    return _form_page()


@blueprint.post("/")
def answer() -> str | tuple[str, int]:
    """Return the answer to the form, or the form again with its errors."""
    values: Mapping[str, str] = {}
    try:
        require_multipart()
        values = request.form
        example = _example(values)
        submission = example.submission() if example else read_submission()
        with photo_slot():
            return _answer_page(submission, example)
    except Problem as error:
        if not error.is_correctable:
            raise
        return _form_page(error, values), error.status


def _example(values: Mapping[str, str]) -> ExamplePhoto | None:
    name = values.get("example")
    if name is None:
        return None
    if name not in EXAMPLES:
        raise problem(
            "example_unknown", _("The examples are: %(names)s.", names=", ".join(EXAMPLES)), "example"
        )
    return EXAMPLES[name]


def _answer_page(submission: Submission, example: ExamplePhoto | None) -> str:
    predictor = current_bundles().predictor(submission.bundle)
    model_answer = analyse(replace(submission, explain=predictor.explanations))
    assert model_answer.explanation is not None  # nosec B101  # for the type checker
    effect = model_answer.explanation[DETAILS]
    bundle = predictor.bundle
    melanoma_cost = threshold_cost(bundle.metrics, "melanoma")
    melanoma = model_answer.probabilities[class_codes(bundle.task)[melanoma_column(bundle.task)]]
    return render_template(
        "answer.html",
        answer=model_answer,
        step=next_step(model_answer),
        cautions=wording.answer_cautions(model_answer, submission.dermatoscope, predictor.edge),
        share=status_share(bundle.metrics, model_answer),
        classes=wording.shown_classes(model_answer),
        decided=wording.decided_class(model_answer),
        sets=_tests_of_sets(bundle.metrics, submission, model_answer),
        preview=photo_preview(submission),
        maps=_maps(model_answer.explanation.get(HEATMAP)),
        effect=effect,
        changed=_changed_classes(model_answer, effect),
        submission=submission,
        cost=threshold_cost(bundle.metrics, "cancer"),
        melanoma=melanoma,
        melanoma_cost=melanoma_cost,
        digits=_digits(model_answer, melanoma, melanoma_cost),
        model_folder=bundle.folder.name,
        date=bundle.metadata.get("date"),
        metadata=bundle.metadata,
        phones=phone_photo_count(bundle.metadata),
        example=example,
        neighbour_metrics=bundle.metrics.get("neighbours"),
        kept_site=wording.REGIONS.get(submission.details.site or ""),
    )


def _changed_classes(model_answer: Answer, effect: dict[str, Any]) -> list[ClassProbability]:
    """Return the classes for which the page shows the effect of the details as a number of percentage points."""
    unchanged = (_("no change"), _("hardly any change"))
    changes = effect["classes"]
    return [
        row
        for row in wording.shown_classes(model_answer)
        if wording.format_percentage_points(changes[row.code]["with"], changes[row.code]["without"])
        not in unchanged
    ]


def _digits(model_answer: Answer, melanoma: float, melanoma_cost: dict[str, Any] | None) -> int:
    """Return how many decimals the page needs so that a threshold and the probability beside it look different."""
    digits = wording.digits_beside(model_answer.cancer_threshold, model_answer.cancer_probability)
    if melanoma_cost is None:
        return digits
    return max(digits, wording.digits_beside(melanoma_cost["threshold"], melanoma))


def _tests_of_sets(
    metrics: Mapping[str, Any], submission: Submission, model_answer: Answer
) -> Mapping[str, Any] | None:
    """Return test results of prediction sets (classes not ruled out) by coverage; None for untested kinds of photos."""
    if not set(wording.NO_PROMISE).isdisjoint(model_answer.reasons):
        return None
    mode = PHOTO_ONLY if submission.details == Details() else PHOTO_AND_DETAILS
    tests: Mapping[str, Any] = metrics.get("out_of_fold", {}).get("prediction_sets", {}).get(mode, {})
    return tests


def _maps(heatmap: dict[str, Any] | None) -> dict[str, dict[str, Any]]:
    """Return for each class the overlay (None if nothing speaks for the class), the heat map and the total evidence."""
    if heatmap is None:
        return {}
    evidence = evidence_by_class(heatmap)
    pictures = heat_map_overlays(evidence)
    return {
        code: {"overlay": pictures.get(code), "map": class_map, "amount": float(evidence[code].sum())}
        for code, class_map in heatmap["classes"].items()
    }


@blueprint.post("/preview")
def preview() -> Response:
    """Return the whole photo as a JPEG, for a file that the browser cannot show, such as DICOM."""
    require_multipart()
    submission = read_submission()
    with photo_slot():
        jpeg = whole_photo(submission.photo)
    return Response(jpeg, mimetype="image/jpeg")


def _form_page(error: Problem | None = None, values: Mapping[str, str] | None = None) -> str:
    faults = error.faults if error else ()
    refusal = next((fault for fault in faults if fault.code in wording.REFUSALS), None)
    bundles = current_bundles()
    bundle = bundles.valid.get((values or {}).get("bundle", "").strip() or bundles.default)
    return render_template(
        "refusal.html" if refusal else "form.html",
        refusal=refusal,
        refused_share=refused_share(bundle.metrics) if refusal and bundle else None,
        preview=_refused_preview() if refusal else None,
        faults=faults,
        # The page shows the refusal above the form, so the field of the photo does not repeat it.
        wrong={fault.field: fault.message for fault in faults if not (refusal and fault.field == "photo")},
        values=values or {},
        examples=[*EXAMPLES.values()][:START_PAGE_EXAMPLES],
        models=model_choices(),
        max_upload_mb=current_app.config["MAX_UPLOAD_MB"],
    )


def _refused_preview() -> str | None:
    """Return the refused photo as a data: URL, or None if it cannot be shown."""
    try:
        submission = read_submission()
        with photo_slot():
            return photo_preview(submission)
    except Problem:
        return None
