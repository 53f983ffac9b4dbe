"""The words of the page for what the model and the forms have as codes."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import Flask

from app.forms import Submission
from app.languages import counted, decimal
from app.languages import say as _
from app.record import Elsewhere, at_home, elsewhere
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import FLAG_TEXTS
from data_modelling.inference.heatmap import Heatmap
from data_modelling.inference.predictor import Answer, ClassProbability
from data_modelling.inference.quality import HINTS

NARROW_SPACE = "\N{NO-BREAK SPACE}"
MOST_DIGITS = 4  # decimals of per cent: what differs by less is the same for any reader
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
# Codes of the predictor: why the status is what it is (REASONS), what limits this very answer and is said first
# (CAUTIONS, in the order of the dictionary), what makes the photo harder to judge (DOUBTS).
REASONS = {
    "cancer_threshold": "The probability of the cancer classes together is at or above its threshold.",
    "melanoma_threshold": "The probability of melanoma alone is at or above its own threshold.",
}
CAUTIONS = {
    "age_rare": "The model learned from very few spots of people of this age, so nobody knows how good it is for them.",
    "site_rare": "The model learned from very few spots at this place of the body, so nobody knows how good it is there.",
    "phone_photo": (
        "The model is made for dermoscopic photos, and its probabilities are not reliable for others."
    ),
    "unlike_training": (
        "The picture is unlike those by which the model's probabilities and thresholds were set, as photos of other "
        "clinics and cameras often are. On such photos a model like this is wrong more often."
    ),
    "none_of_classes": (
        "The photo fits none of the classes that the model learned, so that their probabilities mean little."
    ),
    "wide_set": "Too many classes fit this photo for the answer to be of much use; see “How sure is this?”.",
}
PHONE_AS_SEEN = {
    False: "The photo was not taken through a dermatoscope.",
    None: "The picture looks like one of a phone, not like one taken through a dermatoscope.",
    True: (
        "You said that the photo was taken through a dermatoscope, but it looks like one taken without. "
        "To be safe it counts as a phone photo."
    ),
}
DOUBTS = tuple(code for code in HINTS if not code.startswith("photo_"))
# What was measured on photos of other places, by the caution that it belongs to: names of sources in metrics.json.
MEASURED_ON = {
    "phone_photo": {"PAD_UFES_20": "phone photos (PAD-UFES-20)"},
    "unlike_training": {"ISIC_2017": "photos of ISIC 2017", "ISIC_2020": "photos of ISIC 2020"},
}
NOT_MEASURED = "How good it is on such photos was not measured for this model."
# Limits that the page itself sees in what was sent; they are no codes of the answer.
DERMATOSCOPE_NOT_KNOWN = (
    "It is not known whether the photo was taken through a dermatoscope. "
    "If it was not, these numbers are not reliable."
)
FEW_PIXELS = (
    "The square that was analysed has only %(side)s x %(side)s pixels. The model looks at %(edge)s x %(edge)s, "
    "so it saw a blown-up picture."
)
# Faults of the photo itself: the page shows them as a refusal, with how to take a better photo.
REFUSALS = {
    "photo_type": "the file is a photo",
    "photo_broken": "the photo is whole and undamaged",
    "photo_pixels": "the photo is no larger than can be read",
    "photo_animated": "the photo is one still picture",
    "photo_frames": "the file holds one picture",
    "photo_small": "the square has enough pixels",
    "photo_blank": "the photo shows something",
    "photo_blurred": "the photo is sharp enough",
    "photo_dark": "the photo is bright enough",
    "photo_bright": "the photo is not too bright",
    "photo_foreign": "the photo looks like a dermoscopic photo of a skin lesion",
}
ADVICE = {
    "photo_type": (
        "Save or export it as JPEG, PNG, WebP or DICOM. Renaming a file does not change its type.",
        "On an iPhone choose “Most Compatible” under Settings, Camera, Formats.",
    ),
    "photo_broken": (
        "Send the file as the camera wrote it: a download or transfer that was broken off damages it.",
        "Or open it in a picture program and save it again as JPEG.",
    ),
    "photo_pixels": ("Make it smaller or cut the spot out of it: 1,000 x 1,000 pixels are plenty.",),
    "photo_animated": ("Save a single picture of it, as JPEG or PNG.",),
    "photo_frames": ("Save a single picture of it, as JPEG or PNG.",),
    "photo_small": ("Messengers make photos small: send the file itself, not a picture out of a chat.",),
    "photo_blank": (),
    "photo_blurred": ("Rest your hand on the skin. Use plenty of light: cameras blur in the dark.",),
    "photo_dark": (),
    "photo_bright": (),
    "photo_foreign": (
        "The model knows skin spots seen through a dermatoscope, and does not answer for other pictures.",
        "Choose the square so that the spot lies in its middle, with skin around it and little else.",
    ),
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


def percent(probability: float, digits: int = 0) -> str:
    """Per cent with that many decimals; never 0 % or 100 %, which a model cannot know."""
    least = _least(digits)
    if probability < least:
        return _("under %(share)s", share=_share(least, digits))
    if probability > 1 - least:
        return _("over %(share)s", share=_share(1 - least, digits))
    return _share(probability, digits)


def _least(digits: int) -> float:
    """The smallest share that is not rounded away."""
    return float(10 ** -(digits + 2))


def _share(part: float, digits: int) -> str:
    return f"{decimal(100 * part, digits)}{NARROW_SPACE}%"


def digits_beside(threshold: float, probability: float) -> int:
    """Decimals of per cent in which a threshold can be read, and another probability does not look the same."""
    for digits in range(MOST_DIGITS):
        looks_the_same = percent(probability, digits) == percent(threshold, digits)
        if threshold >= _least(digits) and (probability == threshold or not looks_the_same):
            return digits
    return MOST_DIGITS


def known(
    details: Details,
    dermatoscope: bool | None,
    from_header: Details = Details(),  # noqa: B008 - frozen
) -> dict[str, str]:
    """What was said about the photo, in words, as it was understood; from_header: what of it the file said."""
    not_known = _("not known")
    through = {True: _("yes"), False: _("no"), None: not_known}
    return {
        _("Taken through a dermatoscope"): through[dermatoscope],
        _("Age"): _told(
            not_known if details.age is None else years(details.age),
            by_file=from_header.age is not None,
        ),
        _("Sex"): _told(_(details.sex or NOT_KNOWN), by_file=from_header.sex is not None),
        _("Place on the body"): _told(
            _(REGIONS.get(details.site or "", NOT_KNOWN)), by_file=from_header.site is not None
        ),
    }


def years(age: float) -> str:
    """An age in words."""
    shown = counted(age)
    return _("%(age)s year", age=shown) if shown == "1" else _("%(age)s years", age=shown)


def _told(value: str, by_file: bool) -> str:
    return _("%(value)s (from the header of the file)", value=value) if by_file else value


def points(probability: float, before: float) -> str:
    """A change in percentage points, in words; of what `percent` shows, so that it fits the figures beside it."""
    change = round(100 * probability) - round(100 * before)
    if change == 0 or percent(probability) == percent(before):
        return _("no change") if probability == before else _("hardly any change")
    unit = _("point") if abs(change) == 1 else _("points")
    amount = f"{abs(change)}{NARROW_SPACE}{unit}"
    return _("%(amount)s more", amount=amount) if change > 0 else _("%(amount)s less", amount=amount)


@dataclass(frozen=True)
class Limit:
    """What limits an answer. said: before all else. measured: how the model did on such photos; below, for it is longer."""

    said: str
    measured: str = ""


def limits_of(submission: Submission, answer: Answer, edge: int, metrics: Mapping[str, Any]) -> list[Limit]:
    """What limits this very answer, in the order in which it is said.

    edge: pixels of what the model looks at. metrics: of the bundle.
    """
    found = [
        Limit(caution_of(code, submission.dermatoscope), measured_on(code, metrics))
        for code in CAUTIONS
        if code in answer.reasons
    ]
    if submission.dermatoscope is None and "phone_photo" not in answer.reasons:
        found.append(Limit(_(DERMATOSCOPE_NOT_KNOWN)))
    if answer.side < edge:
        found.append(Limit(_(FEW_PIXELS, side=answer.side, edge=edge)))
    return found


def caution_of(code: str, dermatoscope: bool | None) -> str:
    """A caution in words; that of a phone photo begins with who takes it for one, the reader or the pixels."""
    seen = f"{_(PHONE_AS_SEEN[dermatoscope])} " if code == "phone_photo" else ""
    return seen + _(CAUTIONS[code])


def measured_on(code: str, metrics: Mapping[str, Any], beside_own: bool = False) -> str:
    """What the model did on photos of the kind that a caution speaks of; nothing for a caution of another kind.

    beside_own: at more length, and with what it did on photos like those of its training.
    """
    if code not in MEASURED_ON:
        return ""
    tests = {name: elsewhere(metrics, source) for source, name in MEASURED_ON[code].items()}
    said = [_one_measured(name, test, beside_own) for name, test in tests.items() if test]
    own = at_home(metrics)
    if said and beside_own and own:
        said.append(
            _(
                "On photos like those of its training it was so in %(auc)s of the pairs, it was %(sure)s sure, and its "
                "most probable class was the right one for %(right)s.",
                auc=percent(own.cancer_auc),
                sure=percent(own.mean_confidence),
                right=percent(own.right),
            )
        )
    return " ".join(said) or _(NOT_MEASURED)


def _one_measured(name: str, test: Elsewhere, at_length: bool) -> str:
    said = [
        _(
            "On %(photos)s %(name)s a cancer got a higher cancer probability than a benign spot in %(auc)s of all pairs "
            "(%(low)s to %(high)s; by chance it would be half), while it was %(sure)s sure on average.",
            photos=counted(test.photos),
            name=_(name),
            auc=percent(test.cancer_auc),
            low=percent(test.low),
            high=percent(test.high),
            sure=percent(test.mean_confidence),
        )
    ]
    if at_length and test.right is not None:
        said.append(_("Its most probable class was the right one for %(right)s.", right=percent(test.right)))
    if test.learned_from:
        said.append(_("It had learned from other photos of this set."))
    return " ".join(said)


def doubts_of(answer: Answer) -> list[str]:
    """What makes this photo harder to judge than those of the tests."""
    return [" ".join(_(hint) for hint in HINTS[code]) for code in answer.reasons if code in DOUBTS]


@dataclass(frozen=True)
class SetInWords:
    """A prediction set for the reader. level: its name. names: of the classes. covered, groups: as tested, or None."""

    level: str
    names: tuple[str, ...]
    covered: float | None
    groups: int | None


def sets_of(answer: Answer, with_details: bool, metrics: Mapping[str, Any]) -> list[SetInWords]:
    """The prediction sets by level. Without a result they are in the order of the list: no class comes first."""
    order = (
        [one.code for one in answer.classes] if answer.status != "uncertain" else list(answer.probabilities)
    )
    names = {one.code: _(one.name) for one in answer.classes}
    tested = (
        metrics.get("out_of_fold", {}).get("prediction_sets", {}).get("both" if with_details else "photo", {})
    )
    return [
        SetInWords(
            level,
            tuple(names[code] for code in order if code in held),
            tested.get(level, {}).get("coverage"),
            tested.get(level, {}).get("groups"),
        )
        for level, held in answer.sets.by_level.items()
    ]


def map_in_words(heatmap: Heatmap, code: str) -> str:
    """Where the evidence for a class lies, in one or two sentences."""
    found = heatmap.classes[code]
    if found.centre is None:
        return _("Nothing in the photo speaks for this class more than for the average class.")
    if found.centre >= MOSTLY:
        words = _("Mostly the centre")
    elif found.centre <= 1 - MOSTLY:
        words = _("Mostly the edges")
    else:
        words = _("Centre and edges alike")
    if found.darker is not None:
        inside, area = percent(found.darker), percent(heatmap.darker_area)
        words += _(
            "; %(inside)s inside the darker area, which is %(area)s of the picture", inside=inside, area=area
        )
    amounts = {code: sum(map(sum, one.evidence)) for code, one in heatmap.classes.items()}
    if amounts[code] >= LITTLE * max(amounts.values()):
        return f"{words}."
    little = _("There is little that speaks for this class.")
    return f"{words}. {little}"


def decided(answer: Answer) -> ClassProbability:
    """The class that the model decides for."""
    return next(one for one in answer.classes if one.code == answer.decision)


def init_app(app: Flask) -> None:
    """Offer the words to the templates."""
    app.jinja_env.filters.update(percent=percent, counted=counted, points=points, years=years)
    app.jinja_env.globals.update(
        statuses=STATUSES,
        cautions=CAUTIONS,
        caution_of=caution_of,
        digits_beside=digits_beside,
        status_meanings=STATUS_MEANINGS,
        reasons=REASONS,
        refusals=REFUSALS,
        advice=ADVICE,
        site_groups=SITE_GROUPS,
        flag_texts=FLAG_TEXTS,
    )
