"""One file that holds all a training run needs to go on: written whole or not at all."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_modelling.inference.files import replaced_when_whole

NETWORK = "network.keras"  # what a finished training leaves in its folder
SERVED = "served"  # the folder of the network that learns from all folds
FOLD = "fold"  # and of one that never saw a fold: this and the fold's number


def fold_stage(fold: int | str) -> str:
    """The folder, in a run's, of the network that never saw the fold."""
    return f"{FOLD}{fold}"


@dataclass
class Progress:
    """What is known after `len(history)` epochs; `best` is the index of the best averaged epoch.

    cpu_seconds: what they took of the processor, all threads together, which another program's load hardly changes.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: int = -1
    cpu_seconds: float = 0.0


def save(path: Path, progress: Progress, groups: dict[str, Sequence[Any]]) -> None:
    """Write progress and groups of Keras variables (or arrays) to an .npz file."""
    arrays = {
        f"{name}/{index}": np.asarray(value)
        for name, values in groups.items()
        for index, value in enumerate(values)
    }
    with replaced_when_whole(path) as temporary, temporary.open("wb") as file:
        np.savez(file, progress=json.dumps(vars(progress)), **arrays)


def load_progress(path: Path) -> Progress:
    """The progress alone."""
    with np.load(path) as saved:
        return Progress(**json.loads(str(saved["progress"])))


def cpu_seconds(folder: Path) -> float:
    """Of all trainings that are kept in a folder: pre-training and earlier generations, too."""
    return sum(load_progress(path).cpu_seconds for path in folder.rglob("*.npz"))


def load(path: Path) -> tuple[Progress, dict[str, list[np.ndarray]]]:
    """Progress and the groups of arrays, in the order in which they were saved."""
    groups: dict[str, list[np.ndarray]] = {}
    with np.load(path) as saved:
        for key in saved.files:
            if key != "progress":
                groups.setdefault(key.rpartition("/")[0], []).append(saved[key])
    return load_progress(path), groups


def assign(variables: Sequence[Any], values: Sequence[Any]) -> None:
    """Give Keras variables the values of arrays or of other variables."""
    for variable, value in zip(variables, values, strict=True):
        variable.assign(value)
