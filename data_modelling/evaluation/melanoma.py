"""Melanoma against the rest: the figures of a bundle of two classes, with the patient's other lesions, and beside a
network that learned nine classes, of which melanoma is read off.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation.intervals import group_indices
from data_modelling.evaluation.markdown import figure, interval, signed, table
from data_modelling.evaluation.patient_context import context_figures
from data_modelling.evaluation.predictions import MODES, logits, truth
from data_modelling.evaluation.rare_class import difference, judge
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.diagnoses import TASKS
from data_modelling.inference.errors import InputError

Floats = NDArray[np.float64]
Values = dict[str, Any]

FILE = "nine_class.csv"  # in a bundle's predictions: image_id, and the log odds of melanoma in each of MODES
KEY = "melanoma"  # in metrics.json
TARGETS = {"two_classes": "melanoma or benign", "nine_classes": "nine classes, melanoma read off"}
FIGURES = {
    "auc": "AUC",
    "average_precision": "average precision",
    "sensitivity_at_specificity_0.9": "sensitivity at a specificity of .9",
    "sensitivity_at_specificity_0.95": "at .95",
}


def log_odds(found: NDArray[np.floating], column: int) -> Floats:
    """log(p / (1 - p)) of one class, (N,), from logits (N, classes)."""
    exact = np.asarray(found, np.float64)
    others = np.delete(exact, column, axis=1)
    largest = others.max(axis=1)
    return np.asarray(exact[:, column] - largest - np.log(np.exp(others - largest[:, None]).sum(axis=1)))


def has_two_classes(metadata: Values) -> bool:
    """Whether the bundle's task is melanoma or not."""
    return len(TASKS[metadata["task"]]) == 2


def write_nine_class(path: Path, rows: pd.DataFrame) -> None:
    """Write the log odds, sorted by image_id."""
    rows.sort_values("image_id").to_csv(path, index=False, float_format="%.4f", lineterminator="\n")


def melanoma_figures(predictions: pd.DataFrame, metadata: Values, nine_class: Path) -> Values:
    """By mode the figures of either target that there is, their difference, and what the patient's others change.

    predictions: out-of-fold. nine_class: the file, which may be absent. Raises InputError when it is of other photos.
    """
    task = metadata["task"]
    positive = truth(predictions, task) == melanoma_column(task)
    patients = group_indices(predictions["group_id"])
    parts = predictions["part"].to_numpy(str)
    other = _read(nine_class, predictions) if nine_class.exists() else None
    found: Values = {
        "photos": len(predictions),
        "melanomas": int(positive.sum()),
        "patients": int(patients.max()) + 1,
    }
    for mode in MODES:
        scores = {"two_classes": log_odds(logits(predictions, mode, task), melanoma_column(task))}
        if other is not None:
            scores["nine_classes"] = other[mode].to_numpy(np.float64)
        judged = {name: judge(score, positive, patients) for name, score in scores.items()}
        found[mode] = {name: one.as_json() for name, one in judged.items()}
        if other is not None:
            found[mode]["difference"] = difference(judged["two_classes"], judged["nine_classes"])
        found[mode]["patient_context"] = {
            name: context_figures(score, positive, patients, parts) for name, score in scores.items()
        }
    return found


def melanoma_section(_: Values, values: Values) -> list[str]:
    """Lines of the card; none for a bundle of other tasks."""
    if KEY not in values:
        return []
    found = values[KEY]
    rows, contexts = [], []
    for mode, said in (("photo", "photo alone"), ("both", "photo and details")):
        of_mode = found[mode]
        for name, title in TARGETS.items():
            if name in of_mode:
                rows.append([title, said, *(_shown(of_mode[name], key) for key in FIGURES)])
                context = of_mode["patient_context"][name]
                rows.append(
                    [f"{title}, in context", said, *(_shown(context["with"], key) for key in FIGURES)]
                )
                change = context["difference"]
                contexts.append(f"{title}, {said}: {signed(change['auc'], change['auc_interval'])}")
    lines = [
        (
            f"{found['photos']:,} photos of {found['patients']:,} patients, {found['melanomas']:,} of melanomas, each "
            "judged by a network that saw no photo of the patient. In brackets: 95 % intervals, bootstrap over patients."
        ),
        "",
        *table(["target", "input", *FIGURES.values()], rows),
        "",
        (
            "In context: the log odds less a share, chosen on the other folds, of their mean over the patient's other lesions. "
            f"It changes the AUC of {'; '.join(contexts)}."
        ),
    ]
    if "difference" in found["photo"]:
        change = found["photo"]["difference"]
        lines += [
            "",
            (
                "Nine classes, learned together with ISIC 2019's photos, instead of two change the AUC, photo alone, by "
                f"{signed(change['auc'], change['auc_interval'])}."
            ),
        ]
    return lines


def _shown(found: Values, name: str) -> str:
    return f"{figure(found[name])} {interval(found[f'{name}_interval'])}"


def _read(path: Path, predictions: pd.DataFrame) -> pd.DataFrame:
    """The log odds of the photos of the predictions, row by row."""
    rows = pd.read_csv(path, dtype={"image_id": str})
    if not {"image_id", *MODES} <= set(rows):
        raise InputError(f"{path} lacks a column; make it again with data_modelling.nine_class.")
    if set(rows["image_id"]) != set(predictions["image_id"]):
        raise InputError(
            f"{path} is of other photos than out_of_fold.csv; make it again with data_modelling.nine_class."
        )
    return rows.set_index("image_id").loc[predictions["image_id"]]
