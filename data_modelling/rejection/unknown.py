"""Fit and judge the rejection score (see inference.unknown) with networks that were each trained without one class.

To a network that never saw a class, the class's photos are of none of the classes it knows; the other photos of the
fold, which it did not see either, are of known ones. The weights are fitted on the photos of all such networks
together by a logistic regression, in which every left-out class weighs the same and the photos of none of the classes
have the share that the column is calibrated for. How well the score tells a class is judged with weights that were
fitted on the other ones.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from data_modelling.evaluation.intervals import auc_interval, group_indices
from data_modelling.evaluation.markdown import figure, interval, table
from data_modelling.evaluation.predictions import MODES, logits, modes_in, with_logits
from data_modelling.evaluation.questions import auc
from data_modelling.evaluation.rounding import plain, rounded
from data_modelling.inference.diagnoses import codes, learned
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.unknown import KEY, WEIGHTS, Unknown, entropy, near

Floats = NDArray[np.float64]

FILE = "left_out.csv"  # in a bundle's predictions
# left_out: the class that the network never saw. known: 1 for photos of the classes that it saw.
COLUMNS = ("image_id", "group_id", "truth", "left_out", "known", "distance", "entropy")
FEATURES = ["distance", "entropy"]
COMPLETED = (*MODES, "shuffled")  # modes whose logits are the network's
DIGITS = 6  # of weights and of what is kept of a photo
WEAK = 1e4  # how little the weights are pulled towards zero: thousands of photos speak for three of them


@dataclass(frozen=True)
class UnknownPart:
    """weights: of the rejection score. metadata: its key KEY. rows: what it was fitted on, with COLUMNS."""

    weights: Unknown
    metadata: dict[str, Any]
    rows: pd.DataFrame


def judged(
    photos: pd.DataFrame,
    found: NDArray[np.floating],
    distance: Sequence[float],
    left_out: str,
    task: str,
    temperature: float,
) -> pd.DataFrame:
    """A row with COLUMNS for each photo of a fold that a network without a class answered.

    found: (N, classes), the network's logits. distance: (N,), its gate's.
    """
    seen = [index for index, code in enumerate(codes(task)) if code in learned(task) and code != left_out]
    return pd.DataFrame(
        {
            "image_id": photos["image_id"].to_numpy(),
            "group_id": photos["group_id"].to_numpy(),
            "truth": photos["diagnosis"].to_numpy(),
            "left_out": left_out,
            "known": (photos["diagnosis"] != left_out).astype(int).to_numpy(),
            "distance": near(np.asarray(distance)).round(DIGITS),
            "entropy": entropy(np.asarray(found[:, seen], np.float64), temperature).round(DIGITS),
        }
    )


def fit_unknown(rows: pd.DataFrame, share: float, task: str) -> UnknownPart:
    """The weights from the rows of all left-out classes. share: of photos of none of the classes.

    Raises InputError when the fold has no photo of a class that was left out.
    """
    empty = [code for code, of_class in rows.groupby("left_out") if of_class["known"].all()]
    if empty:
        raise InputError(f"The fold has no photo of {', '.join(map(str, empty))}; leave out other classes.")
    weights = _weights(rows, share, task)
    metadata = {
        "weights": {name: getattr(weights, name) for name in WEIGHTS},
        "share": share,
        "left_out": list(dict.fromkeys(rows["left_out"])),
    }
    return UnknownPart(weights, {KEY: metadata}, rows)


def completed(
    predictions: pd.DataFrame, distance: pd.Series, weights: Unknown, task: str, temperature: float
) -> pd.DataFrame:
    """Predictions whose logits are those of the network, with that of none of the classes; distance: by image_id."""
    far = predictions["image_id"].map(distance).to_numpy(np.float64)
    for mode in COMPLETED:
        if mode in modes_in(predictions, task):
            found = weights.completed(logits(predictions, mode, task), far, temperature)
            predictions = with_logits(predictions, mode, found, task)
    return predictions


def write_left_out(path: Path, rows: pd.DataFrame) -> None:
    """Write rows with COLUMNS."""
    with replaced_when_whole(path) as temporary:
        rows.to_csv(temporary, columns=list(COLUMNS), index=False, lineterminator="\n")


def read_left_out(path: Path) -> pd.DataFrame:
    """Rows as written; InputError when a column is missing."""
    rows = pd.read_csv(path, dtype={"image_id": str, "group_id": str})
    if missing := [column for column in COLUMNS if column not in rows]:
        raise InputError(f"{path} lacks the column {missing[0]}; restore the bundle.")
    return rows


def unknown_figures(rows: pd.DataFrame, metadata: dict[str, Any]) -> dict[str, Any]:
    """AUROC of the rejection score for each left-out class against the known ones, with its 95 % interval over groups,
    their mean, and the mean probability that the score of the bundle gives to either kind of photo.
    """
    share, task = metadata[KEY]["share"], metadata["task"]
    served = Unknown.from_metadata(metadata, task)
    if served is None:
        raise InputError(f"The task {task} has no class without photos; remove {FILE} from the bundle.")
    by_class: dict[str, Any] = {}
    for code, of_class in rows.groupby("left_out", sort=False):
        others = rows[rows["left_out"] != code]
        weights = _weights(others if len(others) else of_class, share, task)
        score, unknown = weights.score(*_features(of_class)), (of_class["known"] == 0).to_numpy()
        given = 1 / (1 + np.exp(-served.score(*_features(of_class))))
        by_class[str(code)] = {
            "photos": int(unknown.sum()),
            "others": int((~unknown).sum()),
            "auroc": rounded(auc(score, unknown)),
            "auroc_interval": plain(auc_interval(score, unknown, group_indices(of_class["group_id"]))),
            "mean_probability": rounded(given[unknown].mean()),
            "mean_probability_of_others": rounded(given[~unknown].mean()),
        }
    return {
        "share": share,
        "classes": by_class,
        "mean_auroc": rounded(np.mean([found["auroc"] for found in by_class.values()])),
    }


def in_words(figures: dict[str, Any]) -> list[str]:
    """The figures, a line a class and one for the mean."""
    lines = [
        f"{code} left out: AUROC of the rejection score {found['auroc']:.3f} "
        f"[{found['auroc_interval'][0]:.3f}, {found['auroc_interval'][1]:.3f}], "
        f"{found['photos']:,} photos against {found['others']:,}"
        for code, found in figures["classes"].items()
    ]
    return [*lines, f"mean: {figures['mean_auroc']:.3f}"]


def unknown_section(metadata: dict[str, Any], values: dict[str, Any]) -> list[str]:
    """Lines of the card; none for a task whose classes all have photos."""
    if "unknown" not in values:
        return []
    found = values["unknown"]
    rows = [
        [
            code,
            f"{one['photos']:,}",
            f"{one['others']:,}",
            f"{figure(one['auroc'])} {interval(one['auroc_interval'])}",
            figure(one["mean_probability"]),
            figure(one["mean_probability_of_others"]),
        ]
        for code, one in found["classes"].items()
    ]
    header = ["class left out", "its photos", "others", "AUROC", "mean probability", "of the others"]
    name = codes(metadata["task"])[-1]
    return [
        (
            f"No photo of training is of {name}. Its column is the rejection score, of the distance from the training "
            "photos and of how undecided the network is, calibrated for a share of "
            f"{found['share']:.0%} of photos of none of the classes; the other columns share what is left. It was judged by "
            "leaving classes out: a network that never saw the class, its own gate, and weights fitted on the other "
            "classes that were left out. AUROC of the class's photos against the others of the same fold:"
        ),
        "",
        *table(header, rows),
        "",
        f"Mean AUROC: {figure(found['mean_auroc'])}. Mean probability: what the bundle's own weights give as {name}.",
    ]


def _weights(rows: pd.DataFrame, share: float, task: str) -> Unknown:
    """A logistic regression on FEATURES; one that would count the wrong way round is left out."""
    used = FEATURES
    while True:
        bias, found = _regression(rows, used, share)
        if all(weight >= 0 for weight in found.values()):
            break
        used = [name for name in used if found[name] >= 0]
    values = {name: round(found.get(name, 0.0), DIGITS) for name in FEATURES}
    return Unknown(round(bias, DIGITS), **values, learned=len(learned(task)))


def _regression(rows: pd.DataFrame, used: list[str], share: float) -> tuple[float, dict[str, float]]:
    """Bias and weights of the probability of none of the classes."""
    unknown = (rows["known"] == 0).to_numpy()
    counts = rows.groupby(["left_out", "known"])["known"].transform("size").to_numpy(np.float64)
    weight = np.where(unknown, share, 1 - share) / counts
    if not used:
        return float(np.log(share / (1 - share))), {}
    model = LogisticRegression(C=WEAK)
    model.fit(rows[used].to_numpy(), unknown, sample_weight=weight * len(rows) / weight.sum())
    return float(model.intercept_[0]), dict(zip(used, map(float, model.coef_[0]), strict=True))


def _features(rows: pd.DataFrame) -> tuple[Floats, Floats]:
    distance, doubt = (rows[name].to_numpy(np.float64) for name in FEATURES)
    return distance, doubt
