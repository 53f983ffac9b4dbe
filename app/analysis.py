"""From a submission to an answer, at most two photos at a time."""

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from threading import BoundedSemaphore

from flask import Flask, current_app
from PIL import Image

from app.bundles import current_bundles
from app.forms import Submission
from app.problems import from_input_error, problem
from data_modelling.inference.errors import FieldError, PhotoError
from data_modelling.inference.photos import read_photo
from data_modelling.inference.predictor import Answer

SLOTS = 2  # photos decoded at once: a decoded photo may take 150 MB
PATIENCE = 5.0  # seconds that a request waits for a slot
RETRY_AFTER = 5  # seconds after which a refused request may come back
PREVIEW_EDGE = 512  # pixels
PREVIEW_QUALITY = 85  # JPEG quality


def init_app(app: Flask) -> None:
    """Give the app its slots."""
    app.extensions["slots"] = BoundedSemaphore(SLOTS)


def analyse(submission: Submission) -> Answer:
    """The model's answer. Raises Problem when the photo cannot be used, nobody can answer, or all are busy."""
    predictor = current_bundles().predictor(submission.bundle)
    with _slot(), _bad_input_as_problem():
        return predictor.answer(
            submission.photo, submission.details, crop=submission.crop, dermatoscope=submission.dermatoscope
        )


def preview(submission: Submission) -> str:
    """The square that was analysed, as a data: URL; encoded anew, so that nothing but pixels is left."""
    with _slot(), _bad_input_as_problem():
        pixels = read_photo(submission.photo, PREVIEW_EDGE, submission.crop)
    jpeg = BytesIO()
    Image.fromarray(pixels).save(jpeg, "JPEG", quality=PREVIEW_QUALITY)
    return "data:image/jpeg;base64," + base64.b64encode(jpeg.getvalue()).decode("ascii")


@contextmanager
def _slot() -> Iterator[None]:
    slots: BoundedSemaphore = current_app.extensions["slots"]
    if not slots.acquire(timeout=PATIENCE):
        raise problem("busy", "Too many photos are being read just now. Try again.", retry_after=RETRY_AFTER)
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
