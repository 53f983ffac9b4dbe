"""Fit the rejection score, which finds photos of unknown classes. Each network of the fit is trained without one class.

The score is defined in inference.checks.rejection_score. Each network is tested on a fold that it did not see. In this
fold, the photos of the left-out class count as unknown, and all others as known. A logistic regression fits the score's
weights on the tested photos of all these networks. In the fit, every left-out class has the same total weight.
The setting `unknown_share` is the part of this weight that the class's unknown photos have. The AUC of a left-out class
is computed with weights that were fitted on the other left-out classes, if there are any.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from data_modelling.inference.checks.rejection_score import (
    UNKNOWN_KEY,
    WEIGHTS,
    RejectionScore,
    clip_distance,
    entropy,
)
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.modes import MODES
from data_modelling.metrics.bootstrap import auc_interval, group_indices
from data_modelling.metrics.curves import binary_auc
from data_modelling.metrics.predictions import available_modes, mode_logits, replace_logits
from data_modelling.metrics.rounding import round_metric, to_json_value

LEFT_OUT_FILE = "left_out.csv"  # in a bundle's predictions, with COLUMNS
# left_out: the class that the network never saw. known: 0 for photos of this class, 1 for all others.
COLUMNS = ("image_id", "group_id", "truth", "left_out", "known", "distance", "entropy")
FEATURES = ["distance", "entropy"]
COMPLETED_MODES = (*MODES, "shuffled")  # the modes that use a network; each gets a logit of the unknown class
DIGITS = 6  # decimals of the weights, and of a photo's distance and entropy
REGULARISATION_C = 1e4  # weak regularisation: thousands of photos determine three weights


@dataclass(frozen=True)
class FittedRejectionScore:
    """Hold a fitted score.

    weights: the score itself. metadata: the score's entry in metadata.json. rows: the data of the fit, with COLUMNS.
    """

    weights: RejectionScore
    metadata: dict[str, Any]
    rows: pd.DataFrame


def left_out_rows(
    photos: pd.DataFrame,
    logits: NDArray[np.floating],
    distance: Sequence[float],
    left_out: str,
    task: str,
    temperature: float,
) -> pd.DataFrame:
    """Return a row with COLUMNS for each photo of a fold, from a network that was trained without the class `left_out`.

    logits: (N, classes), of this network. distance: (N,), from the training photos, as this network's gate measures it.
    """
    seen_columns = [
        index
        for index, code in enumerate(class_codes(task))
        if code in learned_class_codes(task) and code != left_out
    ]
    facts = photos[["image_id", "group_id", "diagnosis"]].reset_index(drop=True)
    return facts.rename(columns={"diagnosis": "truth"}).assign(
        left_out=left_out,
        known=(facts["diagnosis"] != left_out).astype(int),
        distance=clip_distance(np.asarray(distance)).round(DIGITS),
        entropy=entropy(np.asarray(logits[:, seen_columns], np.float64), temperature).round(DIGITS),
    )


def fit_rejection_score(rows: pd.DataFrame, share: float, task: str) -> FittedRejectionScore:
    """Return the score fitted on the rows of all left-out classes. share: the setting `unknown_share`.

    Raises InputError when the fold has no photo of a class that was left out.
    """
    empty = [str(code) for code, class_rows in rows.groupby("left_out") if class_rows["known"].all()]
    if empty:
        raise InputError(f"The fold has no photo of {', '.join(empty)}; choose other classes in left_out.")
    weights = _weights(rows, share, task)
    metadata = {
        "weights": {name: getattr(weights, name) for name in WEIGHTS},
        "share": share,
        "left_out": list(dict.fromkeys(rows["left_out"])),
    }
    return FittedRejectionScore(weights, {UNKNOWN_KEY: metadata}, rows)


def add_rejection_logits(
    predictions: pd.DataFrame, distance: pd.Series, weights: RejectionScore, task: str, temperature: float
) -> pd.DataFrame:
    """Return the predictions with a logit for "none of the known classes", computed from the rejection score.

    distance: the gate's distance of each photo, by image_id.
    """
    distances = predictions["image_id"].map(distance).to_numpy(np.float64)
    for mode in COMPLETED_MODES:
        if mode in available_modes(predictions, task):
            logits = weights.completed(mode_logits(predictions, mode, task), distances, temperature)
            predictions = replace_logits(predictions, mode, logits, task)
    return predictions


def rejection_metrics(rows: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the AUC of the rejection score for each left-out class against the known classes, and the mean AUC.

    Each AUC has a 95 % interval (bootstrap over groups). Two mean probabilities of "none of the known classes" are
    added, computed with the bundle's own score: for photos of the left-out class, and for the other photos. Raises
    InputError if the task has no class "none of the known classes".
    """
    share, task = metadata[UNKNOWN_KEY]["share"], metadata["task"]
    served = RejectionScore.from_metadata(metadata, task)
    if served is None:
        raise InputError(
            f"Every class of {task} can be trained, so a model has no rejection score; remove {LEFT_OUT_FILE}."
        )
    by_class: dict[str, Any] = {}
    for code, class_rows in rows.groupby("left_out", sort=False):
        other_rows = rows[rows["left_out"] != code]
        weights = _weights(other_rows if len(other_rows) else class_rows, share, task)
        features, unknown = class_rows[FEATURES].to_numpy(np.float64).T, (class_rows["known"] == 0).to_numpy()
        score = weights.score(*features)
        probability = 1 / (1 + np.exp(-served.score(*features)))
        by_class[str(code)] = {
            "photos": int(unknown.sum()),
            "others": int((~unknown).sum()),
            "auroc": round_metric(binary_auc(score, unknown)),
            "auroc_interval": to_json_value(
                auc_interval(score, unknown, group_indices(class_rows["group_id"]))
            ),
            "mean_probability": round_metric(probability[unknown].mean()),
            "mean_probability_of_others": round_metric(probability[~unknown].mean()),
        }
    return {
        "share": share,
        "classes": by_class,
        "mean_auroc": round_metric(np.mean([class_metrics["auroc"] for class_metrics in by_class.values()])),
    }


def _weights(rows: pd.DataFrame, share: float, task: str) -> RejectionScore:
    """Return the weights of a logistic regression on FEATURES, without features whose weight would be negative."""
    unknown = (rows["known"] == 0).to_numpy()
    counts = rows.groupby(["left_out", "known"])["known"].transform("size").to_numpy(np.float64)
    photo_weights = np.where(unknown, share, 1 - share) / counts
    features, bias = FEATURES, float(np.log(share / (1 - share)))  # the bias if no feature stays
    weights: dict[str, float] = {}
    while features:
        model = LogisticRegression(C=REGULARISATION_C)
        sample_weight = photo_weights * len(rows) / photo_weights.sum()
        model.fit(rows[features].to_numpy(), unknown, sample_weight=sample_weight)
        weights = dict(zip(features, map(float, model.coef_[0]), strict=True))
        if all(weight >= 0 for weight in weights.values()):
            bias = float(model.intercept_[0])
            break
        features = [name for name in features if weights[name] >= 0]
    values = {name: round(weights[name], DIGITS) if name in features else 0.0 for name in FEATURES}
    return RejectionScore(round(bias, DIGITS), **values, learned=len(learned_class_codes(task)))
