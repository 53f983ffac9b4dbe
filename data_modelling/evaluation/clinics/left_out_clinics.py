"""Compute metrics of each clinic group (the photos of one or several clinics), to see what a new clinic would get.

There are two kinds of answers. Out-of-fold answers are from networks that were trained with other photos of the
group. Left-out answers (LEFT_OUT_CLINICS_FILE; see pipeline.left_out_clinics) are from networks without the group.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.datasets.clinics import CLINIC_NAMES, clinic_groups
from data_modelling.datasets.external_sources import class_of
from data_modelling.datasets.registry import phone_folders
from data_modelling.datasets.table import class_indices
from data_modelling.evaluation.clinics.clinic_metrics import ClinicAnswers, clinic_metrics, clinic_row
from data_modelling.evaluation.metrics_report import decide_classes
from data_modelling.inference.checks.photo_checks import PHOTO_FOREIGN
from data_modelling.inference.decision import (
    ACRAL_OR_MUCOSAL_SITES,
    StatusThresholds,
    calibrated_probabilities,
    cancer_columns,
    count_statuses,
    decide_statuses,
    melanoma_column,
)
from data_modelling.inference.diagnoses import TASKS, class_codes
from data_modelling.inference.modes import MODES, PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.metrics.array_types import Floats, Mask
from data_modelling.metrics.predictions import mode_logits, true_classes, write_table
from data_modelling.metrics.rounding import round_metric
from data_modelling.safety.clear_threshold import fit_clear_threshold

LEFT_OUT_CLINICS_FILE = "left_out_clinics.csv.gz"


def write_left_out_clinics(path: Path, answers: pd.DataFrame) -> None:
    """Write the rows of LEFT_OUT_CLINICS_FILE, sorted by image_id."""
    write_table(path, answers.sort_values("image_id"), float_format="%.6f")


def left_out_metrics(
    answers: pd.DataFrame, predictions: pd.DataFrame, metadata: dict[str, Any]
) -> dict[str, Any]:
    """Return the keys `clinics`, `status_counts`, `status_by_class` and `clear_threshold` of metrics.json.

    answers: the rows of LEFT_OUT_CLINICS_FILE. predictions: the out-of-fold predictions for the data set and the extra
    sets. A clinic group without out-of-fold predictions has no key `seen` in its row of `clinics`.
    """
    task = metadata["task"]
    shares = np.array([metadata["reference_shares"][code] for code in class_codes(task)])
    clear = metadata["thresholds"]["clear"]
    predictions = predictions.assign(truth=[_class_code(name, task) for name in predictions["truth"]])
    predictions = predictions[predictions["truth"].isin(class_codes(task))]
    extra = sum(source["photos"] for source in metadata.get("more", {}).values())
    training_photos = metadata["data"]["photos"] + extra
    clinics, counts, by_class = [], {}, []
    for clinic, rows in answers.groupby("clinic"):
        left_out = _left_out(rows, task, clear)
        row = clinic_row(str(clinic), CLINIC_NAMES[str(clinic)], left_out, task)
        of_clinic = predictions["image_id"].isin(rows["image_id"])
        if of_clinic.any():
            row["seen"] = clinic_metrics(_seen(predictions[of_clinic], metadata), task, shares)
        # The share of the training photos that are not of this group. If it is small, the network without the group
        # says little about the served network (the app's). Of networks of another recipe, the bundle cannot know it.
        if not metadata.get("settings", {}).get("networks_of"):
            row["share_learned"] = round_metric(1 - len(rows) * of_clinic.any() / training_photos)
        clinics.append(row | {"left_out": clinic_metrics(left_out, task, shares)})
        counts[str(clinic)] = {"left_out": _status_counts(left_out, task)}
        by_class += [
            {"clinic": str(clinic), "class": code}
            | count_statuses(left_out.statuses[left_out.labels == label])
            for label, code in enumerate(class_codes(task))
            if (left_out.labels == label).any()
        ]
    groups = clinic_groups(predictions["source"])
    for clinic in sorted(set(groups) - set(answers["clinic"]) - {""}):
        rows = predictions[groups == clinic]
        seen = _seen(rows, metadata)
        row = clinic_row(clinic, CLINIC_NAMES[clinic], seen, task)
        clinics.append(row | {"seen": clinic_metrics(seen, task, shares), "left_out": None})
    _, table = fit_clear_threshold(answers)
    return {
        "clinics": clinics,
        "status_counts": counts | {"all_left_out": _mean_shares(counts)},
        "status_by_class": by_class,
        "clear_threshold": table,
    }


def _class_code(diagnosis: str, task: str) -> str:
    """Return the code of the task's class for a diagnosis, or the diagnosis itself if no class fits."""
    label = class_of(diagnosis, task)
    return class_codes(task)[label] if label >= 0 else diagnosis


def _left_out(rows: pd.DataFrame, task: str, clear: float) -> ClinicAnswers:
    codes = class_codes(task)
    refused, concern, vetoed = (rows[name].to_numpy(bool) for name in ("refused", "concern", "vetoed"))
    return ClinicAnswers(
        labels=class_indices(rows["diagnosis"], task),
        probability=rows[[f"p_{code}" for code in codes]].to_numpy(np.float64),
        decisions=class_indices(rows["decision"], task),
        lesions=rows["group_id"].to_numpy(),
        statuses=decide_statuses(refused, concern, vetoed, rows["score"].to_numpy(float), clear),
    )


def _seen(rows: pd.DataFrame, metadata: dict[str, Any]) -> ClinicAnswers:
    """Return answers to photos of a clinic group whose other photos trained the networks.

    The app also looks at corner frames (smaller crops), but this function does not. Corner frames can only take the
    status no_cancer_class away, so its share here is an upper limit.
    """
    task = metadata["task"]
    thresholds = StatusThresholds.from_metadata(metadata)
    by_mode = {
        mode: calibrated_probabilities(mode_logits(rows, mode, task), metadata["temperature"])
        for mode in MODES
    }
    probability = by_mode[PHOTO_ONLY]
    concern, score = whole_frame_concern(by_mode, thresholds, task)
    # Only the gate (does the photo show a lesion?) refuses photos here, as for a left-out clinic.
    refused = rows["refusals"].fillna("").str.split(";").map(lambda codes: PHOTO_FOREIGN in codes)
    return ClinicAnswers(
        labels=true_classes(rows, task),
        probability=probability,
        decisions=decide_classes(probability, metadata),
        lesions=rows["group_id"].to_numpy(),
        statuses=decide_statuses(
            refused.to_numpy(bool), concern, known_vetoes(rows).to_numpy(bool), score, thresholds.clear
        ),
    )


def whole_frame_concern(
    probability: Mapping[str, Floats], thresholds: StatusThresholds, task: str
) -> tuple[Mask, Floats]:
    """Return two arrays (N,): whether the photo raises concern, and the score of the whole photo.

    probability: (N, classes) for each mode. A photo raises concern if its cancer or melanoma probability with the
    details reaches the threshold. The score is the higher one of the cancer probabilities without and with the details.
    """
    cancer = {mode: probability[mode][:, cancer_columns(task)].sum(axis=1) for mode in MODES}
    melanoma = probability[PHOTO_AND_DETAILS][:, melanoma_column(task)]
    concern = (cancer[PHOTO_AND_DETAILS] >= thresholds.cancer) | (melanoma >= thresholds.melanoma)
    return concern, np.maximum(*cancer.values())


def known_vetoes(photos: pd.DataFrame) -> pd.Series:
    """Return a mask (N,) of photos that never get no_cancer_class: phone photos and those of palms, soles or mucosa."""
    return photos["source"].isin(phone_folders()) | photos["site"].isin(ACRAL_OR_MUCOSAL_SITES)


def _status_counts(answers: ClinicAnswers, task: str) -> dict[str, dict[str, int]]:
    flags = np.array([diagnosis.flag for diagnosis in TASKS[task]])[answers.labels]
    subsets = {"melanoma": answers.labels == melanoma_column(task)}
    subsets |= {flag: flags == flag for flag in ("cancer", "benign")}
    return {name: count_statuses(answers.statuses[subset]) for name, subset in subsets.items()}


def _mean_shares(counts: dict[str, dict[str, dict[str, dict[str, int]]]]) -> dict[str, dict[str, float]]:
    """Return, for each kind of lesion, how many of 100 photos have each status, as a mean over clinic groups."""
    means: dict[str, dict[str, float]] = {}
    for name in ("melanoma", "cancer", "benign"):
        of_clinics = [kinds["left_out"][name] for kinds in counts.values() if kinds["left_out"][name]["n"]]
        statuses = [status for status in of_clinics[0] if status != "n"] if of_clinics else []
        means[name] = {
            status: round(float(np.mean([100 * one[status] / one["n"] for one in of_clinics])), 2)
            for status in statuses
        }
    return means
