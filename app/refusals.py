"""Photos that decode but cannot be used: what is said of each, and how to take a better one."""

from app.languages import marked
from app.languages import say as _
from app.problems import Fault, Problem
from data_modelling.inference.checks import PHOTO_FOREIGN
from data_modelling.inference.predictor import REFUSED, Answer
from data_modelling.inference.quality import HINTS

FOREIGN = marked(
    "This does not look like a dermoscopic photo of a skin lesion. Take one through a dermatoscope, with one spot in "
    "the middle."
)


def raise_if_refused(answer: Answer) -> None:
    """Raise a Problem that names every check which the photo failed, if it failed one."""
    if answer.status == REFUSED:
        raise Problem(Fault(code, message(code), "photo") for code in answer.reasons)


def message(code: str) -> str:
    """What is wrong with a photo, and what to do about it."""
    return _(FOREIGN) if code == PHOTO_FOREIGN else " ".join(_(hint) for hint in HINTS[code])
