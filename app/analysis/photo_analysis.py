"""Analyse a submission (photo and patient details), and add the answer's probabilities to a csv file, the score log."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path

from flask import Flask, current_app
from PIL import Image

from app.analysis.form_fields import Submission
from app.answer.heat_map_images import data_url
from app.answer.wording import refusal_message
from app.bundles import current_bundles
from app.http.languages import translate as _
from app.http.problems import Fault, Problem, problem, problem_from_field_error
from app.settings import Settings
from data_modelling.inference.decision import REFUSED
from data_modelling.inference.drift.score_log import ScoreLog
from data_modelling.inference.errors import FieldError
from data_modelling.inference.photo.reader import Crop, read_photo, read_whole_photo
from data_modelling.inference.predictor import Answer, Predictor

PREVIEW_EDGE = 512  # pixels
WHOLE_EDGE = 1024  # pixels
PREVIEW_QUALITY = 85  # JPEG quality


def analyse(submission: Submission) -> Answer:
    """Return the answer. Raises Problem if the photo cannot be used, or if the bundle or an explanation is unavailable.

    The callers of analyse, photo_preview and whole_photo must hold a slot (permit to decode; see app.http.photo_slots).
    """
    predictor = current_bundles().predictor(submission.bundle)
    missing = submission.explain - predictor.explanations
    if missing:
        message = _("This bundle cannot give %(names)s; leave this out.", names=", ".join(sorted(missing)))
        raise problem("explain_unavailable", message, "explain")
    with _bad_input_as_problem():
        answer = predictor.answer(
            submission.photo,
            submission.details,
            crop=submission.crop,
            dermatoscope=submission.dermatoscope,
            explain=submission.explain,
        )
    raise_if_refused(answer)
    log_scores(predictor, answer)
    return answer


def raise_if_refused(answer: Answer) -> None:
    """Raise a Problem if the photo was refused. The Problem names every check that the photo failed."""
    if answer.status == REFUSED:
        raise Problem(Fault(code, refusal_message(code), "photo") for code in answer.reasons)


def photo_preview(submission: Submission) -> str:
    """Return the analysed square as a data: URL. The square is encoded again, without the metadata of the file."""
    with _bad_input_as_problem():
        return photo_data_url(submission.photo, PREVIEW_EDGE, submission.crop)


def whole_photo(data: bytes) -> bytes:
    """Return a whole photo as a JPEG, at most WHOLE_EDGE pixels wide and high. Raises Problem if it cannot be read."""
    jpeg = BytesIO()
    with _bad_input_as_problem():
        read_whole_photo(data, WHOLE_EDGE).save(jpeg, "JPEG", quality=PREVIEW_QUALITY)
    return jpeg.getvalue()


def photo_data_url(data: bytes, edge: int, crop: Crop | None = None) -> str:
    """Return the square of a photo as a data: URL. Raises PhotoError and FieldError, like read_photo."""
    return data_url(Image.fromarray(read_photo(data, edge, crop)), "JPEG", quality=PREVIEW_QUALITY)


@contextmanager
def _bad_input_as_problem() -> Iterator[None]:
    try:
        yield
    except FieldError as error:
        raise problem_from_field_error(error) from error


def init_app(app: Flask, settings: Settings) -> None:
    """Open the score log if the setting SCORE_LOG names its file and the default bundle is valid."""
    bundle = app.extensions["bundles"].valid.get(settings.bundle)
    is_on = settings.score_log != "off" and bundle is not None
    app.extensions["scores"] = (
        ScoreLog(Path(settings.score_log).expanduser(), bundle.metadata["classes"]) if is_on else None
    )
    app.jinja_env.globals["score_log"] = is_on


def log_scores(predictor: Predictor, answer: Answer) -> None:
    """Log day, probabilities and nearness to the training photos, if the log is on and the default bundle answered."""
    scores: ScoreLog | None = current_app.extensions["scores"]
    if scores and predictor is current_bundles().predictor():
        scores.append(answer.probabilities, answer.nearness)
