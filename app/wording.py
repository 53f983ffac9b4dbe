"""The words of the page for what the model and the forms have as codes."""

from flask import Flask

from app.forms import Submission
from data_modelling.inference.details import Details
from data_modelling.inference.heatmap import Heatmap
from data_modelling.inference.predictor import Answer, ClassProbability

NARROW_SPACE = "\N{NO-BREAK SPACE}"
MOSTLY = 2 / 3  # the share of a map's evidence from which it lies "mostly" somewhere
LITTLE = 0.1  # of the evidence for the class that most speaks for, below which there is little for a class

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
# Codes of the predictor: why the status is what it is (REASONS), what limits this very answer (CAUTIONS).
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
# Limits that the page itself sees in what was sent; they are no codes of the answer.
DERMATOSCOPE_NOT_KNOWN = (
    "It is not known whether the photo was taken through a dermatoscope. "
    "If it was not, these numbers are not reliable."
)
FEW_PIXELS = (
    "The square that was analysed has only {side} x {side} pixels. The model looks at {edge} x {edge}, "
    "so it saw a blown-up picture."
)
# Faults of the photo itself: the page shows them as a refusal, with how to take a better photo.
REFUSALS = {
    "photo_type": "the file is a photo",
    "photo_broken": "the photo is whole and undamaged",
    "photo_pixels": "the photo is no larger than can be read",
    "photo_animated": "the photo is one still picture",
}
ADVICE = {
    "photo_type": (
        "Save or export it as JPEG, PNG or WebP. Renaming a file does not change its type.",
        "On an iPhone choose “Most Compatible” under Settings, Camera, Formats.",
    ),
    "photo_broken": (
        "Send the file as the camera wrote it: a download or transfer that was broken off damages it.",
        "Or open it in a picture program and save it again as JPEG.",
    ),
    "photo_pixels": ("Make it smaller or cut the spot out of it: 1,000 x 1,000 pixels are plenty.",),
    "photo_animated": ("Save a single picture of it, as JPEG or PNG.",),
}

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


def points(probability: float, before: float) -> str:
    """A change in percentage points, in words; of the rounded figures, so that it fits what stands beside it."""
    change = round(100 * probability) - round(100 * before)
    if change == 0:
        return "no change" if probability == before else "hardly any change"
    unit = "point" if abs(change) == 1 else "points"
    return f"{abs(change)}{NARROW_SPACE}{unit} {'more' if change > 0 else 'less'}"


def limits_of(submission: Submission, answer: Answer, side: int, edge: int) -> list[str]:
    """What limits this very answer, in the order in which it is said.

    side: of the analysed square, in pixels of the photo. edge: what the model looks at.
    """
    found = [CAUTIONS[code] for code in answer.reasons if code in CAUTIONS]
    if submission.dermatoscope is None:
        found.append(DERMATOSCOPE_NOT_KNOWN)
    if side < edge:
        found.append(FEW_PIXELS.format(side=side, edge=edge))
    return found


def map_in_words(heatmap: Heatmap, code: str) -> str:
    """Where the evidence for a class lies, in one or two sentences."""
    found = heatmap.classes[code]
    if found.centre is None:
        return "Nothing in the photo speaks for this class more than for the average class."
    place = "the centre" if found.centre >= MOSTLY else "the edges" if found.centre <= 1 - MOSTLY else ""
    words = f"Mostly {place}" if place else "Centre and edges alike"
    if found.darker is not None:
        inside, area = percent(found.darker), percent(heatmap.darker_area)
        words += f"; {inside} inside the darker area, which is {area} of the picture"
    amounts = {code: sum(map(sum, one.evidence)) for code, one in heatmap.classes.items()}
    little = amounts[code] < LITTLE * max(amounts.values())
    return f"{words}.{' There is little that speaks for this class.' if little else ''}"


def decided(answer: Answer) -> ClassProbability:
    """The class that the model decides for."""
    return next(one for one in answer.classes if one.code == answer.decision)


def init_app(app: Flask) -> None:
    """Offer the words to the templates."""
    app.jinja_env.filters.update(percent=percent, counted=counted, points=points)
    app.jinja_env.globals.update(
        statuses=STATUSES,
        status_meanings=STATUS_MEANINGS,
        reasons=REASONS,
        refusals=REFUSALS,
        advice=ADVICE,
        site_groups=SITE_GROUPS,
    )
