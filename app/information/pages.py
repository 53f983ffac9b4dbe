"""The pages of information: the diagnoses in plain words, limits, privacy, and about the project."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from flask import Blueprint, current_app, render_template

from app.analysis.examples import EXAMPLES_SOURCE
from app.bundle_facts import photos_by_class, threshold_cost, training_data_text
from app.bundles import current_bundles
from app.http.languages import mark_message
from data_modelling.inference import source_facts
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import TASKS, Diagnosis
from data_modelling.inference.source_facts import SourceFacts

blueprint = Blueprint("knowledge", __name__)

DERMNET = "https://dermnetnz.org/topics/"


@dataclass(frozen=True)
class Reference:
    """Hold the title and the web address of a source."""

    title: str
    address: str


@dataclass(frozen=True)
class DiagnosisInformation:
    """Hold a diagnosis for the reader. texts: what it is, how it looks, and how it is treated."""

    texts: tuple[str, ...]
    sources: tuple[Reference, ...]


def _dermnet(title: str, topic: str) -> Reference:
    return Reference(f"DermNet: {title}", DERMNET + topic)


MELANOMA_INFORMATION = DiagnosisInformation(
    (
        mark_message(
            "It is a cancer of the cells that give skin its colour. It can appear on healthy skin or in a mole."
        ),
        mark_message(
            "It is often asymmetric, with a ragged border and several colours, and it changes over weeks and "
            "months. Some melanomas are pink, without any brown."
        ),
        mark_message(
            "If it is found early and cut out, it is nearly always cured. Later it spreads to other organs. "
            "See a doctor within days."
        ),
    ),
    (
        _dermnet("Melanoma", "melanoma"),
        Reference(
            "Garbe et al. 2022, doi:10.1016/j.ejca.2022.03.008", "https://doi.org/10.1016/j.ejca.2022.03.008"
        ),
    ),
)
ACTINIC_KERATOSIS_TEXTS = (
    mark_message(
        "Actinic keratosis is a rough, scaly patch on skin that has seen much sun, most often on the face, the scalp "
        "or the back of the hands. Few of them become cancer, but nobody can tell which."
    ),
    mark_message(
        "Bowen's disease is a squamous cell carcinoma that has not yet left the outer skin: a red, scaly patch that "
        "grows slowly."
    ),
    mark_message("A doctor treats them with freezing or creams, or cuts them out."),
)
# By class code; a code has one meaning in all tasks.
DIAGNOSIS_INFORMATION: dict[str, DiagnosisInformation] = {
    "MEL": MELANOMA_INFORMATION,
    "melanoma": MELANOMA_INFORMATION,
    "NV": DiagnosisInformation(
        (
            mark_message(
                "It is a mole: a harmless heap of the cells that give skin its colour. Nearly everybody has moles."
            ),
            mark_message(
                "It is round or oval, has one or two shades of brown, and looks much like the other "
                "moles of the same person."
            ),
            mark_message("If it changes or does not look like the others, show it to a doctor."),
        ),
        (_dermnet("Melanocytic naevus", "melanocytic-naevus"),),
    ),
    "BCC": DiagnosisInformation(
        (
            mark_message(
                "It is the most common skin cancer. It grows slowly where the sun shines, most often on face and neck."
            ),
            mark_message(
                "It looks like a shiny bump with small vessels, a sore that does not heal, or a red patch."
            ),
            mark_message(
                "It hardly ever spreads, but it destroys what is around it. A doctor cuts it out or treats it."
            ),
        ),
        (_dermnet("Basal cell carcinoma", "basal-cell-carcinoma"),),
    ),
    "AKIEC": DiagnosisInformation(
        ACTINIC_KERATOSIS_TEXTS,
        (
            _dermnet("Actinic keratosis", "actinic-keratosis"),
            _dermnet("Squamous cell carcinoma in situ", "intraepidermal-squamous-cell-carcinoma"),
        ),
    ),
    "AK": DiagnosisInformation(
        (ACTINIC_KERATOSIS_TEXTS[0], ACTINIC_KERATOSIS_TEXTS[2]),
        (_dermnet("Actinic keratosis", "actinic-keratosis"),),
    ),
    "SCC": DiagnosisInformation(
        (
            mark_message(
                "It is a cancer of the outer skin: a scaly or sore lump, often on sun-damaged skin, lips or ears."
            ),
            mark_message("It can spread. See a doctor within days."),
        ),
        (_dermnet("Cutaneous squamous cell carcinoma", "cutaneous-squamous-cell-carcinoma"),),
    ),
    "BKL": DiagnosisInformation(
        (
            mark_message(
                "Three harmless growths in one class, since they turn into one another and look alike: seborrhoeic "
                "keratosis (age wart), solar lentigo (sun spot) and lichen-planus-like keratosis."
            ),
            mark_message(
                "They are flat or raised, and yellow to dark brown. An age wart looks as if it were stuck on."
            ),
            mark_message("A dark growth can look like melanoma, even to doctors. They then examine it."),
        ),
        (
            _dermnet("Seborrhoeic keratosis", "seborrhoeic-keratosis"),
            Reference(
                "Scott and Oakley 2023, doi:10.5826/dpc.1302a115", "https://doi.org/10.5826/dpc.1302a115"
            ),
        ),
    ),
    "DF": DiagnosisInformation(
        (
            mark_message("It is a small, firm, harmless knot of fibres, most often on a leg."),
            mark_message(
                "It is brown or pink, and dimples when you pinch it. If it grows quickly, show it to a doctor."
            ),
        ),
        (_dermnet("Dermatofibroma", "dermatofibroma"),),
    ),
    "VASC": DiagnosisInformation(
        (
            mark_message(
                "Harmless growths of small blood vessels, such as cherry angiomas, and bleeding under the skin: red, "
                "purple or black."
            ),
            mark_message("If one bleeds, grows quickly or is black all over, show it to a doctor."),
        ),
        (_dermnet("Cherry angioma", "cherry-angioma"), _dermnet("Pyogenic granuloma", "pyogenic-granuloma")),
    ),
    "benign": DiagnosisInformation(
        (
            mark_message(
                "A mole or another harmless spot. In the training photos it is everything that is not a melanoma."
            ),
        ),
        (_dermnet("Melanocytic naevus", "melanocytic-naevus"),),
    ),
    "UNK": DiagnosisInformation((mark_message("Anything that is none of the other classes."),), ()),
}


@blueprint.get("/diagnoses")
def diagnoses() -> str:
    """Return the page with each class in plain words and its sources."""
    bundle = _default_bundle()
    task = bundle.task if bundle else "ham10000"
    photos = photos_by_class(bundle) if bundle else {}
    return render_template(
        "diagnoses.html",
        diagnoses=[
            (diagnosis, DIAGNOSIS_INFORMATION[diagnosis.code], photos.get(diagnosis.code))
            for diagnosis in TASKS[task]
        ],
    )


@blueprint.get("/limits")
def limits() -> str:
    """Return the page about what the model cannot do."""
    bundle = _default_bundle()
    counts = {code: count for code, count in photos_by_class(bundle).items() if count} if bundle else {}
    rarest_code = min(counts, key=lambda code: counts[code]) if counts else None
    return render_template(
        "limits.html",
        bundle=bundle,
        cost=bundle and threshold_cost(bundle.metrics, "cancer"),
        melanoma_cost=bundle and threshold_cost(bundle.metrics, "melanoma"),
        training_data=bundle and training_data_text(bundle.metadata),
        with_skin_types=bundle and _sources_with_skin_types(bundle),
        classes=len(TASKS[bundle.task]) if bundle else None,
        rarest=_diagnosis(bundle, rarest_code),
        rarest_photos=counts.get(rarest_code or "", 0),
    )


@blueprint.get("/privacy")
def privacy() -> str:
    """Return the page about what happens to photos and details."""
    return render_template("privacy.html", max_upload_mb=current_app.config["MAX_UPLOAD_MB"])


@blueprint.get("/about")
def about() -> str:
    """Return the page about the project, its licences and its data."""
    bundle = _default_bundle()
    return render_template(
        "about.html",
        bundle=bundle,
        training_data=bundle and training_data_text(bundle.metadata),
        cited=_cited_data_sets(current_bundles().valid.values()),
    )


def _default_bundle() -> Bundle | None:
    bundles = current_bundles()
    return bundles.valid.get(bundles.default)


def _diagnosis(bundle: Bundle | None, code: str | None) -> Diagnosis | None:
    if bundle is None:
        return None
    return next((diagnosis for diagnosis in TASKS[bundle.task] if diagnosis.code == code), None)


def _sources_with_skin_types(bundle: Bundle) -> str:
    """Return the names of its sources in which some photos have a skin-type label."""
    return ", ".join(
        name for name, facts in source_facts.facts_by_source(bundle.metadata).items() if facts.has_skin_types
    )


def _cited_data_sets(bundles: Iterable[Bundle]) -> dict[str, SourceFacts]:
    """Return the published data sets of the bundles' training and tests and of the examples, by name."""
    names, facts = {EXAMPLES_SOURCE}, dict(source_facts.SOURCE_FACTS)
    for bundle in bundles:
        bundle_facts = source_facts.facts_by_source(bundle.metadata)
        facts = bundle_facts | facts
        names |= {*bundle_facts, *bundle.metrics.get("elsewhere", {})}
    return {name: facts[name] for name in sorted(names & facts.keys()) if facts[name].published}
