"""Writes the report (metrics, plots, model card) of a bundle (trained model) from saved predictions, without photos."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.card.model_card import write_card
from data_modelling.evaluation import (
    external_sources,
    locked_test,
    melanoma,
    neighbours,
    subgroups,
    ugly_duckling,
)
from data_modelling.evaluation.clinics import clinic_rendering
from data_modelling.evaluation.clinics.left_out_clinics import LEFT_OUT_CLINICS_FILE, left_out_metrics
from data_modelling.evaluation.locked_test_comparison import compare_with_locked_test, metric_targets
from data_modelling.evaluation.metrics_report import NO_LOCKED_TEST, split_metrics
from data_modelling.evaluation.shortcuts import shortcut_metrics
from data_modelling.inference.bundle import write_checksums
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.metrics.predictions import (
    EXTRA_PREDICTIONS_FILE,
    LOCKED_TEST,
    LOCKED_TEST_FILE,
    OUT_OF_FOLD,
    OUT_OF_FOLD_FILE,
    read_predictions,
    read_table,
)
from data_modelling.plots import bundle_plots
from data_modelling.safety import clear_threshold, rejection_score
from data_modelling.safety.gate_scores import GATE_SCORES_FILE, gate_metrics, read_gate_scores
from data_modelling.safety.lesion_detector import detector_metrics


def write_report(folder: Path) -> dict[str, Any]:
    """Write metrics.json, plots/, README.md and SHA256SUMS of the bundle in `folder`; return the metrics.

    The report uses metadata.json, history.json, openings.csv and predictions/, and the result of `detector_metrics`.
    """
    metadata = json.loads((folder / "metadata.json").read_text())
    predictions = _predictions_by_part(folder)
    values = _compute_metrics(folder, metadata, predictions)
    with atomic_write(folder / "metrics.json") as temporary:
        temporary.write_text(json.dumps(values, indent=1, allow_nan=False) + "\n")
    history = json.loads((folder / "history.json").read_text())
    bundle_plots.draw_bundle_plots(folder / "plots", metadata, values, history, predictions[OUT_OF_FOLD])
    write_card(folder / "README.md", metadata, values)
    write_checksums(folder)
    return values


def _predictions_by_part(folder: Path) -> dict[str, pd.DataFrame]:
    """Return the predictions that the bundle has, by the keys out_of_fold and locked_test."""
    return {
        part: read_predictions(path)
        for part, name in ((OUT_OF_FOLD, OUT_OF_FOLD_FILE), (LOCKED_TEST, LOCKED_TEST_FILE))
        if (path := folder / "predictions" / name).exists()
    }


def _compute_metrics(
    folder: Path, metadata: dict[str, Any], predictions: dict[str, pd.DataFrame]
) -> dict[str, Any]:
    metrics = {part: split_metrics(rows, metadata) for part, rows in predictions.items()}
    shortcuts = folder / "predictions" / shortcut_metrics.SHORTCUTS_FILE
    if shortcuts.exists():
        results = read_table(shortcuts, shortcut_metrics.COLUMNS)
        metrics[OUT_OF_FOLD]["shortcuts"] = shortcut_metrics.shortcut_metrics(results, metadata)
    # The app reads the threshold costs on out-of-fold photos from the key `thresholds` at the top level.
    values = metrics | {"thresholds": metrics[OUT_OF_FOLD]["thresholds"]}
    if LOCKED_TEST in predictions:
        values["fit_to_served"] = compare_with_locked_test(values, predictions[LOCKED_TEST], metadata)
        values["openings"] = locked_test.openings(folder)
    if metadata["data"].get("locked_test") == NO_LOCKED_TEST:
        values["no_locked_test"] = True
    values["bars"] = metric_targets(values)
    if melanoma.has_two_classes(metadata):
        values[melanoma.MELANOMA_KEY] = melanoma.melanoma_metrics(predictions[OUT_OF_FOLD], metadata)
    left_out = folder / "predictions" / LEFT_OUT_CLINICS_FILE
    if left_out.exists():
        held_out = pd.concat(_held_out_predictions(folder / "predictions", metadata["task"]))
        values |= left_out_metrics(read_table(left_out, clear_threshold.COLUMNS), held_out, metadata)
    values |= _optional_metrics(folder, metadata)
    return values | detector_metrics()


def _optional_metrics(folder: Path, metadata: dict[str, Any]) -> dict[str, Any]:
    """Return the metrics of each evaluation whose file is in the bundle, by the evaluation's key in metrics.json."""
    predictions = folder / "predictions"

    def external() -> pd.DataFrame:
        path = predictions / external_sources.EXTERNAL_PREDICTIONS_FILE
        return external_sources.read_external_predictions(path, metadata["task"])

    def compared() -> pd.DataFrame:
        left_out = predictions / LEFT_OUT_CLINICS_FILE
        if left_out.exists():
            answers = read_table(left_out, clear_threshold.COLUMNS)
            return neighbours.answers_of_left_out_clinics(answers, metadata["task"])
        return neighbours.predicted_answers(_held_out_predictions(predictions, metadata["task"]), metadata)

    # Each evaluation has a file, and a function that returns its metrics when called with the path of the file.
    evaluations: dict[str, tuple[str, Callable[[Path], dict[str, Any]]]] = {
        "elsewhere": (
            external_sources.EXTERNAL_PREDICTIONS_FILE,
            lambda _path: external_sources.external_metrics(external(), metadata),
        ),
        "neighbours": (
            neighbours.NEIGHBOURS_FILE,
            lambda path: neighbours.neighbour_metrics(pd.read_csv(path, dtype=str), compared(), metadata),
        ),
        "skin_types": (
            subgroups.SKIN_TYPES_FILE,
            lambda path: subgroups.skin_type_metrics(pd.read_csv(path, dtype=str), external(), metadata),
        ),
        "visits": (
            ugly_duckling.VISITS_FILE,
            lambda path: ugly_duckling.ugly_duckling_metrics(read_table(path, ugly_duckling.COLUMNS)),
        ),
        "unknown": (
            rejection_score.LEFT_OUT_FILE,
            lambda path: rejection_score.rejection_metrics(
                read_table(path, rejection_score.COLUMNS), metadata
            ),
        ),
        "gate": (GATE_SCORES_FILE, lambda _path: gate_metrics(read_gate_scores(folder))),
        "rendering": (
            clinic_rendering.RENDERING_FILE,
            lambda path: clinic_rendering.rendering_metrics(read_table(path, clinic_rendering.COLUMNS)),
        ),
    }
    return {
        key: compute_metrics(predictions / name)
        for key, (name, compute_metrics) in evaluations.items()
        if (predictions / name).exists()
    }


def _held_out_predictions(folder: Path, task: str) -> list[pd.DataFrame]:
    """Return predictions for the bundle's own photos and for other sources, by networks that never saw the photos."""
    external = folder / external_sources.EXTERNAL_PREDICTIONS_FILE
    extra = folder / EXTRA_PREDICTIONS_FILE
    tables = [read_predictions(folder / OUT_OF_FOLD_FILE)]
    if extra.exists():
        tables.append(read_predictions(extra))
    elif external.exists():
        tables.append(external_sources.read_external_predictions(external, task))
    return tables
