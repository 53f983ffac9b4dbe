"""What the gate said of the out-of-fold photos, each by its own fold's gate: a file of the bundle, and its figures."""

from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.rejection.counts import share

SCORES = "gate.csv"  # in the bundle's predictions
COLUMNS = ("image_id", "fold", "distance", "refused")
SCORE_DIGITS = 3  # of a distance there


def write_scores(folder: Path, scores: pd.DataFrame, name: str = SCORES) -> None:
    """Write predictions/gate.csv of the bundle in `folder`, or a file of another name there, sorted by image_id."""
    with replaced_when_whole(folder / "predictions" / name) as temporary:
        scores.sort_values("image_id").to_csv(
            temporary,
            columns=list(COLUMNS),
            index=False,
            float_format=f"%.{SCORE_DIGITS}f",
            lineterminator="\n",
        )


def read_scores(folder: Path, name: str = SCORES) -> pd.DataFrame:
    """What `write_scores` wrote; InputError when it is absent or lacks a column."""
    path = folder / "predictions" / name
    try:
        scores = pd.read_csv(path, dtype={"image_id": str, "fold": str})
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; restore the bundle.") from error
    if missing := [column for column in COLUMNS if column not in scores]:
        raise InputError(f"{path} lacks the column {missing[0]}; restore the bundle.")
    return scores


def gate_figures(scores: pd.DataFrame) -> dict[str, Any]:
    """Lesion photos refused as foreign, out-of-fold: all, and each fold by its own gate."""
    folds = {str(fold): _share(rows) for fold, rows in scores.groupby("fold")}
    return _share(scores) | {"folds": folds}


def _share(scores: pd.DataFrame) -> dict[str, Any]:
    return share(int(scores["refused"].sum()), len(scores))
