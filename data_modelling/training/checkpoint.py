"""Writes and reads checkpoints, from which a training is resumed, and names the folders of a run's networks."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from data_modelling.inference.files.atomic_files import atomic_write

CHECKPOINT_FILE = "checkpoint.npz"
NETWORK_FILE = "network.keras"  # the network of a finished training, in its folder
SERVED_STAGE = "served"  # the folder of the network that is trained on all folds
FOLD_PREFIX = "fold"  # the network that never saw fold 0 is in the folder fold0
LEFT_OUT_PREFIX = "without_"  # the network that never saw the clinic group BCN is in the folder without_BCN


def fold_stage(fold: int | str) -> str:
    """Return the stage (the name of the folder) of the network that was trained without the fold."""
    return f"{FOLD_PREFIX}{fold}"


def left_out_stage(clinic: str) -> str:
    """Return the stage (the name of the folder) of the network that was trained without the clinic group."""
    return f"{LEFT_OUT_PREFIX}{clinic}"


@dataclass
class Progress:
    """Holds the progress of a training after `len(history)` epochs.

    history: one row of numbers per epoch. best: index of the epoch with the best averaged weights; -1 before any epoch.
    cpu_seconds: processor time of all threads together, which hardly depends on what other programs do.
    """

    history: list[dict[str, float]] = field(default_factory=list)
    best: int = -1
    cpu_seconds: float = 0.0


def save_checkpoint(path: Path, progress: Progress, groups: Mapping[str, Sequence[Any]]) -> None:
    """Write the progress, and named groups of Keras variables or arrays, to an .npz file, completely or not at all."""
    arrays: dict[str, Any] = {
        f"{name}/{index}": np.asarray(value)
        for name, values in groups.items()
        for index, value in enumerate(values)
    }
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, progress=json.dumps(vars(progress)), **arrays)


def load_progress(path: Path) -> Progress:
    """Return only the progress of a checkpoint."""
    with np.load(path) as saved:
        return Progress(**json.loads(str(saved["progress"])))


def total_cpu_seconds(folder: Path) -> float:
    """Return the processor time, in seconds, of all trainings in a folder and its subfolders."""
    return sum(load_progress(path).cpu_seconds for path in folder.rglob("*.npz"))


def load_checkpoint(path: Path) -> tuple[Progress, dict[str, list[np.ndarray]]]:
    """Return the progress and the groups of arrays of a checkpoint, in the order in which they were saved."""
    groups: dict[str, list[np.ndarray]] = {}
    with np.load(path) as saved:
        for key in saved.files:
            if key != "progress":
                groups.setdefault(key.rpartition("/")[0], []).append(saved[key])
    return load_progress(path), groups
