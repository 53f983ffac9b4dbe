"""The card's answers to CLEAR Derm: Checklist for Evaluation of Image-Based Artificial Intelligence Reports in
Dermatology, Daneshjou et al. 2022, JAMA Dermatol 158(1):90-96, doi:10.1001/jamadermatol.2021.4915.

Its four parts with their items, named in our words; what cannot be answered is said.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from data_modelling.evaluation.figures import LESION
from data_modelling.evaluation.markdown import table
from data_modelling.evaluation.results import effect_of_details, group_noun
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.source_facts import sentences

Values = dict[str, Any]


@dataclass(frozen=True)
class Item:
    """One item: its part of the checklist, its name, and the answer from metadata.json's and metrics.json's values."""

    part: str
    name: str
    answer: Callable[[Values, Values], str]


def clear_derm(metadata: Values, values: Values) -> list[str]:
    """A row an item."""
    return [
        "Daneshjou et al. 2022, doi:10.1001/jamadermatol.2021.4915; items in our words.",
        "",
        *table(
            ["part", "item", "answer"],
            (
                [item.part, f"{number}. {item.name}", item.answer(metadata, values)]
                for number, item in enumerate(ITEMS, 1)
            ),
        ),
    ]


def _image_types(metadata: Values, _: Values) -> str:
    return f"{_capital(sentences(metadata, 'origin'))}."


def _preprocessing(metadata: Values, _: Values) -> str:
    return (
        f"Turned upright, centre square, resized to {metadata['edge']} x {metadata['edge']} pixels, the same in training "
        "and serving; no correction of colours, no removal of hair."
    )


def _synthetic(metadata: Values, _: Values) -> str:
    if "generated lesions" in metadata["data"]["sources"]:
        return "All of them; the program that draws them is in the project."
    return "None used; training photos are turned, stretched and recoloured at random, which the settings describe."


def _references(metadata: Values, _: Values) -> str:
    return f"{_capital(sentences(metadata, 'cite'))}."


def _patient_metadata(_: Values, values: Values) -> str:
    noun = group_noun(values)
    patients = "patients are not known" if noun == LESION else "patients have numbers, no names"
    return f"Age, sex and anatomical site, each may be missing; photos are grouped by {noun}, {patients}."


def _skin(metadata: Values, _: Values) -> str:
    return f"Cannot be answered. {sentences(metadata, 'skin')}."


def _bias_of_details(_: Values, values: Values) -> str:
    return (
        f"{effect_of_details(values['out_of_fold']['effect_of_details'])} They may carry habits of the clinics that "
        "collected the photos. How the diagnosis was confirmed is never an input."
    )


def _partitions(metadata: Values, values: Values) -> str:
    locked = "no" if values.get("no_locked_test") else "a"
    return (
        f"By {group_noun(values)}, with the same class shares: five folds and {locked} locked test, as ids in `{metadata['data']['split']}` "
        f"(SHA-256 `{metadata['data']['split_sha256'][:12]}`)."
    )


def _sizes(metadata: Values, values: Values) -> str:
    not_there = "none" if values.get("no_locked_test") else "not opened"
    locked = f"{values['locked_test']['photos']:,}" if "locked_test" in values else not_there
    return (
        f"Training {metadata['data']['photos']:,} photos (a tenth of the {group_noun(values)}s stops it), out-of-fold "
        f"{values['out_of_fold']['photos']:,}, locked test {locked}."
    )


def _external(_: Values, values: Values) -> str:
    if "elsewhere" not in values:
        return "Not measured for this bundle."
    return f"{', '.join(values['elsewhere'])}: see the table of results and Other sources."


def _balance(metadata: Values, _: Values) -> str:
    counts = ", ".join(f"{code} {count:,}" for code, count in metadata["data"]["counts"].items())
    power = metadata["settings"]["training"]["balance"]
    return f"{counts}. Shown in training by a power of {power:g} between their shares and equal shares, undone afterwards."


def _unlike(metadata: Values, values: Values) -> str:
    gate = (
        "Photos unlike the training photos are refused or warned of."
        if "gate" in metadata
        else "No check: every photo that decodes is answered with these classes."
    )
    phones = [name for name, found in values.get("elsewhere", {}).items() if found["phone"]]
    return f"{gate} Phone photos were measured: {', '.join(phones)}." if phones else gate


def _labels(metadata: Values, _: Values) -> str:
    return f"{_capital(sentences(metadata, 'labels'))}. No label was added or changed here."


def _diagnoses(metadata: Values, _: Values) -> str:
    return "; ".join(f"{diagnosis.code} {diagnosis.name}" for diagnosis in TASKS[metadata["task"]]) + "."


def _histopathology(_: Values, values: Values) -> str:
    counts = values["out_of_fold"]["confirmation_of_cancers"]
    found = ", ".join(f"{name} {count:,}" for name, count in counts.items())
    return f"Photos of cancer classes out-of-fold by how they were confirmed: {found or 'none'}. Benign lesions: see subgroups."


def _development(metadata: Values, _: Values) -> str:
    return f"All code is in the project; settings and versions are in `metadata.json`; {metadata['parameters']:,} parameters."


def _says(text: str) -> Callable[[Values, Values], str]:
    """An answer without figures."""
    return lambda _, __: text


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


DATA, TECHNIQUE, ASSESSMENT, APPLICATION = "data", "technique", "technical assessment", "application"
ITEMS = (
    Item(DATA, "image types", _image_types),
    Item(
        DATA,
        "image artefacts",
        _says("Not labelled in the data (hair, ink, rulers, gel); no figure by artefact."),
    ),
    Item(
        DATA,
        "how the photos were taken",
        _says("Device, lighting and magnification are not on record for a photo."),
    ),
    Item(DATA, "preprocessing", _preprocessing),
    Item(DATA, "synthetic images", _synthetic),
    Item(DATA, "public images referenced", _references),
    Item(
        DATA,
        "patient-level metadata",
        _patient_metadata,
    ),
    Item(DATA, "skin colour", _skin),
    Item(DATA, "bias through patient information", _bias_of_details),
    Item(DATA, "partitions", _partitions),
    Item(DATA, "sample sizes", _sizes),
    Item(DATA, "external test", _external),
    Item(
        DATA,
        "several devices",
        _says("Cannot be answered: the data does not say with which device a photo was taken."),
    ),
    Item(DATA, "class distribution and balance", _balance),
    Item(DATA, "images unlike the training data", _unlike),
    Item(TECHNIQUE, "labelling", _labels),
    Item(TECHNIQUE, "accepted diagnostic labels", _diagnoses),
    Item(TECHNIQUE, "histopathology of malignancies", _histopathology),
    Item(TECHNIQUE, "development of the algorithm", _development),
    Item(
        ASSESSMENT,
        "public evaluation",
        _says(
            "Weights, predictions and code are public: the page, `predict` on a folder of photos, `evaluate` for all figures."
        ),
    ),
    Item(
        ASSESSMENT,
        "performance measures",
        _says("See Metrics and Quantitative analyses, each with its interval."),
    ),
    Item(
        ASSESSMENT,
        "comparison with others",
        _says("Not in this card: no other model was run on these same photos."),
    ),
    Item(
        ASSESSMENT,
        "assessment of bias",
        _says("By age, sex, site, confirmation, and sex and age together; not by skin type."),
    ),
    Item(APPLICATION, "use cases and conditions", _says("See Intended use; only the classes named there.")),
    Item(
        APPLICATION,
        "impact on care team and patients",
        _says(
            "Not studied. Feared: false comfort after a miss, needless worry and surgery after a false alarm."
        ),
    ),
)
