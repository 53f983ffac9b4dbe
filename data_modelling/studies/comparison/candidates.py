"""Check that recipes can be compared, and compute the cost of their training."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings
from data_modelling.training.checkpoint import CHECKPOINT_FILE, load_progress, total_cpu_seconds

COMPARABLE_SETTINGS = ("task", "dataset", "split", "figure_folds", "generated_lesions", "seed")


def check_comparable_recipes(recipes: Sequence[Settings]) -> None:
    """Raise InputError unless there are at least two recipes, of different names, for the same photos of one fold."""
    names = [settings.name for settings in recipes]
    if len(set(names)) < max(2, len(names)):
        raise InputError(f"Give at least two recipes of different names, not {', '.join(names)}.")
    for key in COMPARABLE_SETTINGS:
        values = {getattr(settings, key) for settings in recipes}
        if len(values) > 1:
            raise InputError(
                f"Recipes are compared on the same photos: {key} must be the same in all, not "
                f"{' and '.join(sorted(map(str, values)))}."
            )
    if len(recipes[0].figure_folds) != 1:
        raise InputError(f"Recipes are judged on one fold: figure_folds of {names[0]} must name one.")


def training_cost(stages: Sequence[Path]) -> tuple[float, float]:
    """Return the mean epochs and the mean minutes of processor time of the networks in the folders `stages`.

    The minutes include earlier trainings that a network needs.
    """
    epochs = [len(load_progress(stage / CHECKPOINT_FILE).history) for stage in stages]
    seconds = [total_cpu_seconds(stage) for stage in stages]
    return float(np.mean(epochs)), float(np.mean(seconds)) / 60
