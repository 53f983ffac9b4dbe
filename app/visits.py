"""Several photos of one patient: ranked by concern, side by side, the odd one out marked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from flask import Blueprint, Response, current_app, jsonify, render_template, request

from app.analysis import photo_as_url, slot, stop_if_gone
from app.bundles import current_bundles
from app.choice import choices
from app.forms import VisitSubmission, read_visit, require_multipart
from app.problems import Problem, from_input_error, too_large
from app.record import VisitRecord, visit_record
from app.refusals import raise_if_refused
from app.scores import log_scores
from app.settings import LARGEST_VISIT_MB, MEGABYTE, MOST_PHOTOS
from app.wording import REGIONS
from data_modelling.inference.details import Details, filled
from data_modelling.inference.dicom import header_details
from data_modelling.inference.errors import FieldError, PhotoError
from data_modelling.inference.oddity import FEWEST, odd_one_out, oddity
from data_modelling.inference.predictor import Answer, Predictor

blueprint = Blueprint("visits", __name__)

NO_ALL_CLEAR = "A low rank is no all-clear."
RANKED_BY = "cancer_probability"
PREVIEW_EDGE = 256  # pixels
FIRST_ROWS = 3  # of the form, that are shown without being opened
FORM_STATUSES = (413, 415, 422)  # what the reader can mend in the form
DIGITS = 6  # of an oddity


@dataclass(frozen=True)
class Spot:
    """One photo of a visit.

    index: from 1, in the order in which they were sent. row: the number that its row has in the form, by which the
    page names it. Either answer or problem is there. preview: a data: URL, for pages. oddity: its distance to the
    patient's other spots over the median of theirs; None with fewer than three.
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
    """ranked: the spots with an answer, the most concerning first. odd: the odd one out; None if none is.

    can_compare: whether the bundle says from where on one is odd, and there were spots enough.
    """

    ranked: tuple[Spot, ...]
    failed: tuple[Spot, ...]
    odd: Spot | None
    can_compare: bool
    model: dict[str, str]

    def as_json(self) -> dict[str, Any]:
        """As the API has it."""
        ranks = {spot.index: rank for rank, spot in enumerate(self.ranked, 1)}
        spots = sorted((*self.ranked, *self.failed), key=lambda spot: spot.index)
        return {
            "ranked_by": RANKED_BY,
            "note": NO_ALL_CLEAR,
            "ranking": [spot.index for spot in self.ranked],
            "odd_one_out": self.odd.index if self.odd else None,
            "photos": [self._of_spot(spot, ranks.get(spot.index)) for spot in spots],
            "model": self.model,
        }

    def _of_spot(self, spot: Spot, rank: int | None) -> dict[str, Any]:
        if spot.problem is not None:
            return {"photo": spot.index, "problem": spot.problem.as_json()}
        assert spot.answer is not None  # nosec B101  # for the type checker
        return {
            "photo": spot.index,
            "rank": rank,
            "oddity": spot.oddity,
            "stands_out": spot is self.odd if self.can_compare else None,
            "answer": spot.answer.as_json(),
        }


@blueprint.get("/visit")
def form() -> str:
    """The empty form."""
    current_bundles().predictor()
    return _form_page()


@blueprint.post("/visit")
def answer() -> str | tuple[str, int]:
    """The ranking, or the form again with what is wrong in it."""
    typed: Mapping[str, str] = {}
    sites: list[str] = []
    try:
        with slot():
            _receive()
            typed, sites = request.form, request.form.getlist("site")
            submission = read_visit(request)
            predictor = current_bundles().predictor(submission.bundle)
            visit = judged(predictor, submission, with_previews=True)
    except Problem as found:
        if found.status not in FORM_STATUSES:
            raise
        return _form_page(found, typed, sites), found.status
    return render_template(
        "visit_answer.html",
        visit=visit,
        submission=submission,
        record=visit_record(predictor.bundle.metrics),
        regions=REGIONS,
        fewest=FEWEST,
        model_folder=predictor.bundle.folder.name,
        date=predictor.bundle.metadata.get("date"),
    )


@blueprint.post("/api/v1/visits")
def api() -> Response:
    """The ranking as JSON."""
    with slot():
        _receive()
        submission = read_visit(request)
        return jsonify(judged(current_bundles().predictor(submission.bundle), submission).as_json())


def _receive() -> None:
    """Parse the body, which may be larger here than elsewhere."""
    request.max_content_length = current_app.config["MAX_VISIT_BYTES"]
    require_multipart(request, LARGEST_VISIT_MB * MEGABYTE, "photos")


def judged(predictor: Predictor, submission: VisitSubmission, with_previews: bool = False) -> Visit:
    """Every photo judged by itself, one after another, and then compared. The caller holds a slot."""
    spots: list[Spot] = []
    rows = zip(submission.photos, submission.rows, submission.sites, strict=True)
    for index, (data, row, site) in enumerate(rows, 1):
        stop_if_gone()
        try:
            _check_size(data)
            sent = Details(submission.details.age, submission.details.sex, site)
            details = filled(sent, header_details(data))
            found = predictor.answer(data, details, dermatoscope=submission.dermatoscope)
            raise_if_refused(found)
            log_scores(found)
            preview = photo_as_url(data, PREVIEW_EDGE) if with_previews else None
            spots.append(Spot(index, row, details.site, found, preview=preview))
        except (PhotoError, FieldError) as error:
            spots.append(Spot(index, row, site, problem=from_input_error(error)))
        except Problem as error:
            spots.append(Spot(index, row, site, problem=error))
    return _compared(predictor, spots)


def _check_size(data: bytes) -> None:
    largest: int = current_app.config["MAX_PHOTO_BYTES"]
    if len(data) > largest:
        raise too_large(largest // MEGABYTE)


def _compared(predictor: Predictor, spots: list[Spot]) -> Visit:
    """Ranked by the cancer probability, those of the same one in the order in which they were sent."""
    good = [spot for spot in spots if spot.answer is not None]
    ratio = predictor.odd_ratio
    can_compare = ratio is not None and len(good) >= FEWEST
    odd = None
    if can_compare:
        vectors = np.stack([spot.answer.embedding for spot in good if spot.answer])
        measured = zip(good, oddity(vectors), strict=True)
        good = [replace(spot, oddity=round(float(value), DIGITS)) for spot, value in measured]
        assert ratio is not None  # nosec B101  # for the type checker
        found = odd_one_out(vectors, ratio)
        odd = good[found] if found is not None else None
    ranked = sorted(good, key=lambda spot: -spot.answer.cancer_probability if spot.answer else 0)
    bundle = predictor.bundle
    return Visit(
        tuple(ranked),
        tuple(spot for spot in spots if spot.problem is not None),
        odd,
        can_compare,
        {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256},
    )


def _form_page(
    found: Problem | None = None, typed: Mapping[str, str] | None = None, sites: list[str] | None = None
) -> str:
    faults = found.faults if found else ()
    bundle = current_bundles().valid.get(current_bundles().default)
    record: VisitRecord | None = visit_record(bundle.metrics) if bundle else None
    return render_template(
        "visit.html",
        faults=faults,
        wrong={fault.field: fault.message for fault in faults},
        values=typed or {},
        sites=[*(sites or []), *[""] * MOST_PHOTOS][:MOST_PHOTOS],
        first_rows=FIRST_ROWS,
        most_photos=MOST_PHOTOS,
        max_upload_mb=current_app.config["MAX_UPLOAD_MB"],
        max_visit_mb=LARGEST_VISIT_MB,
        record=record,
        models=choices(),
    )
