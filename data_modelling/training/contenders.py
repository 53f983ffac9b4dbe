"""Recipes of one split, each trained on the same lesions and asked the same photos, for `compare`."""

from collections.abc import Sequence
from pathlib import Path

import keras
import numpy as np

from data_modelling.evaluation.contest import Contender, Cost
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings
from data_modelling.training.assemble import choices_on
from data_modelling.training.checkpoint import cpu_seconds, fold_stage, load_progress
from data_modelling.training.export import export_onnx
from data_modelling.training.operations import count_operations
from data_modelling.training.road import Sources, judge_folds, work_folder

SHARED = ("task", "dataset", "split", "figure_folds", "generated_lesions", "seed")


def contend(
    recipes: Sequence[Settings], sources: Sources, runs: Path, resume: bool
) -> tuple[list[Contender], list[str]]:
    """Train each recipe's fold networks in `runs`/<name>.work; also what was left out, as text.

    What is finished there is not made again with `resume`, and `train` goes on with it to a bundle.

    Raises InputError for recipes that cannot be compared, and as `judge_folds` does.
    """
    refuse_unlike(recipes)
    contenders, left_out = [], []
    for settings in recipes:
        work = work_folder(runs / settings.name)
        folds = judge_folds(settings, sources, work, resume)
        choices = choices_on(settings, folds.development.table, folds.predictions)
        contenders.append(Contender(settings, folds.predictions, choices, _cost(settings, work)))
        left_out += [text for text in folds.left_out if text not in left_out]
    return contenders, left_out


def refuse_unlike(recipes: Sequence[Settings]) -> None:
    """Raise InputError unless there are at least two recipes, of different names, for the same photos."""
    names = [settings.name for settings in recipes]
    if len(set(names)) < max(2, len(names)):
        raise InputError(f"Give at least two recipes of different names, not {', '.join(names)}.")
    for key in SHARED:
        values = {getattr(settings, key) for settings in recipes}
        if len(values) > 1:
            raise InputError(
                f"Recipes are compared on the same photos: {key} must be the same in all, not "
                f"{' and '.join(sorted(map(str, values)))}."
            )


def _cost(settings: Settings, work: Path) -> Cost:
    stage = work / fold_stage(settings.figure_folds[0])
    saved, exported = (stage / f"network.{ending}" for ending in ("keras", "onnx"))
    if not exported.exists():
        export_onnx(saved, exported)
    parameters = keras.saving.load_model(saved, compile=False).count_params()
    return Cost(parameters, count_operations(exported), *training_cost(settings, work))


def training_cost(settings: Settings, work: Path) -> tuple[float, float]:
    """Epochs of the mean of a run's fold networks, and minutes of processor time with what was trained for them first."""
    stages = [work / fold_stage(fold) for fold in settings.figure_folds]
    epochs = [len(load_progress(stage / "checkpoint.npz").history) for stage in stages]
    seconds = [cpu_seconds(stage) for stage in stages]
    return float(np.mean(epochs)), float(np.mean(seconds)) / 60
