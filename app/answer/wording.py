"""The texts that the pages show for the codes of an answer (status, reasons, classes) and of the forms."""

import tomllib
from pathlib import Path

from flask import Flask

from app.answer.next_steps import NEXT_STEPS, SEE_NOW
from app.http.languages import format_decimals, format_number
from app.http.languages import translate as _
from data_modelling.inference.checks.image_quality import HINTS
from data_modelling.inference.checks.photo_checks import PHOTO_FOREIGN
from data_modelling.inference.details import YES_OR_NO
from data_modelling.inference.explanation.neighbours import DIAGNOSES
from data_modelling.inference.predictor import Answer, ClassProbability

NO_BREAK_SPACE = "\N{NO-BREAK SPACE}"
MOST_DIGITS = 4  # largest number of decimals of a percentage; no reader needs more

TEXTS = tomllib.loads(Path(__file__).with_suffix(".toml").read_text("utf-8"))
# The tables that templates read by their names.
SHOWN_TABLES = ("statuses", "reasons", "site_groups", "regions", "task_titles", "confirmations", "closeness")
# The texts of the codes that limit an answer, the strongest first.
CAUTIONS: dict[str, str] = {
    **TEXTS["cautions"],
    **{code: problem for code, (problem, _hint) in HINTS.items() if not code.startswith("photo_")},
    **TEXTS["weaker_cautions"],
}
NO_DIAGNOSIS, FEW_PIXELS, REGIONS = TEXTS["no_diagnosis"], TEXTS["few_pixels"], TEXTS["regions"]
FOREIGN, EXAMPLE_DIAGNOSES, VERDICTS = (TEXTS[key] for key in ("foreign", "example_diagnoses", "verdicts"))
PHONE_PHOTO_TEXTS = {answer: TEXTS["phone_photo"][word] for word, answer in YES_OR_NO.items() if word}
# With these reasons, the page hides the prediction set (classes not ruled out), which was not tested on such photos.
NO_PROMISE = ("phone_photo", "unlike_training", "none_of_classes")
# The codes of faults of the photo itself. For these codes, the page shows a refusal and no probabilities.
REFUSALS = frozenset(TEXTS["refusals"])


def format_percent(probability: float, digits: int = 0) -> str:
    """Return a probability in per cent with `digits` decimals; never 0 % or 100 %, because no model is certain."""
    smallest = _smallest_share(digits)
    if probability < smallest:
        return _("under %(share)s", share=_percent_text(smallest, digits))
    if probability > 1 - smallest:
        return _("over %(share)s", share=_percent_text(1 - smallest, digits))
    return _percent_text(probability, digits)


def _smallest_share(digits: int) -> float:
    """Return the smallest share above 0 that can be shown in per cent with `digits` decimals: 0.01 without decimals."""
    return float(10 ** -(digits + 2))


def _percent_text(share: float, digits: int) -> str:
    return f"{format_decimals(100 * share, digits)}{NO_BREAK_SPACE}%"


def digits_beside(threshold: float, probability: float) -> int:
    """Return the fewest decimals, at most MOST_DIGITS, with which a reader can tell a threshold from a probability."""
    # The threshold must not be shown as "under 1 %", nor look equal to a probability that differs from it.
    for digits in range(MOST_DIGITS):
        looks_the_same = format_percent(probability, digits) == format_percent(threshold, digits)
        if threshold >= _smallest_share(digits) and (probability == threshold or not looks_the_same):
            return digits
    return MOST_DIGITS


def format_age(age: float) -> str:
    """Return an age in words, such as "45 years"."""
    number = format_number(age)
    return _("%(age)s year", age=number) if number == "1" else _("%(age)s years", age=number)


def format_percentage_points(probability: float, before: float) -> str:
    """Return in words how many percentage points a probability rose or fell, computed from values in whole per cent."""
    change = round(100 * probability) - round(100 * before)
    if change == 0 or format_percent(probability) == format_percent(before):
        return _("no change") if probability == before else _("hardly any change")
    unit = _("point") if abs(change) == 1 else _("points")
    amount = f"{abs(change)}{NO_BREAK_SPACE}{unit}"
    return _("%(amount)s more", amount=amount) if change > 0 else _("%(amount)s less", amount=amount)


def answer_cautions(answer: Answer, dermatoscope: bool | None, edge: int) -> list[str]:
    """Return one or more cautions about this answer, the strongest first. edge: the model's input width in pixels."""
    # "phone_photo" says more than "dermatoscope", which only says that the use of a dermatoscope is not known.
    hidden = {"dermatoscope"} if "phone_photo" in answer.reasons else set()
    codes = [code for code in CAUTIONS if code in answer.reasons and code not in hidden]
    texts = [caution_text(code, dermatoscope) for code in codes]
    if answer.side < edge:
        texts.append(_(FEW_PIXELS, side=answer.side, edge=edge))
    return texts or [_(NO_DIAGNOSIS)]


def strongest_caution(answer: Answer) -> str | None:
    """Return the code of the strongest caution about an answer, or None if there is no caution."""
    return next((code for code in CAUTIONS if code in answer.reasons), None)


def caution_text(code: str, dermatoscope: bool | None) -> str:
    """Return a caution in words; for a phone photo, the words depend on what the user said about the dermatoscope."""
    introduction = f"{_(PHONE_PHOTO_TEXTS[dermatoscope])} " if code == "phone_photo" else ""
    return introduction + _(CAUTIONS[code])


def refusal_message(code: str) -> str:
    """Return what is wrong with a photo that can be decoded but not used, and what to do about it."""
    return _(FOREIGN) if code == PHOTO_FOREIGN else " ".join(_(hint) for hint in HINTS[code])


def shown_classes(answer: Answer) -> list[ClassProbability]:
    """Return the classes, the most probable first; for the status "uncertain", in the task's fixed order."""
    if answer.status != "uncertain":
        return list(answer.classes)
    order = list(answer.probabilities)
    return sorted(answer.classes, key=lambda row: order.index(row.code))


def decided_class(answer: Answer) -> ClassProbability:
    """Return the class that the model decides for."""
    return next(row for row in answer.classes if row.code == answer.decision)


def init_app(app: Flask) -> None:
    """Offer the texts to the templates."""
    app.jinja_env.filters.update(
        percent=format_percent, counted=format_number, points=format_percentage_points, years=format_age
    )
    app.jinja_env.globals.update(
        {name: TEXTS[name] for name in SHOWN_TABLES},
        caution_of=caution_text,
        next_steps=NEXT_STEPS,
        see_now=SEE_NOW,
        shown_classes=shown_classes,
        digits_beside=digits_beside,
        known_diagnoses=DIAGNOSES,
    )
