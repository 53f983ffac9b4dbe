"""Makes the bundle (folder) of a model: trains missing networks, predicts, calibrates, and fits the safety parts.

The safety parts (such as photo checks) let the app doubt or refuse a photo. The work folder `OUT.work` beside the
bundle `OUT` keeps the files of each stage (step). A finished stage is not repeated. `OUT` appears when it is complete.
"""

import json
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.registry import outlines_by_image
from data_modelling.datasets.splits.assignment import fold_mask
from data_modelling.evaluation.clinics.left_out_clinics import LEFT_OUT_CLINICS_FILE, write_left_out_clinics
from data_modelling.evaluation.details_controls import details_alone, permute_between_groups
from data_modelling.evaluation.shortcuts.shortcut_metrics import SHORTCUTS_FILE, write_shortcuts
from data_modelling.evaluation.shortcuts.shortcut_tests import (
    sample_photos,
    shortcut_dependencies,
    shortcut_results,
)
from data_modelling.inference.checks.photo_checks import combine_refusals
from data_modelling.inference.files.atomic_files import atomic_write, write_json
from data_modelling.inference.modes import MODES
from data_modelling.metrics.calibration import CalibrationChoices
from data_modelling.metrics.predictions import (
    CONTROL_MODES,
    EXTRA_PREDICTIONS_FILE,
    OUT_OF_FOLD_FILE,
    available_modes,
    prediction_table,
    read_predictions,
    round_logits,
    write_predictions,
    write_table,
)
from data_modelling.networks.onnx import export_onnx
from data_modelling.pipeline.bundle_metadata import (
    Reference,
    bundle_metadata,
    calibration_choices,
    class_prior,
    shares_by_class,
    training_histories,
)
from data_modelling.pipeline.left_out_clinics import clinic_answers, unseen_photos
from data_modelling.pipeline.report import write_report
from data_modelling.pipeline.run_networks import (
    Run,
    learned_rows,
    run_network,
    run_reference_shares,
    training_and_stopping_rows,
)
from data_modelling.pipeline.unknown_class import add_unknown_class
from data_modelling.pipeline.work_folder import check_bundle_is_new
from data_modelling.safety.clear_threshold import fit_clear_threshold
from data_modelling.safety.gate_scores import read_gate_scores
from data_modelling.safety.rejection_score import LEFT_OUT_FILE
from data_modelling.safety.safety_stages import SafetyParts, fit_safety_parts, run_gate_stage, run_stage
from data_modelling.settings import Settings
from data_modelling.training.batches import predict_logits, select_examples
from data_modelling.training.checkpoint import NETWORK_FILE, SERVED_STAGE, fold_stage


def train_bundle(run: Run, out: Path) -> list[str]:
    """Write the bundle of a run to `out`; return the skipped inputs as text. Raises InputError if `out` exists."""
    check_bundle_is_new(out)
    settings, work, development, table = run.settings, run.work, run.development, run.development.table
    predictions = predict_folds(run)
    served = run_network(run, SERVED_STAGE)
    reference = _reference(run)
    rejection_score = None
    if settings.left_out:
        predictions, rejection_score = add_unknown_class(run, predictions, reference)
        predictions = round_logits(predictions)
    choices = calibration_choices(settings, table, predictions, reference)
    shortcuts = _run_shortcut_tests(run, choices)
    unseen = unseen_photos(run)
    left_out = clinic_answers(run, unseen, served, choices)
    if left_out is not None:
        choices = replace(choices, clear_threshold=fit_clear_threshold(left_out)[0])
    parts = fit_safety_parts(settings, development, predictions, choices, work, unseen)
    if development.extra_table is not None:
        parts = _add_extra_sets(parts, run, development.extra_table)
    if rejection_score:
        path = work / LEFT_OUT_FILE
        write_table(path, rejection_score.rows)
        parts = _add(parts, rejection_score.metadata, path)
    if shortcuts:
        parts = _add(parts, {}, shortcuts / SHORTCUTS_FILE)
    shares = class_prior(settings, table) if reference is None else reference.shares
    parts = _add(parts, {"reference_shares": shares_by_class(settings, shares)})
    if left_out is not None:
        path = work / LEFT_OUT_CLINICS_FILE
        write_left_out_clinics(path, left_out)
        parts = _add(parts, {}, path)
    assemble_bundle(run, predictions, choices, parts, out)
    return run.left_out


def predict_folds(run: Run) -> pd.DataFrame:
    """Return predictions of the photos in settings.figure_folds, each by the network that never saw the photo's fold.

    Missing networks are trained first. The photos of extra sets (further training data) are predicted too; see
    `extra_set_predictions`. Raises InputError for problems of data and split.
    """
    predictions = [_predict_fold(run, fold) for fold in run.settings.figure_folds]
    if run.development.extra_table is not None:
        for fold in run.settings.figure_folds:
            _predict_extra_sets(run, fold)
    return round_logits(pd.concat(predictions))


def extra_set_predictions(settings: Settings, work: Path) -> pd.DataFrame:
    """Return the predictions of the extra sets' photos, each by the network that never saw the photo's fold."""
    return pd.concat(
        [read_predictions(work / fold_stage(fold) / EXTRA_PREDICTIONS_FILE) for fold in settings.figure_folds]
    )


def _predict_fold(run: Run, fold: int) -> pd.DataFrame:
    """Return the predictions of a fold's photos by the network that was trained without the fold.

    A saved file is used if it has exactly these photos and both CONTROL_MODES.
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
    """Write predictions for the extra sets' photos in a fold, by the network that was trained without this fold."""
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
    """Return whether the file `path` has predictions of exactly these photos in all these modes."""
    if not path.exists():
        return False
    saved = read_predictions(path)
    return set(modes) <= set(available_modes(saved, task)) and set(saved["image_id"]) == set(image_ids)


def _add(parts: SafetyParts, metadata: dict[str, Any], predictions: Path | None = None) -> SafetyParts:
    """Return the parts with more keys for metadata.json and one more file for the bundle's folder `predictions`."""
    files = {f"predictions/{predictions.name}": predictions} if predictions else {}
    return replace(parts, metadata=parts.metadata | metadata, files=parts.files | files)


def _reference(run: Run) -> Reference | None:
    """Return the population for which the run is calibrated, or None if it is that of the run's own data set."""
    shares = run_reference_shares(run.work)
    if shares is None:
        return None
    has_extra = run.development.extra_table is not None
    return Reference(shares, extra_set_predictions(run.settings, run.work) if has_extra else None)


def _add_extra_sets(parts: SafetyParts, run: Run, extra_table: pd.DataFrame) -> SafetyParts:
    """Return the parts with the counts and the predictions of the extra sets' photos.

    The network that predicts a photo, and the gate (a photo check) that may refuse it, never saw the photo's fold.
    """
    gate_folder = run_gate_stage(run.settings, run.development, run.work)
    gate_scores = read_gate_scores(gate_folder, EXTRA_PREDICTIONS_FILE).set_index("image_id")
    is_foreign = gate_scores["refused"].astype(bool)
    predictions = extra_set_predictions(run.settings, run.work)
    refusals = [";".join(combine_refusals((), is_foreign[image_id])) for image_id in predictions["image_id"]]
    path = run.work / EXTRA_PREDICTIONS_FILE
    write_predictions(path, predictions.assign(refusals=refusals))
    counts = {
        str(source): {"photos": len(rows), "counts": rows["diagnosis"].value_counts().to_dict()}
        for source, rows in extra_table.groupby("source")
    }
    return _add(parts, {"more": counts}, path)


def _run_shortcut_tests(run: Run, choices: CalibrationChoices) -> Path | None:
    """Return the folder of the shortcut tests (what does the network look at?), or None if no photo has an outline."""
    settings, table = run.settings, run.development.table
    outlines = outlines_by_image(settings.dataset, run.folders.data_root)
    out_of_fold = np.flatnonzero(table["part"].isin([str(fold) for fold in settings.figure_folds]))
    rows = out_of_fold[sample_photos(table.iloc[out_of_fold], outlines)]
    if not len(rows):
        return None
    sample, pixels = table.iloc[rows], run.development.pixels[rows]

    def network(part: str) -> Path:
        return run.work / fold_stage(part) / NETWORK_FILE

    def make(folder: Path) -> None:
        results = shortcut_results(sample, pixels, outlines, network, choices, settings.task)
        write_shortcuts(folder / SHORTCUTS_FILE, results)

    dependencies = shortcut_dependencies(sample, outlines, network, choices)
    return run_stage(run.work / "shortcuts", dependencies, make)


def assemble_bundle(
    run: Run, predictions: pd.DataFrame, choices: CalibrationChoices, parts: SafetyParts, out: Path
) -> None:
    """Write the bundle `out` from the finished stages of a run, completely or not at all.

    predictions: the out-of-fold predictions, without the results of the photo checks, which are in `parts`.
    """
    saved = run.work / SERVED_STAGE / NETWORK_FILE
    network = keras.saving.load_model(saved, compile=False)
    with atomic_write(out) as folder:
        folder.mkdir()
        shutil.copyfile(saved, folder / "model.keras")
        export_onnx(saved, folder / "model.onnx")
        checked = predictions.merge(parts.checks, on="image_id", validate="one_to_one")
        write_predictions(folder / "predictions" / OUT_OF_FOLD_FILE, checked)
        for name, file in parts.files.items():
            shutil.copyfile(file, folder / name)
        (folder / "history.json").write_text(json.dumps(training_histories(run.work)) + "\n")
        write_json(folder / "metadata.json", bundle_metadata(run, network, choices) | parts.metadata)
        write_report(folder)
