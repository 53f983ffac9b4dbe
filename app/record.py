"""What is known of a bundle, as its metadata.json and metrics.json have it: its data and how it did in testing."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.key_names import English
from app.languages import counted
from app.languages import say as _
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.origin import PHONE_SOURCES

OUT_OF_FOLD = "out-of-fold photos of fold "  # how metadata.json says it


@dataclass(frozen=True)
class Cost:
    """What a threshold cost in testing, in photos."""

    threshold: float
    positives: int
    missed: int
    negatives: int
    flagged: int


def cost(metrics: dict[str, Any], group: str) -> Cost | None:
    """The cost of a threshold (cancer or melanoma) as a bundle's metrics.json has it, if it does."""
    found = metrics.get("thresholds", {}).get(group, {})
    counts = ("positives", "missed", "negatives", "flagged")
    if not all(name in found for name in ("threshold", *counts)):
        return None
    return Cost(float(found["threshold"]), *(int(found[name]) for name in counts))


@dataclass(frozen=True)
class TrackRecord:
    """How the model did in testing on photos that it had not seen, with the same kind of input.

    photos: how many. right: share whose most probable class was the true one. off: expected calibration error.
    decided, rightly: how often it decided for the class asked about, and how often that was true; None where no
    class was or metrics.json does not say.
    """

    photos: int
    with_details: bool
    right: float
    off: float
    decided: int | None
    rightly: int | None


def track_record(bundle: Bundle, with_details: bool, decision: str | None = None) -> TrackRecord | None:
    """The record as metrics.json has it, if it does. decision: the code of a class to ask about."""
    tested = bundle.metrics.get("out_of_fold", {})
    figures = tested.get("both" if with_details else "photo", {})
    if not {"accuracy_most_probable", "expected_calibration_error"} <= set(figures) or "photos" not in tested:
        return None
    confusion = figures.get("confusion") if decision else None
    column = codes(bundle.task).index(decision) if decision else 0
    return TrackRecord(
        photos=int(tested["photos"]),
        with_details=with_details,
        right=float(figures["accuracy_most_probable"]),
        off=float(figures["expected_calibration_error"]),
        decided=sum(int(row[column]) for row in confusion) if confusion else None,
        rightly=int(confusion[column][column]) if confusion else None,
    )


@dataclass(frozen=True)
class VisitRecord:
    """How the odd one out did with simulated visits of real patients, as metrics.json has it.

    found: share of visits with a melanoma in which the mark is on it; wrong: share of visits without one that have
    a mark; by_oddity, by_score, by_chance: share in which the melanoma is the first by oddity, by cancer
    probability and by a throw of dice; difference: of the first two; each with its 95 % interval.
    """

    patients: int
    patients_with_melanoma: int
    found: tuple[float, float, float]
    wrong: tuple[float, float, float]
    by_oddity: tuple[float, float, float]
    by_score: tuple[float, float, float]
    by_chance: tuple[float, float, float]
    difference: tuple[float, float, float]


def visit_record(metrics: dict[str, Any]) -> VisitRecord | None:
    """The record of the odd one out, if metrics.json has it."""
    found = metrics.get("visits", {})
    names = ("found", "wrong", "by_oddity", "by_score", "by_chance", "difference")
    if not {"patients", "patients_with_melanoma", *names} <= set(found):
        return None
    return VisitRecord(
        int(found["patients"]),
        int(found["patients_with_melanoma"]),
        *(_with_bounds(found[name]) for name in names),
    )


def _with_bounds(found: dict[str, Any]) -> tuple[float, float, float]:
    low, high = found["interval"]
    return float(found["value"]), float(low), float(high)


@dataclass(frozen=True)
class Elsewhere:
    """How the model did on photos of another source, none of which trained the network that judged it; photo alone.

    cancer_auc: cancers against benign spots, with its 95 % interval. mean_confidence: of the most probable class.
    learned_from: whether photos of the source trained the model. right: share whose most probable class was the true
    one; None where the source has not the diagnoses for it.
    """

    photos: int
    cancer_auc: float
    low: float
    high: float
    mean_confidence: float
    learned_from: bool
    right: float | None = None


def elsewhere(metrics: Mapping[str, Any], source: str) -> Elsewhere | None:
    """What metrics.json says of a source, if it does."""
    tested = metrics.get("elsewhere", {}).get(source, {})
    found = tested.get("photo", {})
    if "photos" not in tested or not {"cancer_auc", "cancer_auc_interval", "mean_confidence"} <= set(found):
        return None
    low, high = found["cancer_auc_interval"]
    return Elsewhere(
        int(tested["photos"]),
        float(found["cancer_auc"]),
        low,
        high,
        float(found["mean_confidence"]),
        bool(tested.get("learned_from")),
        found.get("accuracy_most_probable"),
    )


@dataclass(frozen=True)
class AtHome:
    """The same figures as of elsewhere, on photos like those of the training that the model had not seen."""

    cancer_auc: float
    mean_confidence: float
    right: float


def at_home(metrics: Mapping[str, Any]) -> AtHome | None:
    """What metrics.json says of the out-of-fold photos, if it does."""
    tested = metrics.get("out_of_fold", {})
    found = tested.get("photo", {})
    auc = tested.get("operating_points", {}).get("cancer", {}).get("auc")
    if auc is None or not {"mean_confidence", "accuracy_most_probable"} <= set(found):
        return None
    return AtHome(float(auc), float(found["mean_confidence"]), float(found["accuracy_most_probable"]))


def photos_by_class(bundle: Bundle) -> dict[str, int]:
    """How many photos of each class of its task the model learned from, those of other sets among them."""
    learned = (bundle.metadata.get("data", {}), *bundle.metadata.get("more", {}).values())
    return {
        code: sum(int(part.get("counts", {}).get(code, 0)) for part in learned) for code in codes(bundle.task)
    }


def phone_photos(metadata: Mapping[str, Any]) -> int:
    """How many phone photos the model learned from."""
    more = metadata.get("more", {})
    return sum(int(more[source]["photos"]) for source in PHONE_SOURCES if source in more)


def chosen_on(metadata: Mapping[str, Any]) -> str | None:
    """On which photos the thresholds were chosen, as metadata.json has it, if it does."""
    said = metadata.get("chosen_on")
    if said is None:
        return None
    folds = str(said).removeprefix(OUT_OF_FOLD)
    return English(said) if folds == said else _("out-of-fold photos of fold %(folds)s", folds=folds)


def training_data(metadata: dict[str, Any]) -> str | None:
    """What the model was trained with, as metadata.json has it, if it does."""
    data = metadata.get("data", {})
    if not {"sources", "photos", "groups"} <= set(data):
        return None
    groups = counted(int(data["groups"]))
    known = {
        "photos": counted(int(data["photos"])),
        "sources": ", ".join(str(source) for source in data["sources"]),
    }
    if data.get("grouped_by") == "patient":
        own = _("%(photos)s photos of %(patients)s patients from %(sources)s", patients=groups, **known)
    else:
        own = _("%(photos)s photos of %(lesions)s lesions from %(sources)s", lesions=groups, **known)
    more = metadata.get("more", {})
    if not more:
        return own
    return _(
        "%(own)s, and beside them from %(photos)s photos of %(sources)s",
        own=own,
        photos=counted(sum(int(found["photos"]) for found in more.values())),
        sources=", ".join(more),
    )
