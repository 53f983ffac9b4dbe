"""The messages about photos that decode but cannot be used."""

from app.http.languages import mark_message
from app.http.languages import translate as _
from app.http.problems import Fault, Problem
from data_modelling.inference.checks.image_quality import HINTS
from data_modelling.inference.checks.photo_checks import PHOTO_FOREIGN
from data_modelling.inference.predictor import Answer
from data_modelling.inference.status import REFUSED

FOREIGN_MESSAGE = mark_message(
    "This does not look like a dermoscopic photo of a skin lesion. Take one through a dermatoscope, with one spot in "
    "the middle."
)


def raise_if_refused(answer: Answer) -> None:
    """Raise a Problem that names every check that the photo failed, if it failed one."""
    if answer.status == REFUSED:
        raise Problem(Fault(code, refusal_message(code), "photo") for code in answer.reasons)


def refusal_message(code: str) -> str:
    """Return what is wrong with a photo, and what to do about it."""
    return _(FOREIGN_MESSAGE) if code == PHOTO_FOREIGN else " ".join(_(hint) for hint in HINTS[code])
