"""The whole run of `train`: photos, fold networks and their predictions, the served network, the bundle.

Each stage keeps its files in a work folder beside the bundle (`OUT.work`), and a finished stage is not computed again. The
bundle appears under its name when it is complete.
"""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets.registry import outlines_by_image
from data_modelling.datasets.splits.assignment import fold_mask
from data_modelling.datasets.splits.files import split_file
from data_modelling.evaluation.clinics.left_out_clinics import LEFT_OUT_CLINICS_FILE, write_left_out_clinics
from data_modelling.evaluation.shortcuts.shortcut_tests import run_shortcut_tests, sample_photos
from data_modelling.inference.checks.photo_checks import combine_refusals
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.metrics.calibration import CalibrationChoices, fit_temperature
from data_modelling.metrics.predictions import EXTRA_PREDICTIONS_FILE, round_logits, write_predictions
from data_modelling.pipeline.bundle_assembly import (
    Reference,
    assemble_bundle,
    calibration_choices,
    class_prior,
    shares_by_class,
)
from data_modelling.pipeline.fold_predictions import extra_set_predictions, predict_folds
from data_modelling.pipeline.left_out_clinics import clinic_answers, unseen_photos
from data_modelling.pipeline.run_data import DataFolders
from data_modelling.pipeline.run_networks import (
    load_or_fit_network,
    prepare_networks,
    rows_outside,
    run_reference_shares,
    served_network,
    training_and_stopping_rows,
)
from data_modelling.pipeline.work_folder import check_bundle_is_new, work_folder
from data_modelling.safety.clear_threshold import fit_clear_threshold
from data_modelling.safety.gate import fit_fold_gate, gate_distances, gate_inputs
from data_modelling.safety.gate_scores import read_gate_scores
from data_modelling.safety.rejection_score import (
    LEFT_OUT_FILE,
    FittedRejectionScore,
    add_rejection_logits,
    fit_rejection_score,
    left_out_rows,
    write_left_out,
)
from data_modelling.safety.safety_stages import SafetyParts, fit_safety_parts, run_gate_stage
from data_modelling.settings import Settings
from data_modelling.training.batches import predict_logits, select_examples
from data_modelling.training.checkpoint import NETWORK_FILE, SERVED_STAGE, fold_stage, left_out_stage
from data_modelling.training.development_set import DevelopmentSet


def train_bundle(settings: Settings, folders: DataFolders, out: Path, resume: bool) -> list[str]:
    """Make the bundle `out` from photos; return the skipped inputs as text.

    Raises InputError if `out` exists, like `open_work_folder`, and for problems of data and split.
    """
    check_bundle_is_new(out)
    work = work_folder(out)
    folds = predict_folds(settings, folders, work, resume)
    prepare_networks(settings, folders, work, [SERVED_STAGE])
    folders, development = folds.folders, folds.development
    served = served_network(settings, development, work)
    reference = _reference(settings, development, work)
    predictions, rejection_score = _add_unknown_class(
        settings, development, folds.predictions, work, reference
    )
    predictions = round_logits(predictions)
    table = development.table
    choices = calibration_choices(settings, table, predictions, reference)
    shortcuts = _run_shortcut_tests(settings, folders, development, choices, work)
    prepare_networks(settings, folders, work, [*map(left_out_stage, settings.left_out_clinics)])
    unseen = unseen_photos(settings, folders, development, work)
    left_out = clinic_answers(settings, development, unseen, served, choices, work)
    if left_out is not None:
        choices = replace(choices, clear_threshold=fit_clear_threshold(left_out)[0])
    parts = fit_safety_parts(settings, development, predictions, choices, work, unseen)
    if development.extra_table is not None:
        gate_folder = run_gate_stage(settings, development, work)
        parts = _add_extra_sets(parts, settings, development.extra_table, gate_folder, work)
    if rejection_score:
        parts = _add_rejection_score(parts, rejection_score, work)
    shares = class_prior(settings, table) if reference is None else reference.shares
    parts = replace(parts, metadata=parts.metadata | {"reference_shares": shares_by_class(settings, shares)})
    if left_out is not None:
        parts = _add_left_out_clinics(parts, left_out, work)
    split = split_file(folders.splits, settings.split)
    assemble_bundle(settings, table, choices, parts, work, split, out, shortcuts)
    return folds.left_out


def _reference(settings: Settings, development: DevelopmentSet, work: Path) -> Reference | None:
    """Return the reference population of the run; None if its own class shares count."""
    shares = run_reference_shares(work)
    if shares is None:
        return None
    extra = None if development.extra_table is None else extra_set_predictions(settings, work)
    return Reference(shares, extra)


def _add_left_out_clinics(parts: SafetyParts, answers: pd.DataFrame, work: Path) -> SafetyParts:
    path = work / LEFT_OUT_CLINICS_FILE
    write_left_out_clinics(path, answers)
    return replace(parts, files=parts.files | {f"predictions/{LEFT_OUT_CLINICS_FILE}": path})


def _add_unknown_class(
    settings: Settings,
    development: DevelopmentSet,
    predictions: pd.DataFrame,
    work: Path,
    reference: Reference | None,
) -> tuple[pd.DataFrame, FittedRejectionScore | None]:
    """Return the predictions with the logit of "none of the classes", and the score behind it.

    Without settings.left_out the task has no such class, and the predictions stay as they are.
    """
    if not settings.left_out:
        return predictions, None
    weights = None if reference is None else reference.weighted_rows(predictions, settings.task)[1]
    temperature = fit_temperature(predictions, settings.task, weights)
    fold = settings.figure_folds[0]
    photos = development.table[fold_mask(development.table, fold)]
    rows = []
    for code in settings.left_out:
        outputs = _outputs_without_class(settings, development, code, fold, work)
        logits, distances = outputs.drop(columns="distance").to_numpy(), outputs["distance"].tolist()
        rows.append(left_out_rows(photos, logits, distances, code, settings.task, temperature))
    score = fit_rejection_score(pd.concat(rows, ignore_index=True), settings.unknown_share, settings.task)
    gate_scores = read_gate_scores(run_gate_stage(settings, development, work))
    gate_distance = gate_scores.set_index("image_id")["distance"]
    return add_rejection_logits(predictions, gate_distance, score.weights, settings.task, temperature), score


def _outputs_without_class(
    settings: Settings, development: DevelopmentSet, code: str, fold: int, work: Path
) -> pd.DataFrame:
    """Return a network's outputs for a fold's photos; it was trained without this fold and without a class.

    Its columns are the logit of each class, and the `distance` of the network's own gate.
    """
    folder = work / f"{fold_stage(fold)}_without_{code}"
    path, selector = folder / "answers.csv", rows_outside(fold, code)
    table, pixels, in_fold = development.table, development.pixels, fold_mask(development.table, fold)
    image_ids = table["image_id"][in_fold]
    training_and_stopping_rows(settings, development, selector, folder)
    if not _has_rows(path, image_ids):
        network = load_or_fit_network(settings, development, selector, folder, f"without {code}")
        gate = fit_fold_gate(settings, table, pixels, selector(table), network).gate()
        distances = gate_distances(gate, gate_inputs(settings, table, pixels, in_fold, network))
        held_out = select_examples(table, pixels, in_fold, settings.task)
        logits = predict_logits(network, held_out, with_details=False)
        outputs = pd.DataFrame(logits, columns=list(class_codes(settings.task)))
        outputs = outputs.assign(distance=distances, image_id=image_ids.to_numpy())
        with atomic_write(path) as temporary:
            outputs.to_csv(temporary, index=False, float_format="%.6f", lineterminator="\n")
    return pd.read_csv(path).drop(columns="image_id")


def _has_rows(path: Path, image_ids: pd.Series) -> bool:
    """Return whether a csv file has a row for each of these photos, in their order."""
    if not path.exists():
        return False
    saved = pd.read_csv(path, dtype={"image_id": str}).get("image_id", image_ids[:0])
    return bool(saved.tolist() == image_ids.tolist())


def _add_extra_sets(
    parts: SafetyParts, settings: Settings, extra_table: pd.DataFrame, gate_folder: Path, work: Path
) -> SafetyParts:
    """Return the parts with the counts and the predictions of the extra sets' photos.

    Each photo is predicted by the network, and checked by the gate (in `gate_folder`), that were fitted without its
    fold.
    """
    gate_scores = read_gate_scores(gate_folder, EXTRA_PREDICTIONS_FILE).set_index("image_id")
    is_foreign = gate_scores["refused"].astype(bool)
    predictions = extra_set_predictions(settings, work)
    refusals = [";".join(combine_refusals((), is_foreign[image_id])) for image_id in predictions["image_id"]]
    write_predictions(work / EXTRA_PREDICTIONS_FILE, predictions.assign(refusals=refusals))
    counts = {
        str(source): {"photos": len(rows), "counts": rows["diagnosis"].value_counts().to_dict()}
        for source, rows in extra_table.groupby("source")
    }
    return replace(
        parts,
        metadata=parts.metadata | {"more": counts},
        files=parts.files | {f"predictions/{EXTRA_PREDICTIONS_FILE}": work / EXTRA_PREDICTIONS_FILE},
    )


def _add_rejection_score(parts: SafetyParts, score: FittedRejectionScore, work: Path) -> SafetyParts:
    """Return the parts with the rejection score."""
    path = work / LEFT_OUT_FILE
    write_left_out(path, score.rows)
    return replace(
        parts,
        metadata=parts.metadata | score.metadata,
        files=parts.files | {f"predictions/{LEFT_OUT_FILE}": path},
    )


def _run_shortcut_tests(
    settings: Settings,
    folders: DataFolders,
    development: DevelopmentSet,
    choices: CalibrationChoices,
    work: Path,
) -> Path | None:
    """Return the folder with the results of the shortcut tests; None if the data set's lesion outlines are missing."""
    outlines = outlines_by_image(settings.dataset, folders.data_root)
    out_of_fold = np.flatnonzero(
        development.table["part"].isin([str(fold) for fold in settings.figure_folds])
    )
    rows = out_of_fold[sample_photos(development.table.iloc[out_of_fold], outlines)]
    if not len(rows):
        return None
    return run_shortcut_tests(
        development.table.iloc[rows],
        development.pixels[rows],
        outlines,
        lambda part: work / fold_stage(part) / NETWORK_FILE,
        choices,
        settings.task,
        work / "shortcuts",
    )
