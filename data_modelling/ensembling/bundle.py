"""One bundle of several: their networks in one file, their out-of-fold predictions put together, everything chosen anew.

What belongs to one network (gate, quality checks) is the first bundle's, whose embedding the ensemble passes on.
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
from numpy.typing import NDArray

from data_modelling.ensembling.ways import RANK, WAYS, MeanWay, RankWay, crossed, fit
from data_modelling.evaluation.calibration import choose
from data_modelling.evaluation.metrics import macro_auc
from data_modelling.evaluation.predictions import (
    MODES,
    as_written,
    logits,
    read_predictions,
    truth,
    with_logits,
    write_predictions,
)
from data_modelling.evaluation.questions import auc, scores
from data_modelling.evaluation.report import OUT_OF_FOLD, write_report
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.decision import melanoma_column, probabilities
from data_modelling.inference.diagnoses import codes, learned
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.gate import FILE as GATE
from data_modelling.inference.sets import PHOTO
from data_modelling.inference.source_facts import LEARNED_TOO, learned_from
from data_modelling.networks.combined import MeanOfProbabilities, MeanOfRanks, combine
from data_modelling.rejection import conformal, operating_point
from data_modelling.rejection.gate_scores import SCORES
from data_modelling.rejection.reference import reference
from data_modelling.rejection.severity import FILE as SEVERITY
from data_modelling.training.assemble import chosen_numbers
from data_modelling.training.export import export_onnx

Floats = NDArray[np.float64]

KEPT = (GATE, f"predictions/{SCORES}", f"predictions/{SEVERITY}")  # files of the first bundle, if it has them
FEWEST = 2  # bundles


def members_of(bundles: Sequence[Bundle]) -> list[pd.DataFrame]:
    """The out-of-fold predictions of the bundles on the photos that all of them have, row by row the same photos.

    Raises InputError for bundles that cannot be put together: too few, of several tasks or edges, of a task with a
    class without photos, without a photo in common, or with a photo that they have in different folds.
    """
    _check_together(bundles)
    tables = [
        read_predictions(bundle.folder / "predictions" / f"{OUT_OF_FOLD}.csv").set_index(
            "image_id", drop=False
        )
        for bundle in bundles
    ]
    shared = sorted(set.intersection(*(set(table.index) for table in tables)))
    if not shared:
        raise InputError("The bundles have no out-of-fold photo in common; train them with the same folds.")
    tables = [table.loc[shared].reset_index(drop=True) for table in tables]
    if any((table["part"] != tables[0]["part"]).any() for table in tables):
        raise InputError(
            "The bundles have the same photos in different folds; train them with the same folds."
        )
    return tables


def judge_ways(tables: Sequence[pd.DataFrame], bundles: Sequence[Bundle]) -> dict[str, dict[str, float]]:
    """Macro AUC and melanoma AUC, photo alone, of each bundle and of each way; fitted weights and ranks crosswise."""
    task = bundles[0].task
    labels, parts = truth(tables[0], task), tables[0]["part"].to_numpy(str)
    temperatures = [float(bundle.metadata["temperature"]) for bundle in bundles]
    given = [logits(table, PHOTO, task) for table in tables]
    found = {
        f"{bundle.name} {number}": one
        for number, (bundle, one) in enumerate(zip(bundles, given, strict=True), 1)
    }
    for way in _ways_of(task):
        found[way] = crossed(way, given, labels, temperatures, parts)
    return {name: _figures(labels, one, task) for name, one in found.items()}


def make_ensemble(bundles: Sequence[Bundle], way: str, name: str, version: str, out: Path) -> None:
    """Write the bundle `out`. way: one of ways.WAYS. Raises InputError as members_of, and where `out` exists."""
    if out.exists():
        raise InputError(f"{out} exists; choose another --out or move it away.")
    tables = members_of(bundles)
    task = bundles[0].task
    if way not in _ways_of(task):
        raise InputError(f"--way {way} is for two classes; {task} has {len(codes(task))}.")
    labels = truth(tables[0], task)
    temperatures = [float(bundle.metadata["temperature"]) for bundle in bundles]
    fitted = fit(way, [logits(table, PHOTO, task) for table in tables], labels, temperatures)
    predictions = as_written(_together(tables, task, way, temperatures))
    with replaced_when_whole(out) as folder:
        (folder / "predictions").mkdir(parents=True)
        _write_network(bundles, fitted, folder, name)
        for kept in KEPT:
            if (bundles[0].folder / kept).exists():
                shutil.copyfile(bundles[0].folder / kept, folder / kept)
        write_predictions(folder / "predictions" / f"{OUT_OF_FOLD}.csv", predictions)
        metadata = _metadata(bundles, predictions, fitted, way, name, version)
        (folder / "metadata.json").write_text(json.dumps(metadata, indent=1) + "\n")
        (folder / "history.json").write_text(json.dumps(_histories(bundles)) + "\n")
        write_report(folder)


def _check_together(bundles: Sequence[Bundle]) -> None:
    if len(bundles) < FEWEST:
        raise InputError(f"An ensemble needs at least {FEWEST} bundles.")
    for key in ("task", "edge"):
        values = {str(bundle.metadata[key]) for bundle in bundles}
        if len(values) > 1:
            raise InputError(
                f"The bundles differ in {key} ({', '.join(sorted(values))}); put alike ones together."
            )
    task = bundles[0].task
    if learned(task) != codes(task):
        raise InputError(
            f"{task} has a class without photos, which is answered by one network's gate: no ensemble."
        )


def _ways_of(task: str) -> tuple[str, ...]:
    return tuple(way for way in WAYS if way != RANK or len(codes(task)) == 2)


def _figures(labels: NDArray[np.int64], found: Floats, task: str) -> dict[str, float]:
    probability = probabilities(found, 1.0)
    melanoma = scores(probability, task)["melanoma"]
    return {
        "macro_auc": macro_auc(labels, probability),
        "melanoma_auc": auc(melanoma, labels == melanoma_column(task)),
    }


def _together(
    tables: Sequence[pd.DataFrame], task: str, way: str, temperatures: Sequence[float]
) -> pd.DataFrame:
    """The first bundle's predictions with the ensemble's logits, each part's by what was fitted on the others."""
    labels, parts = truth(tables[0], task), tables[0]["part"].to_numpy(str)
    controls = [column for column in tables[0] if str(column).startswith(("details_", "shuffled_"))]
    found = tables[0].drop(columns=controls)
    for mode in MODES:
        given = [logits(table, mode, task) for table in tables]
        found = with_logits(found, mode, crossed(way, given, labels, temperatures, parts), task)
    return found


def _write_network(bundles: Sequence[Bundle], fitted: MeanWay | RankWay, folder: Path, name: str) -> None:
    networks = [keras.saving.load_model(bundle.folder / "model.keras", compile=False) for bundle in bundles]
    if isinstance(fitted, MeanWay):
        layer = MeanOfProbabilities(fitted.temperatures, fitted.weights, name="together", dtype="float32")
    else:
        layer = MeanOfRanks(
            fitted.steps.tolist(), fitted.scale, fitted.bias, name="together", dtype="float32"
        )
    combine(networks, layer, name).save(folder / "model.keras")
    export_onnx(folder / "model.keras", folder / "model.onnx")


def _metadata(
    bundles: Sequence[Bundle],
    predictions: pd.DataFrame,
    fitted: MeanWay | RankWay,
    way: str,
    name: str,
    version: str,
) -> dict[str, Any]:
    """The first bundle's, with everything chosen anew and without what is not the ensemble's."""
    first, task = bundles[0].metadata, bundles[0].task
    counts = first["data"]["counts"]
    shares = np.array([counts[code] for code in codes(task)], np.float64)
    choices = choose(predictions, task, shares / shares.sum(), first["settings"]["cancer_sensitivity"])
    alone = probabilities(logits(predictions, PHOTO, task), choices.temperature)
    own = {key: value for key, value in first.items() if key not in ("head", "odd_one_out", "more")}
    sources = sorted({str(source) for bundle in bundles for source in bundle.metadata["data"]["sources"]})
    return own | {
        "name": name,
        "version": version,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "parameters": sum(int(bundle.metadata["parameters"]) for bundle in bundles),
        **chosen_numbers(choices, task),
        "data": first["data"] | {"sources": sources},
        # Of the photos beside the members' own none has an answer by networks that never saw it.
        LEARNED_TOO: sorted(
            {name for bundle in bundles for name in learned_from(bundle.metadata)} - {*sources}
        ),
        "prediction_sets": conformal.fit(predictions, task, choices.temperature),
        "operating_point": operating_point.fit(
            predictions, task, choices.temperature, choices.decision_prior
        ),
        "reference": first["reference"] | reference(alone, list(codes(task)), pd.DataFrame()),
        "ensemble": {
            "way": way,
            "members": [
                {"name": bundle.name, "version": bundle.version, "sha256": bundle.sha256}
                for bundle in bundles
            ],
            **({"weights": list(fitted.weights)} if isinstance(fitted, MeanWay) else {}),
        },
    }


def _histories(bundles: Sequence[Bundle]) -> dict[str, Any]:
    """The learning curves of all networks, by bundle and stage."""
    return {
        f"{bundle.name} {number} {stage}": rows
        for number, bundle in enumerate(bundles, 1)
        for stage, rows in json.loads((bundle.folder / "history.json").read_text()).items()
    }
