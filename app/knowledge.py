"""What somebody should know beside an answer: the diagnoses in plain words, limits, privacy, who made it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, current_app, render_template

from app.bundles import current_bundles
from app.examples import TAKEN_FROM
from app.languages import marked
from app.record import cost, photos_by_class, training_data
from app.wording import measured_on
from data_modelling.inference import source_facts
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.source_facts import SourceFacts

blueprint = Blueprint("knowledge", __name__)

DERMNET = "https://dermnetnz.org/topics/"


@dataclass(frozen=True)
class Source:
    """Where what is said can be read."""

    title: str
    address: str


@dataclass(frozen=True)
class Knowledge:
    """A diagnosis for the reader. words: what it is, how it looks, what is done about it."""

    words: tuple[str, ...]
    sources: tuple[Source, ...]


def _dermnet(title: str, topic: str) -> Source:
    return Source(f"DermNet: {title}", DERMNET + topic)


MELANOMA = Knowledge(
    (
        marked(
            "A cancer of the cells that give skin its colour. It can appear on healthy skin or in a mole."
        ),
        marked(
            "Often asymmetric, with a ragged border and several colours, and it changes over weeks and months. "
            "Some melanomas are pink, without any brown."
        ),
        marked(
            "Found early and cut out it is nearly always cured; later it spreads to other organs. "
            "See a doctor within days."
        ),
    ),
    (
        _dermnet("Melanoma", "melanoma"),
        Source(
            "Garbe et al. 2022, doi:10.1016/j.ejca.2022.03.008", "https://doi.org/10.1016/j.ejca.2022.03.008"
        ),
    ),
)
ACTINIC = (
    marked(
        "Actinic keratosis is a rough, scaly patch on skin that has seen much sun, most often on the face, the scalp "
        "or the back of the hands. Few of them become cancer, but nobody can tell which."
    ),
    marked(
        "Bowen's disease is a squamous cell carcinoma that has not yet left the outer skin: a red, scaly patch that "
        "grows slowly."
    ),
    marked("A doctor treats them by freezing, creams or cutting them out."),
)
# By class code; a code has one meaning in all tasks.
KNOWLEDGE: dict[str, Knowledge] = {
    "MEL": MELANOMA,
    "melanoma": MELANOMA,
    "NV": Knowledge(
        (
            marked(
                "A mole: a harmless heap of the cells that give skin its colour. Nearly everybody has some."
            ),
            marked(
                "Round or oval, one or two shades of brown, and much like the other moles of the same person."
            ),
            marked(
                "Nothing needs to be done, unless it changes or does not look like the others: then a doctor looks at it."
            ),
        ),
        (_dermnet("Melanocytic naevus", "melanocytic-naevus"),),
    ),
    "BCC": Knowledge(
        (
            marked(
                "The most common skin cancer. It grows slowly where the sun shines, most often on face and neck."
            ),
            marked("A shiny bump with small vessels, a sore that does not heal, or a red patch."),
            marked(
                "It hardly ever spreads, but it destroys what is around it. A doctor cuts it out or treats it."
            ),
        ),
        (_dermnet("Basal cell carcinoma", "basal-cell-carcinoma"),),
    ),
    "AKIEC": Knowledge(
        ACTINIC,
        (
            _dermnet("Actinic keratosis", "actinic-keratosis"),
            _dermnet("Squamous cell carcinoma in situ", "intraepidermal-squamous-cell-carcinoma"),
        ),
    ),
    "AK": Knowledge((ACTINIC[0], ACTINIC[2]), (_dermnet("Actinic keratosis", "actinic-keratosis"),)),
    "SCC": Knowledge(
        (
            marked(
                "A cancer of the outer skin, often on sun-damaged skin, lips or ears: a scaly or sore lump."
            ),
            marked("It can spread. See a doctor within days."),
        ),
        (_dermnet("Cutaneous squamous cell carcinoma", "cutaneous-squamous-cell-carcinoma"),),
    ),
    "BKL": Knowledge(
        (
            marked(
                "Three harmless growths in one class, since they turn into one another and look alike: seborrhoeic "
                "keratosis (age wart), solar lentigo (sun spot) and lichen-planus-like keratosis."
            ),
            marked("Flat or raised, yellow to dark brown; an age wart looks as if it were stuck on."),
            marked(
                "Nothing needs to be done. A dark one can look like melanoma, even to doctors: then it is examined."
            ),
        ),
        (
            _dermnet("Seborrhoeic keratosis", "seborrhoeic-keratosis"),
            Source("Scott and Oakley 2023, doi:10.5826/dpc.1302a115", "https://doi.org/10.5826/dpc.1302a115"),
        ),
    ),
    "DF": Knowledge(
        (
            marked("A small, firm, harmless knot of fibres, most often on a leg."),
            marked(
                "Brown or pink; it dimples when it is pinched. Nothing needs to be done, unless it grows quickly."
            ),
        ),
        (_dermnet("Dermatofibroma", "dermatofibroma"),),
    ),
    "VASC": Knowledge(
        (
            marked(
                "Harmless growths of small blood vessels, such as cherry angiomas, and bleeding under the skin: red, "
                "purple or black."
            ),
            marked("One that bleeds, grows quickly or is black all over is shown to a doctor."),
        ),
        (_dermnet("Cherry angioma", "cherry-angioma"), _dermnet("Pyogenic granuloma", "pyogenic-granuloma")),
    ),
    "benign": Knowledge(
        (
            marked(
                "A mole or another harmless spot: whatever is not a melanoma in the photos it learned from."
            ),
        ),
        (_dermnet("Melanocytic naevus", "melanocytic-naevus"),),
    ),
    "UNK": Knowledge((marked("Anything that is none of the other classes."),), ()),
}
# Earlier versions of this app sorted every answer into three levels. What they are called here, by flag.
LEVELS = (
    ("benign", marked("Benign"), marked("Nothing has to be done about a spot of this kind.")),
    (
        "may_become_cancer",
        marked("See a doctor"),
        marked("It can turn into cancer in time; a doctor looks at it and treats it."),
    ),
    ("cancer", marked("Danger"), marked("It is cancer, or may be: a doctor looks at it soon.")),
)


@blueprint.get("/diagnoses")
def diagnoses() -> str:
    """Each class in plain words, with sources, and the flags."""
    bundle = _default_bundle()
    task = bundle.task if bundle else "ham10000"
    photos = photos_by_class(bundle) if bundle else {}
    return render_template(
        "diagnoses.html",
        diagnoses=[(one, KNOWLEDGE[one.code], photos.get(one.code)) for one in TASKS[task]],
        levels=LEVELS,
        classes_of={flag: [one for one in TASKS[task] if one.flag == flag] for flag, _name, _words in LEVELS},
    )


@blueprint.get("/limits")
def limits() -> str:
    """What it cannot do."""
    bundle = _default_bundle()
    counts = {code: count for code, count in photos_by_class(bundle).items() if count} if bundle else {}
    rarest = min(counts, key=lambda code: counts[code]) if counts else None
    return render_template(
        "limits.html",
        bundle=bundle,
        cost=bundle and cost(bundle.metrics, "cancer"),
        melanoma_cost=bundle and cost(bundle.metrics, "melanoma"),
        on_phones=bundle and measured_on("phone_photo", bundle.metrics, beside_own=True),
        training_data=bundle and training_data(bundle.metadata),
        with_skin_types=bundle and _with_skin_types(bundle),
        classes=len(TASKS[bundle.task]) if bundle else None,
        rarest=next((one for one in TASKS[bundle.task] if one.code == rarest), None) if bundle else None,
        rarest_photos=counts.get(rarest or "", 0),
    )


@blueprint.get("/privacy")
def privacy() -> str:
    """What happens to what is sent."""
    return render_template("privacy.html", max_upload_mb=current_app.config["MAX_UPLOAD_MB"])


@blueprint.get("/about")
def about() -> str:
    """Who made it of what, and how to cite it."""
    bundle = _default_bundle()
    return render_template(
        "about.html",
        bundle=bundle,
        training_data=bundle and training_data(bundle.metadata),
        cited=_cited(current_bundles().valid.values()),
    )


def _default_bundle() -> Bundle | None:
    bundles = current_bundles()
    return bundles.valid.get(bundles.default)


def _with_skin_types(bundle: Bundle) -> str:
    """The sources of its photos of which some have a label of the skin type, by name."""
    return ", ".join(
        name for name, found in source_facts.facts(bundle.metadata).items() if found.has_skin_types
    )


def _cited(bundles: Iterable[Bundle]) -> dict[str, SourceFacts]:
    """The data sets that the bundles learned from or were tried with, and that of the examples, if they are published."""
    used = {TAKEN_FROM}
    for bundle in bundles:
        used |= {*source_facts.facts(bundle.metadata), *bundle.metrics.get("elsewhere", {})}
    return {name: found for name, found in source_facts.SOURCES.items() if name in used and found.published}
