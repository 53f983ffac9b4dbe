"""From a submission to an answer, few photos at a time."""

import base64
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import BoundedSemaphore

from flask import Flask, current_app, request
from PIL import Image
from werkzeug.exceptions import ClientDisconnected

from app.bundles import current_bundles
from app.forms import Submission
from app.languages import say as _
from app.problems import from_input_error, problem
from app.refusals import raise_if_refused
from app.scores import log_scores
from app.settings import SLOTS
from data_modelling.inference.errors import FieldError, PhotoError
from data_modelling.inference.explanation import HEATMAP
from data_modelling.inference.photos import Crop, read_photo
from data_modelling.inference.predictor import Answer

PATIENCE = 5.0  # seconds that a request waits for a slot; in our own server there is always one free
RETRY_AFTER = 5  # seconds after which a refused request may come back
PREVIEW_EDGE = 512  # pixels
PREVIEW_QUALITY = 85  # JPEG quality


def init_app(app: Flask) -> None:
    """Give the app its slots."""
    app.extensions["slots"] = BoundedSemaphore(SLOTS)


def analyse(submission: Submission) -> Answer:
    """The model's answer. Raises Problem when the photo cannot be used, or nobody can answer.

    The caller holds a slot, as for `preview`.
    """
    predictor = current_bundles().predictor(submission.bundle)
    if HEATMAP in submission.explain and not predictor.has_heatmap:
        raise problem("explain_unavailable", _("This bundle has no heat map; leave heatmap out."), "explain")
    with _bad_input_as_problem():
        answer = predictor.answer(
            submission.photo,
            submission.details,
            crop=submission.crop,
            dermatoscope=submission.dermatoscope,
            explain=submission.explain,
        )
    raise_if_refused(answer)
    log_scores(answer)
    return answer


def preview(submission: Submission) -> str:
    """The square that was analysed, as a data: URL; encoded anew, so that nothing but pixels is left."""
    with _bad_input_as_problem():
        return photo_as_url(submission.photo, PREVIEW_EDGE, submission.crop)


def photo_as_url(data: bytes, edge: int, crop: Crop | None = None) -> str:
    """The square of a photo as a data: URL. Raises PhotoError and FieldError as read_photo does."""
    pixels = read_photo(data, edge, crop)
    jpeg = BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=PREVIEW_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode("ascii")


def stop_if_gone() -> None:
    """End the work for a client that has closed the connection; our server notices it while it waits."""
    is_gone: Callable[[], bool] | None = request.environ.get("waitress.client_disconnected")
    if is_gone is not None and is_gone():
        raise ClientDisconnected  # which nobody reads


@contextmanager
def slot() -> Iterator[None]:
    """A place among those whose photo is taken from its form and decoded. Raises Problem when all stay busy."""
    slots: BoundedSemaphore = current_app.extensions["slots"]
    if not slots.acquire(timeout=PATIENCE):
        raise problem(
            "busy", _("Too many photos are being read just now. Try again."), retry_after=RETRY_AFTER
        )
    try:
        yield
    finally:
        slots.release()


@contextmanager
def _bad_input_as_problem() -> Iterator[None]:
    try:
        yield
    except (FieldError, PhotoError) as error:
        raise from_input_error(error) from error
