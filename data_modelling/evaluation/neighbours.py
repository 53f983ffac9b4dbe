"""Measure how often the neighbours of a photo have its diagnosis, and whether they warn of wrong decisions.

An answer shows neighbours: known photos that the network finds most similar. Here each held-out photo gets neighbours
of other lesions and patients. The network never saw the photo's clinic group (photos of one or several clinics). If
there is no such network, a network that never saw the photo's fold is used. Then the neighbours are of other folds.
"""

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.clinics import CLINIC_NAMES, clinics_or_sources
from data_modelling.datasets.external_sources import class_of
from data_modelling.evaluation.metrics_report import decide_classes
from data_modelling.inference.decision import calibrated_probabilities, melanoma_column
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.explanation.neighbours import NEIGHBOUR_COUNT
from data_modelling.metrics import bootstrap
from data_modelling.metrics.predictions import mode_logits
from data_modelling.metrics.rounding import round_metric
from data_modelling.metrics.thresholds import has_both_outcomes

NEIGHBOURS_FILE = "neighbours.csv.gz"  # in a bundle's predictions/
PHOTO_FACTS = ["image_id", "group_id", "source", "truth"]  # columns of the predictions
FEWEST_GROUPS = 50  # lesions or patients that metrics need; with fewer, the metrics' intervals are too wide


def neighbour_rows(
    held_out: pd.DataFrame, known: pd.DataFrame, distances: NDArray[np.floating]
) -> pd.DataFrame:
    """Return the columns image_id and nearest, with a row for each held-out photo.

    nearest: the diagnoses of the nearest known photos, the nearest first, such as `NV;MEL;NV`. A known photo of the
    held-out photo's own lesion or patient is never among them. distances: array (held-out photos, known photos).
    """
    same = held_out["group_id"].to_numpy()[:, None] == known["group_id"].to_numpy()[None]
    order = np.argsort(np.where(same, np.inf, distances), axis=1, kind="stable")[:, :NEIGHBOUR_COUNT]
    diagnoses = known["diagnosis"].to_numpy()
    nearest = [";".join(diagnoses[indices]) for indices in order]
    return held_out[["image_id"]].assign(nearest=nearest).reset_index(drop=True)


def neighbour_metrics(rows: pd.DataFrame, answers: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of all photos and of each clinic group, and `helps` (see `_helps`).

    rows: the rows of NEIGHBOURS_FILE. answers: what the networks that found these neighbours decided, from
    `predicted_answers` or `answers_of_left_out_clinics`. A source that is in no clinic group counts as a clinic group.
    A clinic group with too few lesions has only counts.

    Four metrics are shares of photos whose true class is the class named here. nearest: the class of the nearest photo.
    majority: the most frequent class of the nearest photos. chance: the class of a random known photo. model: the
    decided class. Two metrics are the AUC of a score that should be high for wrong decisions. warning_auc: the score is
    the number of nearest photos that are not of the decided class. confidence_auc: the score is the negated confidence.
    """
    task = metadata["task"]
    rows = rows.merge(answers, on="image_id", how="inner", validate="one_to_one")
    rows["label"] = [_class_of(truth, task) for truth in rows["truth"]]
    rows = rows[rows["label"] >= 0].reset_index(drop=True)
    known = metadata["neighbours"]["diagnoses"]
    clinics = [
        {"name": CLINIC_NAMES.get(str(clinic), str(clinic))}
        | _metrics(part.reset_index(drop=True), known, task)
        for clinic, part in rows.groupby(clinics_or_sources(rows["source"]))
    ]
    overall = _metrics(rows, known, task)
    return {"all": overall, "clinics": clinics, "helps": _helps(overall)}


def _class_of(diagnosis: str, task: str) -> int:
    """Return the index of the task's class for a diagnosis, or -1 if there is none.

    In a task with two classes, melanoma and benign, every diagnosis except melanoma is in the class benign.
    """
    codes = class_codes(task)
    if len(codes) > 2:
        return class_of(diagnosis, task)
    is_melanoma = diagnosis in ("MEL", codes[melanoma_column(task)])
    return melanoma_column(task) if is_melanoma else 1 - melanoma_column(task)


def answers_of_left_out_clinics(answers: pd.DataFrame, task: str) -> pd.DataFrame:
    """Return a row for each photo: PHOTO_FACTS, decision (a class index) and confidence (the highest probability).

    answers: the rows of a bundle's left_out_clinics.csv.gz, from networks that never saw the photo's clinic group.
    """
    codes = class_codes(task)
    return answers.rename(columns={"diagnosis": "truth"})[PHOTO_FACTS].assign(
        decision=answers["decision"].map(codes.index),
        confidence=answers[[f"p_{code}" for code in codes]].max(axis=1),
    )


def predicted_answers(predictions: Sequence[pd.DataFrame], metadata: dict[str, Any]) -> pd.DataFrame:
    """Return the same columns as `answers_of_left_out_clinics`, from predictions that used only the photo."""
    table = pd.concat(predictions, ignore_index=True)
    logits = mode_logits(table, "photo", metadata["task"])
    probability = calibrated_probabilities(logits, metadata["temperature"])
    decisions = decide_classes(probability, metadata)
    return table[PHOTO_FACTS].assign(decision=decisions, confidence=probability.max(axis=1))


def _metrics(rows: pd.DataFrame, known: dict[str, int], task: str) -> dict[str, Any]:
    groups = bootstrap.group_indices(rows["group_id"])
    counts = {"photos": len(rows), "groups": int(groups.max()) + 1}
    if counts["groups"] < FEWEST_GROUPS:
        return counts
    labels, decisions = rows["label"].to_numpy(np.int64), rows["decision"].to_numpy(np.int64)
    nearest = np.array([[_class_of(code, task) for code in text.split(";")] for text in rows["nearest"]])
    # If several classes are equally frequent, the class of the nearest of their photos counts.
    majority = np.array([Counter(classes.tolist()).most_common(1)[0][0] for classes in nearest])
    is_right = {
        "nearest": nearest[:, 0] == labels,
        "majority": majority == labels,
        "model": decisions == labels,
    }
    class_counts = np.zeros(len(class_codes(task)) + 1)  # the last one counts photos of no class of the task
    for code, count in known.items():
        class_counts[_class_of(code, task)] += count
    everyone = np.ones(len(labels), bool)
    metrics: dict[str, Any] = counts | {
        name: bootstrap.share_metric(right, everyone, groups) for name, right in is_right.items()
    }
    metrics["chance"] = round_metric(float((class_counts / class_counts.sum())[labels].mean()))
    wrong = ~is_right["model"]
    if has_both_outcomes(wrong):
        other = (nearest != decisions[:, None]).sum(axis=1).astype(np.float64)
        metrics["warning_auc"] = bootstrap.auc_metric(other, wrong, groups)
        metrics["confidence_auc"] = bootstrap.auc_metric(-rows["confidence"].to_numpy(), wrong, groups)
    return metrics


def _helps(metrics: dict[str, Any]) -> bool:
    """Return whether the intervals of `majority` and `warning_auc` are above the values of pure chance."""
    if "warning_auc" not in metrics:
        return False
    return bool(metrics["majority"]["low"] > metrics["chance"] and metrics["warning_auc"]["low"] > 0.5)
