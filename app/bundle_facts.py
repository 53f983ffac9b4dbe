"""Facts about a bundle, read from its metadata.json and metrics.json: its training data and its test results."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app.http.languages import format_number
from app.http.languages import translate as _
from app.metric_names import UntranslatedText
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks.origin import PHONE_SOURCES
from data_modelling.inference.checks.photo_checks import PHONE_PHOTO
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.predictor import Answer
from data_modelling.inference.status import CHANGING, DERMATOSCOPE, UNCERTAIN

OUT_OF_FOLD_PREFIX = "out-of-fold photos of fold "  # as metadata.json writes it


@dataclass(frozen=True)
class ThresholdCost:
    """Hold the counts of photos that a threshold missed or flagged in testing."""

    threshold: float
    positives: int
    missed: int
    negatives: int
    flagged: int


def threshold_cost(metrics: dict[str, Any], group: str) -> ThresholdCost | None:
    """Return the cost of a threshold (cancer or melanoma); None where metrics.json does not have it."""
    values = metrics.get("thresholds", {}).get(group, {})
    counts = ("positives", "missed", "negatives", "flagged")
    if not all(name in values for name in ("threshold", *counts)):
        return None
    return ThresholdCost(float(values["threshold"]), *(int(values[name]) for name in counts))


@dataclass(frozen=True)
class StatusShare:
    """Hold how many of 100 cancers and of 100 harmless spots of left-out clinics got a status.

    is_of_phones: whether they are phone photos.
    """

    cancers: float
    benign: float
    is_of_phones: bool


def status_share(metrics: Mapping[str, Any], answer: Answer) -> StatusShare | None:
    """Return how often photos like this one got its status; None where metrics.json does not have it.

    The clinics' photos are known to be from a dermatoscope, and it is not known whether their spots changed. So an
    answer that is uncertain for lack of a dermatoscope, or for a change, has no count.
    """
    if answer.status == UNCERTAIN and {CHANGING, DERMATOSCOPE} & set(answer.reasons):
        return None
    counts = metrics.get("status_counts", {})
    is_of_phones = PHONE_PHOTO in answer.reasons
    left_out = counts.get("PAD", {}).get("left_out") if is_of_phones else counts.get("all_left_out")
    if not left_out or not {"cancer", "benign"} <= set(left_out):
        return None
    cancers, benign = (
        _per_hundred(left_out[kind], answer.status, is_of_phones) for kind in ("cancer", "benign")
    )
    return StatusShare(cancers, benign, is_of_phones)


def _per_hundred(counts: Mapping[str, float], status: str, of_one_group: bool) -> float:
    """Return how many of 100 photos got a status. Counts of one group are photos; those of all are already per 100."""
    return 100 * counts[status] / counts["n"] if of_one_group else float(counts[status])


def refused_share(metrics: Mapping[str, Any]) -> float | None:
    """Return the largest refused share of lesion photos among the external sources; None without sources."""
    sources = metrics.get("elsewhere", {}).values()
    shares = [
        source["checks"]["refused"]["share"] for source in sources if "refused" in source.get("checks", {})
    ]
    return max(shares, default=None)


def visit_record(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how well the mark on the ugly duckling worked in simulated visits of real patients.

    None where metrics.json lacks a part of it. Each share has its 95 % interval (see evaluation.ugly_duckling).
    """
    visits: dict[str, Any] = metrics.get("visits", {})
    names = {"found", "wrong", "by_oddity", "by_score", "by_chance", "difference"}
    return visits if {"patients", "patients_with_melanoma", *names} <= set(visits) else None


def photos_by_class(bundle: Bundle) -> dict[str, int]:
    """Return the number of training photos of each class of the task, over all data sets."""
    data_sets = (bundle.metadata.get("data", {}), *bundle.metadata.get("more", {}).values())
    return {
        code: sum(int(data_set.get("counts", {}).get(code, 0)) for data_set in data_sets)
        for code in class_codes(bundle.task)
    }


def phone_photo_count(metadata: Mapping[str, Any]) -> int:
    """Return the number of phone photos that the model learned from."""
    more = metadata.get("more", {})
    return sum(int(more[source]["photos"]) for source in PHONE_SOURCES if source in more)


def threshold_selection_photos(metadata: Mapping[str, Any]) -> str | None:
    """Return a text on the photos with which the thresholds were chosen; None where metadata.json does not have it."""
    text = metadata.get("chosen_on")
    if text is None:
        return None
    folds = str(text).removeprefix(OUT_OF_FOLD_PREFIX)
    return UntranslatedText(text) if folds == text else _("out-of-fold photos of fold %(folds)s", folds=folds)


def training_data_text(metadata: dict[str, Any]) -> str | None:
    """Return a text about the training data; None where metadata.json does not have them."""
    data = metadata.get("data", {})
    if not {"sources", "photos", "groups"} <= set(data):
        return None
    groups = format_number(int(data["groups"]))
    counts = {
        "photos": format_number(int(data["photos"])),
        "sources": ", ".join(str(source) for source in data["sources"]),
    }
    if data.get("grouped_by") == "patient":
        own = _("%(photos)s photos of %(patients)s patients from %(sources)s", patients=groups, **counts)
    else:
        own = _("%(photos)s photos of %(lesions)s lesions from %(sources)s", lesions=groups, **counts)
    more = metadata.get("more", {})
    if not more:
        return own
    return _(
        "%(own)s, and %(photos)s photos of %(sources)s",
        own=own,
        photos=format_number(sum(int(data_set["photos"]) for data_set in more.values())),
        sources=", ".join(more),
    )
