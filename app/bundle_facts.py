"""Facts about the bundles (trained models): training data and test results, from metadata.json and metrics.json."""

from collections.abc import Mapping
from typing import Any

from app.bundles import current_bundles
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks.photo_checks import PHONE_PHOTO, PHONE_SOURCES
from data_modelling.inference.decision import CHANGING, DERMATOSCOPE, UNCERTAIN
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.predictor import Answer

COST_KEYS = {"threshold", "positives", "missed", "negatives", "flagged"}


def threshold_cost(metrics: dict[str, Any], group: str) -> dict[str, Any] | None:
    """Return the threshold for "cancer" or "melanoma" and how often it was wrong in testing, or None if unknown."""
    values: dict[str, Any] = metrics.get("thresholds", {}).get(group, {})
    return values if values.keys() >= COST_KEYS else None


def status_share(metrics: Mapping[str, Any], answer: Answer) -> dict[str, float] | None:
    """Return, in per cent, how many photos of `cancers` and of `benign` spots got the answer's status in testing.

    Each photo was tested with a network that had seen no photo of its clinic. A share is the mean over the clinic
    groups; for a phone photo (`is_of_phones`), it is the share of the tested phone photos. Returns None if metrics.json
    lacks the counts, or if an uncertain answer has the reason "changing" or "dermatoscope", which no tested photo had.
    """
    if answer.status == UNCERTAIN and {CHANGING, DERMATOSCOPE} & set(answer.reasons):
        return None
    counts = metrics.get("status_counts", {})
    is_of_phones = PHONE_PHOTO in answer.reasons
    left_out = counts.get("PAD", {}).get("left_out") if is_of_phones else counts.get("all_left_out")
    if not left_out or not {"cancer", "benign"} <= set(left_out):
        return None
    cancers, benign = (
        # The counts of one clinic group are numbers of photos. The means over all groups are already per 100.
        100 * found[answer.status] / found["n"] if is_of_phones else float(found[answer.status])
        for found in (left_out["cancer"], left_out["benign"])
    )
    return {"cancers": cancers, "benign": benign, "is_of_phones": is_of_phones}


def refused_share(metrics: Mapping[str, Any]) -> float | None:
    """Return the largest share of refused lesion photos at any external source (other data set), or None if unknown."""
    sources = metrics.get("elsewhere", {}).values()
    shares = [
        source["checks"]["refused"]["share"] for source in sources if "refused" in source.get("checks", {})
    ]
    return max(shares, default=None)


def visit_record(metrics: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return how often the app, in test visits (photos of one patient), marked the melanoma as unlike the other spots.

    The result also has the wrong marks and 95 % intervals (see evaluation.ugly_duckling); None if a value is missing.
    """
    visits: dict[str, Any] = metrics.get("visits", {})
    names = {"found", "wrong", "by_oddity", "by_score", "by_chance", "difference"}
    return visits if {"patients", "patients_with_melanoma", *names} <= set(visits) else None


def photos_by_class(bundle: Bundle) -> dict[str, int]:
    """Return the number of training photos of each class of the task, from all data sets together."""
    data_sets = (bundle.metadata.get("data", {}), *bundle.metadata.get("more", {}).values())
    return {
        code: sum(int(data_set.get("counts", {}).get(code, 0)) for data_set in data_sets)
        for code in class_codes(bundle.task)
    }


def phone_photo_count(metadata: Mapping[str, Any]) -> int:
    """Return the number of phone photos that the model learned from."""
    more = metadata.get("more", {})
    return sum(int(more[source]["photos"]) for source in PHONE_SOURCES if source in more)


def model_choices() -> list[dict[str, Any]]:
    """Return the models that a reader can choose, the default one first; an empty list if there is only one.

    Keys of each model: name (of the bundle's folder), bundle, and cost (the result of threshold_cost for melanoma).
    """
    bundles = current_bundles()
    valid = bundles.valid
    if len(valid) < 2:
        return []
    names = sorted(valid, key=lambda name: (name != bundles.default, name))
    return [
        {"name": name, "bundle": valid[name], "cost": threshold_cost(valid[name].metrics, "melanoma")}
        for name in names
    ]
