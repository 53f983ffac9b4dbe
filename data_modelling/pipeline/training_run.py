"""Runs the stages of `train` after the networks: predictions, calibration, safety parts, the bundle.

Each stage keeps its files in a work folder beside the bundle (`OUT.work`), and a finished stage is not computed again. The
bundle appears under its name when it is complete.
"""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.datasets.registry import outlines_by_image
from data_modelling.datasets.splits.assignment import fold_mask
from data_modelling.evaluation.clinics.left_out_clinics import LEFT_OUT_CLINICS_FILE, write_left_out_clinics
from data_modelling.evaluation.shortcuts.shortcut_metrics import SHORTCUTS_FILE, write_shortcuts
from data_modelling.evaluation.shortcuts.shortcut_tests import (
    sample_photos,
    shortcut_dependencies,
    shortcut_results,
)
from data_modelling.inference.checks.photo_checks import combine_refusals
from data_modelling.inference.diagnoses import class_codes
from data_modelling.metrics.calibration import CalibrationChoices, fit_temperature
from data_modelling.metrics.predictions import (
    EXTRA_PREDICTIONS_FILE,
    round_logits,
    write_predictions,
    write_table,
)
from data_modelling.pipeline.bundle_assembly import (
    Reference,
    assemble_bundle,
    calibration_choices,
    class_prior,
    shares_by_class,
)
from data_modelling.pipeline.fold_predictions import extra_set_predictions, predict_folds
from data_modelling.pipeline.left_out_clinics import clinic_answers, unseen_photos
from data_modelling.pipeline.run_networks import (
    Run,
    learned_rows,
    run_network,
    run_reference_shares,
    training_and_stopping_rows,
)
from data_modelling.pipeline.work_folder import check_bundle_is_new, class_stage, saved_answers
from data_modelling.safety.clear_threshold import fit_clear_threshold
from data_modelling.safety.gate import fit_fold_gate, gate_distances, gate_inputs
from data_modelling.safety.gate_scores import read_gate_scores
from data_modelling.safety.rejection_score import (
    LEFT_OUT_FILE,
    FittedRejectionScore,
    add_rejection_logits,
    fit_rejection_score,
    left_out_rows,
)
from data_modelling.safety.safety_stages import SafetyParts, fit_safety_parts, run_gate_stage, run_stage
from data_modelling.training.batches import predict_logits, select_examples
from data_modelling.training.checkpoint import NETWORK_FILE, SERVED_STAGE, fold_stage


def train_bundle(run: Run, out: Path) -> list[str]:
    """Make the bundle `out` of a run whose networks are trained; return the skipped inputs as text.

    Raises InputError if `out` exists.
    """
    check_bundle_is_new(out)
    settings, work, development, table = run.settings, run.work, run.development, run.development.table
    predictions = predict_folds(run)
    served = run_network(run, SERVED_STAGE)
    reference = _reference(run)
    predictions, rejection_score = _add_unknown_class(run, predictions, reference)
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
    shares = class_prior(settings, table) if reference is None else reference.shares
    parts = _add(parts, {"reference_shares": shares_by_class(settings, shares)})
    if left_out is not None:
        path = work / LEFT_OUT_CLINICS_FILE
        write_left_out_clinics(path, left_out)
        parts = _add(parts, {}, path)
    assemble_bundle(run, choices, parts, out, shortcuts)
    return run.left_out


def _add(parts: SafetyParts, metadata: dict[str, Any], predictions: Path | None = None) -> SafetyParts:
    """Return the parts with more keys of metadata.json, and another file of the bundle's folder `predictions`."""
    files = {f"predictions/{predictions.name}": predictions} if predictions else {}
    return replace(parts, metadata=parts.metadata | metadata, files=parts.files | files)


def _reference(run: Run) -> Reference | None:
    """Return the reference population of the run; None if its own class shares count."""
    shares = run_reference_shares(run.work)
    if shares is None:
        return None
    has_extra = run.development.extra_table is not None
    return Reference(shares, extra_set_predictions(run.settings, run.work) if has_extra else None)


def _add_unknown_class(
    run: Run, predictions: pd.DataFrame, reference: Reference | None
) -> tuple[pd.DataFrame, FittedRejectionScore | None]:
    """Return the predictions with the logit of "none of the known classes", and the rejection score behind it.

    Without settings.left_out the task has no such class, and the predictions stay as they are.
    """
    settings, development = run.settings, run.development
    if not settings.left_out:
        return predictions, None
    weights = None if reference is None else reference.weighted_rows(predictions, settings.task)[1]
    temperature = fit_temperature(predictions, settings.task, weights)
    fold = settings.figure_folds[0]
    photos = development.table[fold_mask(development.table, fold)]
    rows = []
    for code in settings.left_out:
        outputs = _outputs_without_class(run, code, fold)
        logits, distances = outputs.drop(columns="distance").to_numpy(), outputs["distance"].tolist()
        rows.append(left_out_rows(photos, logits, distances, code, settings.task, temperature))
    score = fit_rejection_score(pd.concat(rows, ignore_index=True), settings.unknown_share, settings.task)
    gate_scores = read_gate_scores(run_gate_stage(settings, development, run.work))
    gate_distance = gate_scores.set_index("image_id")["distance"]
    return add_rejection_logits(predictions, gate_distance, score.weights, settings.task, temperature), score


def _outputs_without_class(run: Run, code: str, fold: int) -> pd.DataFrame:
    """Return the outputs for a fold's photos of a network that was trained without this fold and without a class.

    The columns are the logit of each class, and the `distance` of the network's own gate.
    """
    settings, table, pixels = run.settings, run.development.table, run.development.pixels
    name = class_stage(settings, code)
    selector, in_fold = learned_rows(name), fold_mask(table, fold)
    image_ids = table["image_id"][in_fold].tolist()
    training_and_stopping_rows(run, name, selector)

    def outputs() -> pd.DataFrame:
        network = run_network(run, name)
        gate = fit_fold_gate(settings, table, pixels, selector(table), network).gate
        distances = gate_distances(gate, gate_inputs(settings, table, pixels, in_fold, network))
        held_out = select_examples(table, pixels, in_fold, settings.task)
        logits = predict_logits(network, held_out, with_details=False)
        return pd.DataFrame(logits, columns=list(class_codes(settings.task))).assign(distance=distances)

    return saved_answers(run.work / name, image_ids, outputs)


def _add_extra_sets(parts: SafetyParts, run: Run, extra_table: pd.DataFrame) -> SafetyParts:
    """Return the parts with the counts and the predictions of the extra sets' photos.

    A photo is predicted by the network and checked by the gate that were fitted without the photo's fold.
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
    """Return the folder with the results of the shortcut tests; None if the data set's lesion outlines are missing."""
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
