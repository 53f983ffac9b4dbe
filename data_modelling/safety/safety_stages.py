"""Fit the parts of a bundle (a trained model) by which the app doubts an answer or refuses a photo.

The first stages fit the thresholds of the quality checks, and a gate (a check for pictures that are not lesion photos)
for each network. Then each out-of-fold photo is checked with the thresholds, and with the gate that was fitted without
the photo's fold. The results are used to fit the prediction sets (the classes that remain possible) and the rule for
sets that are too wide. Slow stages keep their files in the run's work folder, where a resumed run finds them.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from data_modelling.inference.checks import gate as gates
from data_modelling.inference.checks import image_quality
from data_modelling.inference.checks.photo_checks import combine_refusals
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.drift.comparison import quantiles
from data_modelling.inference.drift.score_log import NEARNESS
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.inference.modes import PHOTO_ONLY
from data_modelling.metrics.array_types import Floats
from data_modelling.metrics.calibration import CalibrationChoices
from data_modelling.metrics.predictions import EXTRA_PREDICTIONS_FILE, mode_logits, write_table
from data_modelling.safety.feature_network import write_arrays
from data_modelling.safety.gate import fit_served_gate
from data_modelling.safety.gate_scores import GATE_SCORES_FILE, read_gate_scores, write_gate_scores
from data_modelling.safety.image_quality import (
    MEASURES,
    count_reasons,
    fit_quality,
    measures_of_rows,
    photo_measures,
)
from data_modelling.safety.prediction_sets import fit_operating_point, fit_prediction_sets
from data_modelling.settings import Settings
from data_modelling.training.checkpoint import NETWORK_FILE, SERVED_STAGE, fold_stage
from data_modelling.training.development_set import DevelopmentSet

MEASURES_FILE = "measures.csv"
QUALITY_REASONS_FILE = "reasons.json"
PREDICTIONS = "predictions"  # a folder in a bundle, and in the stage of the gate


@dataclass(frozen=True)
class SafetyParts:
    """Hold the fitted parts of a bundle.

    checks: a table of the out-of-fold photos, with the columns image_id and metrics.predictions.CHECKS. metadata:
    entries for metadata.json. files: finished files in the work folder, by the names that they get in the bundle.
    """

    checks: pd.DataFrame
    metadata: dict[str, Any]
    files: dict[str, Path]


def fit_safety_parts(
    settings: Settings,
    development: DevelopmentSet,
    predictions: pd.DataFrame,
    choices: CalibrationChoices,
    work: Path,
    unseen: DevelopmentSet | None = None,
) -> SafetyParts:
    """Return the parts fitted on the development set.

    predictions: out-of-fold predictions of settings.figure_folds. work: the work folder of the run, with its networks.
    unseen: photos of clinics that train no network; the quality thresholds must be mild enough for these photos too.
    """
    quality_folder = run_quality_stage(settings, development, choices, work, unseen)
    gate_folder = run_gate_stage(settings, development, work)
    metadata = {
        "quality": json.loads((quality_folder / "metadata.json").read_text()),
        "quality_reasons": json.loads((quality_folder / QUALITY_REASONS_FILE).read_text()),
        "gate": json.loads((gate_folder / "metadata.json").read_text()),
    }
    measures = pd.read_csv(quality_folder / MEASURES_FILE, usecols=list(MEASURES))
    check_results = _check_results(development.table, measures, gate_folder, metadata)
    checked_predictions = predictions.merge(check_results, on="image_id", validate="one_to_one")
    metadata["prediction_sets"] = fit_prediction_sets(checked_predictions, settings.task, choices.temperature)
    metadata["operating_point"] = fit_operating_point(
        checked_predictions, settings.task, choices.temperature, choices.decision_prior
    )
    probability = calibrated_probabilities(
        mode_logits(checked_predictions, PHOTO_ONLY, settings.task), choices.temperature
    )
    served = gates.Gate.load(gate_folder, metadata)
    nearness = np.array([served.nearness(distance) for distance in checked_predictions["distance"]])
    metadata["reference"] = drift_quantiles(probability, list(class_codes(settings.task)), measures, nearness)
    files = {
        gates.GATE_FILE: gate_folder / gates.GATE_FILE,
        f"{PREDICTIONS}/{GATE_SCORES_FILE}": gate_folder / PREDICTIONS / GATE_SCORES_FILE,
    }
    return SafetyParts(check_results.drop(columns="distance"), metadata, files)


def run_quality_stage(
    settings: Settings,
    development: DevelopmentSet,
    choices: CalibrationChoices,
    work: Path,
    unseen: DevelopmentSet | None,
) -> Path:
    """Return the folder with the quality thresholds, and with the quality measures of the photos."""
    tables = [development.combined_table(), *([] if unseen is None else [unseen.table])]
    decision = {"temperature": choices.temperature, "decision_prior": choices.decision_prior.tolist()}
    return run_stage(
        work / "quality",
        _stage_dependencies(settings, pd.concat(tables), work) | decision,
        lambda folder: _fit_quality(settings, development, choices, folder, unseen),
    )


def run_gate_stage(settings: Settings, development: DevelopmentSet, work: Path) -> Path:
    """Return the folder with the served network's gate, and with the gate scores of out-of-fold photos.

    predictions/gate.csv has the scores of the data set's own photos, predictions/more.csv.gz those of any extra sets.
    """
    more = development.extra_table
    extra_sources = {} if more is None else {"extra_sources": sorted(more["source"].unique().tolist())}
    dependencies = (
        _stage_dependencies(settings, development.combined_table(), work, SERVED_STAGE) | extra_sources
    )
    return run_stage(work / "gate", dependencies, lambda folder: _fit_gate(settings, development, folder))


def _stage_dependencies(settings: Settings, table: pd.DataFrame, work: Path, *more: str) -> dict[str, Any]:
    """Return a stage's dependencies: folds, and hashes of photo ids and networks. more: networks besides the folds'."""
    names = [*map(fold_stage, settings.figure_folds), *more]
    return {
        "folds": list(settings.figure_folds),
        "photos": hashlib.sha256("\n".join(table["image_id"]).encode()).hexdigest(),
        "networks": {
            name: hashlib.sha256((work / name / NETWORK_FILE).read_bytes()).hexdigest() for name in names
        },
    }


def run_stage(folder: Path, dependencies: dict[str, Any], make: Callable[[Path], None]) -> Path:
    """Return the folder of a stage; `make` fills the folder if it is absent or its dependencies have changed."""
    dependencies_file = folder / "made_for.json"
    if not dependencies_file.exists() or json.loads(dependencies_file.read_text()) != dependencies:
        dependencies_file.unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        make(folder)
        write_json(dependencies_file, dependencies)
    return folder


def other_source_measures(development: DevelopmentSet, unseen: DevelopmentSet | None) -> pd.DataFrame | None:
    """Return the quality measures of the photos of extra sets and of `unseen`, or None if there are none."""
    own, extra = len(development.table), development.extra_table
    parts = [] if extra is None else [(extra, development.pixels[own:])]
    parts += [] if unseen is None else [(unseen.table, unseen.pixels)]
    measures = [photo_measures(table, pixels) for table, pixels in parts]
    return pd.concat(measures, ignore_index=True) if measures else None


def _fit_quality(
    settings: Settings,
    development: DevelopmentSet,
    choices: CalibrationChoices,
    folder: Path,
    unseen: DevelopmentSet | None,
) -> None:
    table, others = development.table, other_source_measures(development, unseen)
    networks = {fold: folder.parent / fold_stage(fold) / NETWORK_FILE for fold in settings.figure_folds}
    pixels = development.pixels[: len(table)]
    checks, measures = fit_quality(settings, table, pixels, networks, choices, others)
    (folder / "metadata.json").write_text(json.dumps(checks.as_json()))
    (folder / QUALITY_REASONS_FILE).write_text(json.dumps(count_reasons(checks, measures)))
    write_table(folder / MEASURES_FILE, measures.iloc[: len(table)], columns=list(MEASURES))


def _fit_gate(settings: Settings, development: DevelopmentSet, folder: Path) -> None:
    gate, scores = fit_served_gate(settings, development, folder.parent)
    (folder / "metadata.json").write_text(json.dumps(gate.metadata))
    write_arrays(folder / gates.GATE_FILE, **gate.arrays)
    (folder / PREDICTIONS).mkdir(exist_ok=True)
    write_gate_scores(folder, scores[scores["own"]])
    if not scores["own"].all():
        write_gate_scores(folder, scores[~scores["own"]], EXTRA_PREDICTIONS_FILE)


def _check_results(
    table: pd.DataFrame, measures: pd.DataFrame, gate_folder: Path, metadata: dict[str, Any]
) -> pd.DataFrame:
    """Return a table of the out-of-fold photos: image_id, the columns CHECKS, and the gate's distance.

    measures: the quality measures of the table's photos, row by row. The gate that checked a photo was fitted without
    the photo's fold.
    """
    scores = read_gate_scores(gate_folder)
    checks = image_quality.QualityThresholds.from_metadata(metadata)
    measured = measures.assign(image_id=table["image_id"].to_numpy())
    measured = measured.merge(scores, on="image_id", validate="one_to_one")
    photo_measures = measures_of_rows(measured)
    refusals = [
        combine_refusals(checks.refusals(photo), bool(is_foreign))
        for photo, is_foreign in zip(photo_measures, measured["refused"], strict=True)
    ]
    return measured[["image_id", "distance"]].assign(
        refusals=[";".join(codes) for codes in refusals],
        warnings=[";".join(checks.warnings(photo)) for photo in photo_measures],
    )


def drift_quantiles(
    probability: Floats, classes: list[str], unchanged: pd.DataFrame, nearness: Floats | None = None
) -> dict[str, list[float]]:
    """Return the quantiles with which later photos are compared: `reference` in metadata.json.

    probability: (N, classes), the calibrated probabilities of N out-of-fold photos, without details. classes: the class
    codes. unchanged: quality measures of the unchanged development photos. nearness: that of the N photos, (N,).
    """
    values = dict(zip(classes, probability.T, strict=True))
    values |= {str(name): unchanged[name].to_numpy(float) for name in unchanged}
    if nearness is not None:
        values[NEARNESS] = nearness
    return {name: quantiles(scores) for name, scores in values.items() if not np.isnan(scores).all()}
