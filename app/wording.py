"""The words of the page for what the model and the forms have as codes."""

from dataclasses import dataclass
from typing import Any

from flask import Flask

from data_modelling.inference.details import Details
from data_modelling.inference.predictor import Answer, ClassProbability

NARROW_SPACE = "\N{NO-BREAK SPACE}"

STATUSES = {
    "higher_concern": "Higher concern",
    "no_cancer_class": "No cancer class stands out",
    "uncertain": "Uncertain: no result",
}
STATUS_MEANINGS = {
    "higher_concern": (
        "The model finds this photo similar to photos of skin cancer. It can be wrong: "
        "a doctor has to look at the spot, soon."
    ),
    "no_cancer_class": (
        "The model does not find this photo similar enough to photos of skin cancer to raise concern. "
        "It can be wrong: a spot that is new, changes, itches or bleeds goes to a doctor all the same."
    ),
    "uncertain": (
        "The model cannot say anything reliable about this photo. If the spot worries you, show it to a doctor."
    ),
}
# Codes of the predictor: why the status is what it is, and what limits this very answer (said first).
REASONS = {
    "cancer_threshold": "The probability of the cancer classes together is at or above its threshold.",
    "melanoma_threshold": "The probability of melanoma alone is at or above its own threshold.",
}
CAUTIONS = {
    "phone_photo": (
        "The photo was not taken through a dermatoscope. The model learned from dermoscopic photos only, "
        "and its probabilities are not reliable for others."
    ),
}
# Faults of the photo itself: the page shows them as a refusal, with how to take a better one.
REFUSALS = frozenset({"photo_type", "photo_broken", "photo_pixels", "photo_animated"})

# Every value is a name that the details reader knows.
SITE_GROUPS = {
    "Head and neck": {
        "scalp": "Scalp",
        "face": "Face",
        "ear": "Ear",
        "neck": "Neck",
        "head/neck": "Head or neck, place not known",
    },
    "Torso": {
        "chest": "Chest",
        "abdomen": "Belly",
        "anterior torso": "Front of the torso, place not known",
        "back": "Back",
        "torso": "Torso, side not known",
    },
    "Arms and legs": {
        "upper extremity": "Arm",
        "hand": "Hand, not the palm",
        "lower extremity": "Leg",
        "foot": "Foot, not the sole",
        "palms/soles": "Palm or sole",
    },
    "Other": {"oral/genital": "Mouth or genitals"},
}
REGIONS = {
    "head/neck": "head or neck",
    "anterior torso": "front of the torso",
    "posterior torso": "back",
    "torso": "torso",
    "upper extremity": "arm or hand",
    "lower extremity": "leg or foot",
    "palms/soles": "palm or sole",
    "oral/genital": "mouth or genitals",
}
NOT_KNOWN = "not known"


def percent(probability: float) -> str:
    """Whole per cent; never 0 % or 100 %, which a model cannot know."""
    if probability < 0.01:
        return f"under 1{NARROW_SPACE}%"
    if probability > 0.99:
        return f"over 99{NARROW_SPACE}%"
    return f"{100 * probability:.0f}{NARROW_SPACE}%"


def counted(number: int) -> str:
    """A count with a separator for thousands."""
    return f"{number:,}"


def known(details: Details, dermatoscope: bool | None) -> dict[str, str]:
    """What was said about the photo, in words, as it was understood."""
    through = {True: "yes", False: "no", None: NOT_KNOWN}
    return {
        "Taken through a dermatoscope": through[dermatoscope],
        "Age": NOT_KNOWN if details.age is None else f"{details.age:g} years",
        "Sex": details.sex or NOT_KNOWN,
        "Place on the body": REGIONS.get(details.site or "", NOT_KNOWN),
    }


@dataclass(frozen=True)
class Cost:
    """What the threshold of the cancer group cost in testing, in photos."""

    positives: int
    missed: int
    negatives: int
    flagged: int


def cost(metrics: dict[str, Any]) -> Cost | None:
    """The cost as a bundle's metrics.json has it, if it does."""
    found = metrics.get("thresholds", {}).get("cancer", {})
    names = ("positives", "missed", "negatives", "flagged")
    return Cost(*(int(found[name]) for name in names)) if all(name in found for name in names) else None


def decided(answer: Answer) -> ClassProbability:
    """The class that the model decides for."""
    return next(one for one in answer.classes if one.code == answer.decision)


def init_app(app: Flask) -> None:
    """Offer the words to the templates."""
    app.jinja_env.filters.update(percent=percent, counted=counted)
    app.jinja_env.globals.update(
        statuses=STATUSES,
        status_meanings=STATUS_MEANINGS,
        reasons=REASONS,
        cautions=CAUTIONS,
        site_groups=SITE_GROUPS,
    )
