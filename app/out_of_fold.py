"""The out-of-fold scores of a bundle, for tables that metrics.json does not have."""

from __future__ import annotations

import csv
from functools import lru_cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.decision import probabilities
from data_modelling.inference.diagnoses import codes

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]


def scores_of(bundle: Bundle) -> tuple[NDArray[np.int64], NDArray[np.float64]] | None:
    """Class indices (N,) and probabilities (N, classes) of the out-of-fold photos alone, from predictions/."""
    name = "predictions/out_of_fold.csv"
    if name not in bundle.sums:
        return None
    temperature = float(bundle.metadata["temperature"])
    return _read_scores(bundle.folder / name, bundle.sums[name], codes(bundle.task), temperature)


@lru_cache(maxsize=4)
def _read_scores(
    path: Path, _version: str, classes: tuple[str, ...], temperature: float
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Read once for each version of the file."""
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    labels = np.array([classes.index(row["truth"]) for row in rows])
    logits = np.array([[float(row[f"photo_{code}"]) for code in classes] for row in rows])
    return labels, probabilities(logits, temperature)


def share(part: float) -> str:
    """Whole per cent."""
    return f"{100 * part:.0f}\N{NO-BREAK SPACE}%"
