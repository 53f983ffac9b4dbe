"""Compute the metrics of subgroups by sex, age, body site, source, skin type, and way of confirming the diagnosis."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.datasets import pad_ufes_20
from data_modelling.datasets.data_location import find_dataset_folder
from data_modelling.datasets.registry import data_set
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.details import SEXES
from data_modelling.metrics import bootstrap
from data_modelling.metrics.array_types import Floats, Labels, Mask
from data_modelling.metrics.predictions import mode_logits, write_table
from data_modelling.metrics.thresholds import question_scores

AGE_BANDS = ((0, 30), (30, 45), (45, 60), (60, 75), (75, 121))  # years; the upper end is excluded
UNKNOWN_VALUE = "not known"
FEWEST_OF_CLASS = 10  # lesions or patients that a class needs; of 9, each one changes the sensitivity by 0.11
FEWEST_GROUPS = 50  # lesions or patients that a subgroup needs; with fewer, intervals are too wide to compare

SKIN_TYPES_FILE = "skin_types.csv"  # in a bundle's predictions/: image_id, skin_type (Fitzpatrick's I to VI)
FEWEST_PATIENTS = 10  # a skin type needs this many patients with a cancer, and this many with a benign lesion
MAY_BECOME_CANCER = "may_become_cancer"

SubgroupMasks = Iterator[tuple[str, str, Mask]]  # attribute, value, and mask (N,) of the rows


def attributes(predictions: pd.DataFrame) -> SubgroupMasks:
    """Yield the subgroups by one attribute: age, sex, site, confirmation, source."""
    age = predictions["age"].to_numpy(np.float64)
    for low, high in AGE_BANDS:
        yield "age", f"{low}-{high - 1}", (age >= low) & (age < high)
    yield "age", UNKNOWN_VALUE, np.isnan(age)
    for attribute in ("sex", "site", "confirmation", "source"):
        values = predictions[attribute].fillna(UNKNOWN_VALUE)
        for value in sorted(values.unique()):
            yield attribute, value, (values == value).to_numpy()


def intersections(predictions: pd.DataFrame) -> SubgroupMasks:
    """Yield the subgroups by sex and age together, where both are known."""
    age = predictions["age"].to_numpy(np.float64)
    for sex in SEXES:
        for low, high in AGE_BANDS:
            mask = (predictions["sex"] == sex).to_numpy() & (age >= low) & (age < high)
            yield "sex and age", f"{sex}, {low}-{high - 1}", mask


def subgroup_rows(
    predictions: pd.DataFrame,
    labels: Labels,
    probability: Floats,
    decisions: Labels,
    subgroups: Callable[[pd.DataFrame], SubgroupMasks] = attributes,
    noun: str = "lesion",
) -> list[dict[str, Any]]:
    """Return a row for each subgroup: attribute, value, counts of photos and groups, and metrics with intervals.

    A group is a lesion or a patient; `noun` says which. A subgroup with too few groups has no metrics; its `said` is a
    sentence with the reason. predictions: the saved predictions; the arrays have the same rows. subgroups: yields the
    subgroups of the predictions. Balanced accuracy and macro AUC average over the classes with enough groups. The row
    has the number of these classes, because this number differs between subgroups.
    """
    groups = bootstrap.group_indices(predictions["group_id"])
    rows = []
    for attribute, value, mask in subgroups(predictions):
        answers = labels[mask], probability[mask], decisions[mask], bootstrap.renumbered(groups[mask])
        rows.append({"attribute": attribute, "value": value} | _subgroup_metrics(*answers, noun))
    return rows


def _subgroup_metrics(
    labels: Labels, probability: Floats, decisions: Labels, groups: Labels, noun: str
) -> dict[str, Any]:
    count = len(np.unique(groups))
    row: dict[str, Any] = {"photos": len(labels), "groups": count}
    if count < FEWEST_GROUPS:
        return row | {"said": f"{count} {noun}{' is' if count == 1 else 's are'} too few to say anything."}
    lesions = [len(np.unique(groups[labels == label])) for label in range(probability.shape[1])]
    class_mask = np.array(lesions) >= FEWEST_OF_CLASS
    if class_mask.sum() < 2:
        return row | {
            "said": f"Fewer than two classes have {FEWEST_OF_CLASS} {noun}s, so there are no classes to tell apart."
        }
    metrics = bootstrap.bootstrap_metrics(labels, probability, decisions, groups, class_mask)
    return row | {"classes": int(class_mask.sum())} | metrics.as_json(("balanced_accuracy", "macro_auc"))


def write_skin_types(folder: Path, data_root: Path | None) -> None:
    """Write SKIN_TYPES_FILE into the bundle in `folder`. Raises MissingDataError if PAD-UFES-20 is absent."""
    record = data_set("pad_ufes_20")
    types = pad_ufes_20.read_skin_types(find_dataset_folder(data_root, record.folder, *record.markers))
    known = types[types != ""].rename_axis("image_id").rename("skin_type").sort_index()
    write_table(folder / "predictions" / SKIN_TYPES_FILE, known.reset_index())


def skin_type_metrics(
    types: pd.DataFrame, predictions: pd.DataFrame, metadata: dict[str, Any]
) -> dict[str, dict[str, Any]]:
    """Return counts and metrics by skin type, from predictions that used only the photo.

    types: the table in SKIN_TYPES_FILE. predictions: those for external sources; `flag` says whether the lesion is a
    cancer. Photos of actinic keratosis, which may become cancer, are left out. A skin type has metrics only if at least
    FEWEST_PATIENTS patients have a photo of a cancer, and at least FEWEST_PATIENTS have a photo of a benign lesion.
    """
    rows = predictions.merge(types, on="image_id", validate="one_to_one")
    rows = rows[rows["flag"] != MAY_BECOME_CANCER].reset_index(drop=True)
    probability = calibrated_probabilities(
        mode_logits(rows, "photo", metadata["task"]), metadata["temperature"]
    )
    scores = question_scores(probability, metadata["task"])["cancer"]
    metrics = {}
    for skin_type in pad_ufes_20.SKIN_TYPES:
        mask = (rows["skin_type"] == skin_type).to_numpy()
        patients, score = rows["group_id"][mask], scores[mask]
        positive = (rows["flag"] == "cancer").to_numpy()[mask]
        row: dict[str, Any] = {
            "photos": int(mask.sum()),
            "patients": int(patients.nunique()),
            "cancers": int(positive.sum()),
        }
        if min(patients[kind].nunique() for kind in (positive, ~positive)) >= FEWEST_PATIENTS:
            groups, flagged = bootstrap.group_indices(patients), score >= metadata["thresholds"]["cancer"]
            row |= {
                "cancer_auc": bootstrap.auc_metric(score, positive, groups),
                "sensitivity": bootstrap.share_metric(flagged, positive, groups),
                "specificity": bootstrap.share_metric(~flagged, ~positive, groups),
            }
        metrics[skin_type] = row
    return metrics
