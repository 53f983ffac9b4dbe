"""A visit: several photos of one patient are ranked by cancer probability, and a spot unlike the others is marked."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, render_template, request

from app.analysis.form_fields import VisitSubmission, read_visit, require_multipart
from app.analysis.photo_analysis import log_scores, photo_data_url, raise_if_refused
from app.answer.next_steps import NEXT_STEPS, next_step
from app.answer.wording import strongest_caution
from app.bundle_facts import model_choices, visit_record
from app.bundles import current_bundles
from app.http.photo_slots import photo_slot
from app.http.problems import Problem, photo_too_large, problem_from_field_error
from app.settings import MAX_VISIT_PHOTOS, MEGABYTE
from data_modelling.inference.decision import CHANGING, HIGHER_CONCERN, NO_CANCER_CLASS, REFUSED, UNCERTAIN
from data_modelling.inference.details import fill_in_details
from data_modelling.inference.errors import FieldError
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.predictor import Answer, Predictor
from data_modelling.inference.ugly_duckling import MIN_LESIONS, find_ugly_duckling, outlier_scores

blueprint = Blueprint("visits", __name__)

NO_ALL_CLEAR = "A low rank does not mean that a spot is harmless."
STEPS_BY_URGENCY = [
    NEXT_STEPS[name] for name in (HIGHER_CONCERN, CHANGING, UNCERTAIN, REFUSED, NO_CANCER_CLASS)
]
RANKED_BY = "cancer_probability"
PREVIEW_EDGE = 256  # pixels
FIRST_ROWS = 3  # rows of the form that are always open
ODDITY_DIGITS = 6  # decimals of an oddity in the JSON


@dataclass
class VisitPhoto:
    """Hold one photo of a visit, with either an answer or a problem.

    index: its place in the order of sending; 1 is the first. row: its row in the form, by which the page names it.
    preview: a small picture as a data: URL, for pages. rank: 1 for the highest cancer probability, or None without an
    answer. oddity: how much this spot differs from the others (see outlier_scores), or None if spots are not compared.
    """

    index: int
    row: int
    site: str | None
    answer: Answer | None = None
    problem: Problem | None = None
    preview: str | None = None
    rank: int | None = None
    oddity: float | None = None


@dataclass(frozen=True)
class Visit:
    """Hold the photos of a visit, in the order of sending.

    ugly_duckling: the photo that is unlike the others, or None. can_compare: whether the spots are compared. This
    needs at least 3 answered photos and a known Predictor.odd_ratio. model: the bundle's name, version and checksum.
    """

    photos: list[VisitPhoto]
    ugly_duckling: VisitPhoto | None
    can_compare: bool
    model: dict[str, str]

    @property
    def ranked(self) -> list[VisitPhoto]:
        """Return the photos with an answer, the highest cancer probability first."""
        return sorted((photo for photo in self.photos if photo.rank), key=lambda photo: photo.rank or 0)

    def as_json(self) -> dict[str, Any]:
        """Return the visit as the JSON object of the API."""
        return {
            "ranked_by": RANKED_BY,
            "note": NO_ALL_CLEAR,
            "ranking": [photo.index for photo in self.ranked],
            "odd_one_out": self.ugly_duckling.index if self.ugly_duckling else None,
            "photos": [self._photo_as_json(photo) for photo in self.photos],
            "model": self.model,
        }

    def _photo_as_json(self, photo: VisitPhoto) -> dict[str, Any]:
        if photo.problem is not None:
            return {"photo": photo.index, "problem": photo.problem.as_json()}
        assert photo.answer is not None  # nosec B101  # for the type checker
        return {
            "photo": photo.index,
            "rank": photo.rank,
            "oddity": photo.oddity,
            "stands_out": photo is self.ugly_duckling if self.can_compare else None,
            "answer": photo.answer.as_json(),
        }


@blueprint.get("/visit")
def form() -> str:
    """Return the empty form. Raises a 503 Problem when the default bundle is not valid."""
    current_bundles().predictor()
    return _form_page()


@blueprint.post("/visit")
def answer() -> str | tuple[str, int]:
    """Return the ranking, or the form again with its errors."""
    values: Mapping[str, str] = {}
    rows: list[tuple[str, str]] = []
    try:
        _parse_visit_body()
        values = request.form
        rows = list(zip_longest(request.form.getlist("site"), request.form.getlist("changing"), fillvalue=""))
        submission = read_visit()
        predictor = current_bundles().predictor(submission.bundle)
        with photo_slot():
            visit = rank_visit(predictor, submission, with_previews=True)
    except Problem as error:
        if not error.is_correctable:
            raise
        return _form_page(error, values, rows), error.status
    steps = [next_step(photo.answer) for photo in visit.photos if photo.answer]
    return render_template(
        "visit_answer.html",
        visit=visit,
        strongest_caution=strongest_caution,
        step=min(steps or [NEXT_STEPS[REFUSED]], key=STEPS_BY_URGENCY.index),
        submission=submission,
        record=visit_record(predictor.bundle.metrics),
        fewest=MIN_LESIONS,
        model_folder=predictor.bundle.folder.name,
        date=predictor.bundle.metadata.get("date"),
    )


@blueprint.post("/api/v1/visits")
def api() -> Response:
    """Return the ranking as JSON."""
    _parse_visit_body()
    submission = read_visit()
    predictor = current_bundles().predictor(submission.bundle)
    with photo_slot():
        return jsonify(rank_visit(predictor, submission).as_json())


def _parse_visit_body() -> None:
    """Parse the body, which may be larger than that of other requests."""
    request.max_content_length = current_app.config["MAX_VISIT_BYTES"]
    require_multipart(of_visit=True)


def rank_visit(predictor: Predictor, submission: VisitSubmission, with_previews: bool = False) -> Visit:
    """Analyse each photo by itself, compare all photos, and return the visit. The caller must hold a photo slot."""
    photos: list[VisitPhoto] = []
    for index, (row, data, site) in enumerate(submission.photos, 1):
        photo = VisitPhoto(index, row, site.site)
        photos.append(photo)
        try:
            if len(data) > current_app.config["MAX_PHOTO_BYTES"]:
                raise photo_too_large()
            stated = (*submission.details.stated_unknown, *site.stated_unknown)
            sent = replace(submission.details, site=site.site, changing=site.changing, stated_unknown=stated)
            details = fill_in_details(sent, header_details(data))
            answer = predictor.answer(data, details, dermatoscope=submission.dermatoscope)
            photo.preview = photo_data_url(data, PREVIEW_EDGE) if with_previews else None
            raise_if_refused(answer)
            log_scores(predictor, answer)
            photo.site, photo.answer = details.site, answer
        except FieldError as error:
            photo.problem = problem_from_field_error(error)
        except Problem as error:
            photo.problem = error
    return _rank_photos(predictor, photos)


def _rank_photos(predictor: Predictor, photos: list[VisitPhoto]) -> Visit:
    """Return the visit ranked by the cancer probability; ties keep the order of sending."""
    answered = [(photo, photo.answer) for photo in photos if photo.answer]
    by_probability = sorted(answered, key=lambda pair: -pair[1].cancer_probability)
    for rank, (photo, _answer) in enumerate(by_probability, 1):
        photo.rank = rank
    ratio, ugly_duckling = predictor.odd_ratio, None
    can_compare = ratio is not None and len(answered) >= MIN_LESIONS
    if can_compare and ratio is not None:
        embeddings = np.stack([answer.embedding for _photo, answer in answered])
        for (photo, _answer), score in zip(answered, outlier_scores(embeddings), strict=True):
            photo.oddity = round(float(score), ODDITY_DIGITS)
        index = find_ugly_duckling(embeddings, ratio)
        ugly_duckling = answered[index][0] if index is not None else None
    bundle = predictor.bundle
    model = {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
    return Visit(photos, ugly_duckling, can_compare, model)


def _form_page(
    error: Problem | None = None,
    values: Mapping[str, str] | None = None,
    rows: list[tuple[str, str]] | None = None,
) -> str:
    faults = error.faults if error else ()
    bundle = current_bundles().default_bundle
    return render_template(
        "visit.html",
        faults=faults,
        wrong={fault.field: fault.message for fault in faults},
        values=values or {},
        rows=[*(rows or []), *[("", "")] * MAX_VISIT_PHOTOS][:MAX_VISIT_PHOTOS],
        first_rows=FIRST_ROWS,
        most_photos=MAX_VISIT_PHOTOS,
        max_upload_mb=current_app.config["MAX_UPLOAD_MB"],
        max_visit_mb=current_app.config["MAX_VISIT_BYTES"] // MEGABYTE,
        record=bundle and visit_record(bundle.metrics),
        models=model_choices(),
    )
