"""Make an ensemble of bundles (trained models): join the networks, average out-of-fold probabilities, calibrate again.

The ensemble has the first bundle's quality checks, embedding (numbers that describe a photo) and gate (the check that
refuses a picture without a lesion).
"""

import datetime as dt
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd

from data_modelling.card.model_card import has_other_shares
from data_modelling.datasets.clinics import clinics_or_sources
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks.gate import GATE_FILE
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.modes import MODES, PHOTO_ONLY
from data_modelling.inference.source_facts import ALSO_LEARNED_FROM, training_sources
from data_modelling.metrics.calibration import choose_calibration, reference_weights
from data_modelling.metrics.predictions import (
    OUT_OF_FOLD_FILE,
    mode_logits,
    read_predictions,
    replace_logits,
    round_logits,
    true_classes,
    write_predictions,
)
from data_modelling.networks.ensemble_layers import SMALLEST_PROBABILITY, combine_networks
from data_modelling.networks.onnx import export_onnx
from data_modelling.pipeline.bundle_metadata import choices_as_json
from data_modelling.pipeline.report import write_report
from data_modelling.safety.gate_scores import GATE_SCORES_FILE
from data_modelling.safety.prediction_sets import fit_operating_point, fit_prediction_sets
from data_modelling.safety.safety_stages import drift_quantiles

COPIED_FILES = (GATE_FILE, f"predictions/{GATE_SCORES_FILE}")  # from the first bundle, if it has them
MIN_BUNDLES = 2


def shared_predictions(bundles: Sequence[Bundle]) -> list[pd.DataFrame]:
    """Return the out-of-fold predictions of each bundle on the photos that all bundles have, in the same order.

    Raises InputError if there are fewer than MIN_BUNDLES, if they differ in task or edge, or if the task has the
    unknown class. Raises it too if the bundles have no photo in common or have a photo in different folds.
    """
    _check_combinable(bundles)
    files = [bundle.folder / "predictions" / OUT_OF_FOLD_FILE for bundle in bundles]
    tables = [read_predictions(file).set_index("image_id", drop=False) for file in files]
    shared = sorted(set.intersection(*(set(table.index) for table in tables)))
    if not shared:
        raise InputError("The bundles have no out-of-fold photo in common; train them with the same folds.")
    tables = [table.loc[shared].reset_index(drop=True) for table in tables]
    if any((table["part"] != tables[0]["part"]).any() for table in tables):
        raise InputError("The bundles have photos in different folds; train them with the same folds.")
    return tables


def make_ensemble(bundles: Sequence[Bundle], name: str, version: str, out: Path) -> None:
    """Write the bundle `out`, whose network averages the calibrated probabilities of `bundles`.

    Raises InputError like shared_predictions, and if `out` exists.
    """
    if out.exists():
        raise InputError(f"{out} exists; choose another --out or move it away.")
    temperatures = [float(bundle.metadata["temperature"]) for bundle in bundles]
    predictions = _mean_predictions(shared_predictions(bundles), temperatures, bundles[0].task)
    # The learning curves of all networks, by bundle and stage (the name of a network, such as fold0).
    histories = {
        f"{bundle.name} {number} {stage}": rows
        for number, bundle in enumerate(bundles, 1)
        for stage, rows in json.loads((bundle.folder / "history.json").read_text()).items()
    }
    with atomic_write(out) as folder:
        (folder / "predictions").mkdir(parents=True)
        networks = [keras.saving.load_model(one.folder / "model.keras", compile=False) for one in bundles]
        combine_networks(networks, temperatures, name).save(folder / "model.keras")
        export_onnx(folder / "model.keras", folder / "model.onnx")
        for file in COPIED_FILES:
            if (bundles[0].folder / file).exists():
                shutil.copyfile(bundles[0].folder / file, folder / file)
        write_predictions(folder / "predictions" / OUT_OF_FOLD_FILE, predictions)
        metadata = _metadata(bundles, predictions, name, version)
        (folder / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
        (folder / "history.json").write_text(json.dumps(histories) + "\n")
        write_report(folder)


def _check_combinable(bundles: Sequence[Bundle]) -> None:
    if len(bundles) < MIN_BUNDLES:
        raise InputError(f"An ensemble needs at least {MIN_BUNDLES} bundles.")
    for key in ("task", "edge"):
        values = {str(bundle.metadata[key]) for bundle in bundles}
        if len(values) > 1:
            raise InputError(
                f"The bundles differ in {key} ({', '.join(sorted(values))}); combine bundles with the same {key}."
            )
    task = bundles[0].task
    if learned_class_codes(task) != class_codes(task):
        raise InputError(
            f"The task {task} has an unknown class, whose logit needs the gate of a single network. So its bundles "
            "cannot be combined."
        )


def _mean_predictions(
    tables: Sequence[pd.DataFrame], temperatures: Sequence[float], task: str
) -> pd.DataFrame:
    """Return the first bundle's rows with the ensemble's logits, without the columns of the details controls."""
    controls = [column for column in tables[0] if str(column).startswith(("details_", "shuffled_"))]
    predictions = tables[0].drop(columns=controls)
    for mode in MODES:
        members = [
            calibrated_probabilities(mode_logits(table, mode, task), temperature)
            for table, temperature in zip(tables, temperatures, strict=True)
        ]
        logits = np.log(np.maximum(np.mean(members, axis=0), SMALLEST_PROBABILITY))
        predictions = replace_logits(predictions, mode, logits, task)
    return round_logits(predictions)


def _metadata(
    bundles: Sequence[Bundle], predictions: pd.DataFrame, name: str, version: str
) -> dict[str, Any]:
    """Return the metadata: the first bundle's, with newly chosen values, and without keys that an ensemble lacks."""
    first, task = bundles[0].metadata, bundles[0].task
    shares = np.array([first["data"]["counts"][code] for code in class_codes(task)], np.float64)
    weights = None
    if has_other_shares(first.get("reference_shares", {}), first["data"]):
        shares = np.array([first["reference_shares"][code] for code in class_codes(task)])
        clinics = clinics_or_sources(predictions["source"])
        weights = reference_weights(true_classes(predictions, task), clinics, shares)
    sensitivity = first["settings"]["cancer_sensitivity"]
    choices = choose_calibration(predictions, task, shares / shares.sum(), sensitivity, weights)
    temperature, prior = choices.temperature, choices.decision_prior
    probability = calibrated_probabilities(mode_logits(predictions, PHOTO_ONLY, task), temperature)
    quantiles = drift_quantiles(probability, list(class_codes(task)), pd.DataFrame())
    kept_keys = {key: value for key, value in first.items() if key not in ("head", "odd_one_out", "more")}
    sources = {str(source) for bundle in bundles for source in bundle.metadata["data"]["sources"]}
    trained_on = {source for bundle in bundles for source in training_sources(bundle.metadata)}
    return kept_keys | {
        "name": name,
        "version": version,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "parameters": sum(int(bundle.metadata["parameters"]) for bundle in bundles),
        **choices_as_json(choices, task),
        "data": first["data"] | {"sources": sorted(sources)},
        # The sources whose photos trained a network, but have no out-of-fold predictions.
        ALSO_LEARNED_FROM: sorted(trained_on - sources),
        "prediction_sets": fit_prediction_sets(predictions, task, temperature),
        "operating_point": fit_operating_point(predictions, task, temperature, prior),
        "reference": first["reference"] | quantiles,
        "ensemble": {
            "way": "mean",
            "members": [
                {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
                for bundle in bundles
            ],
            "weights": [1 / len(bundles)] * len(bundles),
        },
    }
