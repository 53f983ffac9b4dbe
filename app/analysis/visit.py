"""Several photos of one patient, ranked by cancer probability, with a mark on a spot that is unlike the others."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from itertools import zip_longest
from typing import Any

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, render_template, request

from app.analysis.form_fields import read_visit, require_multipart
from app.analysis.model_selector import model_choices
from app.analysis.photo_analysis import photo_data_url
from app.analysis.score_log import log_scores
from app.answer.next_steps import NEXT_STEPS, next_step
from app.answer.refusals import raise_if_refused
from app.answer.wording import strongest_caution
from app.bundle_facts import visit_record
from app.bundles import current_bundles
from app.http.photo_slots import photo_slot
from app.http.problems import Problem, photo_too_large, problem_from_field_error
from app.settings import LARGEST_VISIT_MB, MAX_VISIT_PHOTOS, MEGABYTE
from app.submission import VisitSubmission
from data_modelling.inference.details import fill_in_details
from data_modelling.inference.errors import FieldError
from data_modelling.inference.photo.dicom import header_details
from data_modelling.inference.predictor import Answer, Predictor
from data_modelling.inference.status import CHANGING, HIGHER_CONCERN, NO_CANCER_CLASS, REFUSED, UNCERTAIN
from data_modelling.inference.ugly_duckling import MIN_LESIONS, find_ugly_duckling, outlier_scores

blueprint = Blueprint("visits", __name__)

NO_ALL_CLEAR = "A low rank does not mean that a spot is harmless."
STEPS_BY_URGENCY = [
    NEXT_STEPS[name] for name in (HIGHER_CONCERN, CHANGING, UNCERTAIN, REFUSED, NO_CANCER_CLASS)
]
RANKED_BY = "cancer_probability"
PREVIEW_EDGE = 256  # pixels
FIRST_ROWS = 3  # rows of the form that are always open
CORRECTABLE_STATUSES = (413, 415, 422)  # errors that the reader can correct in the form
ODDITY_DIGITS = 6  # decimals of an oddity in the JSON


@dataclass(frozen=True)
class VisitPhoto:
    """Hold one photo of a visit, with either an answer or a problem.

    index: from 1, in the order of sending. row: the number of its row in the form; the page names it by this number.
    preview: a data: URL, for pages. oddity: its distance to the patient's other spots, divided by the median of this
    distance over all spots; None with fewer than three photos.
    """

    index: int
    row: int
    site: str | None
    answer: Answer | None = None
    problem: Problem | None = None
    preview: str | None = None
    oddity: float | None = None


@dataclass(frozen=True)
class Visit:
    """Hold the photos of a visit.

    ranked: the photos with an answer, the highest cancer probability first. failed: the photos with a problem.
    ugly_duckling: the photo that is unlike the others; None if there is none. can_compare: whether there are enough
    photos, and the bundle has the oddity threshold for a mark.
    """

    ranked: tuple[VisitPhoto, ...]
    failed: tuple[VisitPhoto, ...]
    ugly_duckling: VisitPhoto | None
    can_compare: bool
    model: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """Return the visit in the API's form."""
        ranks = {photo.index: rank for rank, photo in enumerate(self.ranked, 1)}
        photos = sorted((*self.ranked, *self.failed), key=lambda photo: photo.index)
        return {
            "ranked_by": RANKED_BY,
            "note": NO_ALL_CLEAR,
            "ranking": [photo.index for photo in self.ranked],
            "odd_one_out": self.ugly_duckling.index if self.ugly_duckling else None,
            "photos": [self._photo_as_json(photo, ranks.get(photo.index)) for photo in photos],
            "model": self.model,
        }

    def _photo_as_json(self, photo: VisitPhoto, rank: int | None) -> dict[str, Any]:
        if photo.problem is not None:
            return {"photo": photo.index, "problem": photo.problem.as_json()}
        assert photo.answer is not None  # nosec B101  # for the type checker
        return {
            "photo": photo.index,
            "rank": rank,
            "oddity": photo.oddity,
            "stands_out": photo is self.ugly_duckling if self.can_compare else None,
            "answer": photo.answer.as_json(),
        }


@blueprint.get("/visit")
def form() -> str:
    """Return the empty form."""
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
        submission = read_visit(request)
        predictor = current_bundles().predictor(submission.bundle)
        with photo_slot():
            visit = rank_visit(predictor, submission, with_previews=True)
    except Problem as error:
        if error.status not in CORRECTABLE_STATUSES:
            raise
        return _form_page(error, values, rows), error.status
    steps = [next_step(photo.answer) for photo in visit.ranked if photo.answer]
    return render_template(
        "visit_answer.html",
        visit=visit,
        spots=sorted((*visit.ranked, *visit.failed), key=lambda photo: photo.index),
        ranks={photo.index: rank for rank, photo in enumerate(visit.ranked, 1)},
        strongest={photo.index: strongest_caution(photo.answer) for photo in visit.ranked if photo.answer},
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
    submission = read_visit(request)
    predictor = current_bundles().predictor(submission.bundle)
    with photo_slot():
        return jsonify(rank_visit(predictor, submission).as_json())


def _parse_visit_body() -> None:
    """Parse the body, which may be larger than that of other requests."""
    request.max_content_length = current_app.config["MAX_VISIT_BYTES"]
    require_multipart(request, LARGEST_VISIT_MB * MEGABYTE, "photos")


def rank_visit(predictor: Predictor, submission: VisitSubmission, with_previews: bool = False) -> Visit:
    """Return the visit: each photo is analysed by itself, then all are compared. The caller holds a slot."""
    max_bytes: int = current_app.config["MAX_PHOTO_BYTES"]
    photos: list[VisitPhoto] = []
    rows = zip(submission.photos, submission.rows, submission.sites, strict=True)
    for index, (data, row, site) in enumerate(rows, 1):
        preview = None
        try:
            if len(data) > max_bytes:
                raise photo_too_large(max_bytes // MEGABYTE)
            stated = (*submission.details.stated_unknown, *site.stated_unknown)
            sent = replace(submission.details, site=site.site, changing=site.changing, stated_unknown=stated)
            details = fill_in_details(sent, header_details(data))
            photo_answer = predictor.answer(data, details, dermatoscope=submission.dermatoscope)
            preview = photo_data_url(data, PREVIEW_EDGE) if with_previews else None
            raise_if_refused(photo_answer)
            log_scores(photo_answer)
            photos.append(VisitPhoto(index, row, details.site, photo_answer, preview=preview))
        except FieldError as error:
            photos.append(VisitPhoto(index, row, site.site, problem=problem_from_field_error(error)))
        except Problem as error:
            photos.append(VisitPhoto(index, row, site.site, problem=error, preview=preview))
    return _rank_photos(predictor, photos)


def _rank_photos(predictor: Predictor, photos: list[VisitPhoto]) -> Visit:
    """Return the visit ranked by the cancer probability; ties keep the order of sending."""
    answered = [photo for photo in photos if photo.answer is not None]
    ratio = predictor.odd_ratio
    can_compare = ratio is not None and len(answered) >= MIN_LESIONS
    ugly_duckling = None
    if can_compare:
        embeddings = np.stack([photo.answer.embedding for photo in answered if photo.answer])
        scores = outlier_scores(embeddings)
        answered = [
            replace(photo, oddity=round(float(score), ODDITY_DIGITS))
            for photo, score in zip(answered, scores, strict=True)
        ]
        assert ratio is not None  # nosec B101  # for the type checker
        index = find_ugly_duckling(embeddings, ratio)
        ugly_duckling = answered[index] if index is not None else None
    ranked = sorted(answered, key=lambda photo: -photo.answer.cancer_probability if photo.answer else 0)
    bundle = predictor.bundle
    return Visit(
        tuple(ranked),
        tuple(photo for photo in photos if photo.problem is not None),
        ugly_duckling,
        can_compare,
        {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
    )


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
        max_visit_mb=LARGEST_VISIT_MB,
        record=bundle and visit_record(bundle.metrics),
        models=model_choices(),
    )
