"""Read and write the gate's scores (distance and refusal) of the out-of-fold photos, and compute refused shares.

A gate refuses pictures that are not photos of a lesion. The distance of a photo is computed by a gate that was fitted
without the photo's fold. The lesion detector decides the refusal. It was fitted on photos of all folds.
"""

from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.metrics.bootstrap import refused_share
from data_modelling.metrics.predictions import read_table, write_table

GATE_SCORES_FILE = "gate.csv"  # in the bundle's folder `predictions`
COLUMNS = ("image_id", "fold", "distance", "refused")
SCORE_DIGITS = 3  # decimals of a distance in the file


def write_gate_scores(folder: Path, scores: pd.DataFrame, name: str = GATE_SCORES_FILE) -> None:
    """Write the scores, sorted by image_id, into the file `name` in the folder `predictions` of the bundle `folder`."""
    rows = scores[list(COLUMNS)].sort_values("image_id")
    write_table(folder / "predictions" / name, rows, float_format=f"%.{SCORE_DIGITS}f")


def read_gate_scores(folder: Path, name: str = GATE_SCORES_FILE) -> pd.DataFrame:
    """Return the scores that `write_gate_scores` wrote; raise InputError if the file is absent or lacks a column."""
    return read_table(folder / "predictions" / name, COLUMNS)


def gate_metrics(scores: pd.DataFrame) -> dict[str, Any]:
    """Return the refused share of the out-of-fold photos, for all photos together and for each fold."""
    refused = scores["refused"]
    folds = {
        str(fold): refused_share(int(rows.sum()), len(rows)) for fold, rows in refused.groupby(scores["fold"])
    }
    return refused_share(int(refused.sum()), len(scores)) | {"folds": folds}
