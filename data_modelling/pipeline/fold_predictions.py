"""Makes the out-of-fold predictions: a network that was trained without a fold predicts the photos of this fold."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits.assignment import fold_mask
from data_modelling.evaluation.details_controls import details_alone, permute_between_groups
from data_modelling.metrics.predictions import (
    CONTROL_MODES,
    EXTRA_PREDICTIONS_FILE,
    MODES,
    available_modes,
    prediction_table,
    read_predictions,
    round_logits,
    write_predictions,
)
from data_modelling.pipeline.run_networks import Run, learned_rows, run_network, training_and_stopping_rows
from data_modelling.settings import Settings
from data_modelling.training.batches import predict_logits, select_examples
from data_modelling.training.checkpoint import fold_stage


def predict_folds(run: Run) -> pd.DataFrame:
    """Return the predictions of the photos of settings.figure_folds, each by the network that never saw its fold.

    A network that is missing is trained first. Raises InputError for problems of data and split.
    """
    predictions = [_predict_fold(run, fold) for fold in run.settings.figure_folds]
    if run.development.extra_table is not None:
        for fold in run.settings.figure_folds:
            _predict_extra_sets(run, fold)
    return round_logits(pd.concat(predictions))


def extra_set_predictions(settings: Settings, work: Path) -> pd.DataFrame:
    """Return the predictions of the extra sets' photos, each by a network that was trained without its fold."""
    return pd.concat(
        [read_predictions(work / fold_stage(fold) / EXTRA_PREDICTIONS_FILE) for fold in settings.figure_folds]
    )


def _predict_fold(run: Run, fold: int) -> pd.DataFrame:
    """Return the predictions of a fold's photos by the network that was trained without the fold.

    If the saved file has other photos or lacks one of CONTROL_MODES, the finished network predicts the photos again.
    """
    name, task, table = fold_stage(fold), run.settings.task, run.development.table
    path, in_fold = run.work / name / "predictions.csv", fold_mask(table, fold)
    training_and_stopping_rows(run, name, learned_rows(name))
    if not _has_predictions(path, table["image_id"][in_fold], task, CONTROL_MODES):
        network = run_network(run, name)
        held_out = select_examples(table, run.development.pixels, in_fold, task)
        shuffled = replace(
            held_out, details=held_out.details[permute_between_groups(table["group_id"][in_fold])]
        )
        logits: dict[str, NDArray[np.floating]] = {
            "photo": predict_logits(network, held_out, with_details=False),
            "both": predict_logits(network, held_out, with_details=True),
            "details": details_alone(table[~in_fold], table[in_fold], task),
            "shuffled": predict_logits(network, shuffled, with_details=True),
        }
        write_predictions(path, prediction_table(table[in_fold], logits, task))
    return read_predictions(path)


def _predict_extra_sets(run: Run, fold: int) -> None:
    """Write the predictions of the fold's photos of extra sets by the network that was trained without the fold."""
    name, task, development = fold_stage(fold), run.settings.task, run.development
    path, table = run.work / name / EXTRA_PREDICTIONS_FILE, development.combined_table()
    in_fold = fold_mask(table, fold) & ~development.own_mask()
    if _has_predictions(path, table["image_id"][in_fold], task, MODES):
        return
    network = run_network(run, name)
    held_out = select_examples(table, development.pixels, in_fold, task)
    logits = {
        mode: predict_logits(network, held_out, with_details=mode == "both").astype(float) for mode in MODES
    }
    write_predictions(path, prediction_table(table[in_fold], logits, task))


def _has_predictions(path: Path, image_ids: pd.Series, task: str, modes: tuple[str, ...]) -> bool:
    """Return whether a file has the predictions of these photos in these modes."""
    if not path.exists():
        return False
    saved = read_predictions(path)
    return set(modes) <= set(available_modes(saved, task)) and set(saved["image_id"]) == set(image_ids)
