"""All parts by which an answer knows its limits, fitted on a run's own data set.

Quality thresholds and a gate for each network; then, with what these say of every out-of-fold photo, the prediction
sets and the operating point. What takes long keeps its files in the run's work folder and is not made again.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation.calibration import Choices
from data_modelling.evaluation.predictions import MORE, logits
from data_modelling.inference import gate as gates
from data_modelling.inference import quality
from data_modelling.inference.checks import refusals_of
from data_modelling.inference.decision import probabilities
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.sets import PHOTO
from data_modelling.rejection import conformal, operating_point
from data_modelling.rejection.gate import make_gate, write_gate
from data_modelling.rejection.gate_scores import SCORES, write_scores
from data_modelling.rejection.quality import fit_quality
from data_modelling.rejection.reference import reference
from data_modelling.rejection.severity import FILE as SEVERITY
from data_modelling.rejection.severity import write_severity
from data_modelling.settings import Settings
from data_modelling.training.checkpoint import NETWORK, SERVED, fold_stage
from data_modelling.training.development import Development

MEASURES = "measures.csv"
PREDICTIONS = "predictions"  # the folder in a bundle


@dataclass(frozen=True)
class Parts:
    """predictions: out-of-fold, with what the checks say of each photo. metadata: keys for metadata.json.
    files: finished ones in the work folder, by their name in the bundle.
    """

    predictions: pd.DataFrame
    metadata: dict[str, Any]
    files: dict[str, Path]


def fit_parts(
    settings: Settings, development: Development, predictions: pd.DataFrame, choices: Choices, work: Path
) -> Parts:
    """Fit on the development part.

    predictions: out-of-fold, of settings.figure_folds. work: the folder of the run, with its networks.
    """
    table, pixels = development.table, development.pixels
    decision = {"temperature": choices.temperature, "decision_prior": choices.decision_prior.tolist()}
    of_quality = _stage(
        work / "quality",
        _made_of(settings, table, work) | decision,
        lambda folder: _fit_quality(settings, table, pixels, choices, folder),
    )
    of_gate = gate_stage(settings, development, work)
    metadata = {
        "quality": json.loads((of_quality / "metadata.json").read_text()),
        "gate": json.loads((of_gate / "metadata.json").read_text()),
    }
    measures = pd.read_csv(of_quality / MEASURES)
    checked = _checked(table, measures, of_gate, metadata)
    joined = predictions.merge(checked, on="image_id", validate="one_to_one")
    metadata["prediction_sets"] = conformal.fit(joined, settings.task, choices.temperature)
    metadata["operating_point"] = operating_point.fit(
        joined, settings.task, choices.temperature, choices.decision_prior
    )
    alone = probabilities(logits(joined, PHOTO, settings.task), choices.temperature)
    served = gates.Gate.load(of_gate, metadata)
    nearness = np.array([served.nearness(distance) for distance in joined["distance"]])
    metadata["reference"] = reference(alone, list(codes(settings.task)), measures, nearness)
    files = {
        gates.FILE: of_gate / gates.FILE,
        f"{PREDICTIONS}/{SCORES}": of_gate / PREDICTIONS / SCORES,
        f"{PREDICTIONS}/{SEVERITY}": of_quality / SEVERITY,
    }
    return Parts(joined.drop(columns="distance"), metadata, files)


def gate_stage(settings: Settings, development: Development, work: Path) -> Path:
    """The folder with the served network's gate and predictions/gate.csv, the distances of the out-of-fold photos.

    Beside it predictions/more.csv, those of the other sets' photos that train too, if there are any.
    """
    more = development.more
    known = {} if more is None else {"judged_more": sorted(more["source"].unique().tolist())}
    made_for = _made_of(settings, development.learned_from(), work, SERVED) | known
    return _stage(work / "gate", made_for, lambda folder: _fit_gate(settings, development, folder))


def _made_of(settings: Settings, table: pd.DataFrame, work: Path, *more: str) -> dict[str, Any]:
    """What a stage depends on: the folds, the table's photos, and the very networks of the folds, and of `more`."""
    names = [*map(fold_stage, settings.figure_folds), *more]
    return {
        "folds": list(settings.figure_folds),
        "photos": hashlib.sha256("\n".join(table["image_id"]).encode()).hexdigest(),
        "networks": {
            name: hashlib.sha256((work / name / NETWORK).read_bytes()).hexdigest() for name in names
        },
    }


def _stage(folder: Path, made_for: dict[str, Any], make: Callable[[Path], None]) -> Path:
    """The folder of a stage, made unless it is there; made anew where what it depends on has changed."""
    noted = folder / "made_for.json"
    if not noted.exists() or json.loads(noted.read_text()) != made_for:
        noted.unlink(missing_ok=True)
        folder.mkdir(exist_ok=True)
        make(folder)
        with replaced_when_whole(noted) as temporary:
            temporary.write_text(json.dumps(made_for))
    return folder


def _fit_quality(
    settings: Settings, table: pd.DataFrame, pixels: NDArray[np.uint8], choices: Choices, folder: Path
) -> None:
    networks = {fold: folder.parent / fold_stage(fold) / NETWORK for fold in settings.figure_folds}
    part = fit_quality(settings, table, pixels, networks, choices.temperature, choices.decision_prior)
    (folder / "metadata.json").write_text(json.dumps(part.metadata))
    write_severity(folder / SEVERITY, part.severity)
    part.unchanged.to_csv(folder / MEASURES, index=False, lineterminator="\n")


def _fit_gate(settings: Settings, development: Development, folder: Path) -> None:
    part, scores = make_gate(settings, development, folder.parent)
    (folder / "metadata.json").write_text(json.dumps(part.metadata))
    write_gate(folder, part)
    (folder / PREDICTIONS).mkdir(exist_ok=True)
    write_scores(folder, scores[scores["own"]])
    if not scores["own"].all():
        write_scores(folder, scores[~scores["own"]], MORE)


def _checked(
    table: pd.DataFrame, measures: pd.DataFrame, of_gate: Path, metadata: dict[str, Any]
) -> pd.DataFrame:
    """What the checks say of the out-of-fold photos: image_id, the columns evaluation.predictions.CHECKS,
    and distance, for the gate of the photo's own fold.

    measures: of the table's photos, row by row.
    """
    scores = pd.read_csv(of_gate / PREDICTIONS / SCORES, dtype={"image_id": str})
    checks = quality.Checks.from_metadata(metadata)
    names = list(quality.Measures.__dataclass_fields__)
    judged = table[["image_id"]].assign(**measures[names]).merge(scores, on="image_id", validate="one_to_one")
    found = [quality.Measures(**row) for row in judged[names].to_dict("records")]
    refusals = [
        refusals_of(checks.refusals(one), bool(is_foreign))
        for one, is_foreign in zip(found, judged["refused"], strict=True)
    ]
    return judged[["image_id", "distance"]].assign(
        refusals=[";".join(codes) for codes in refusals],
        warnings=[";".join(checks.warnings(one)) for one in found],
    )
