"""Put a bundle together from what a run made; it appears whole or not at all."""

import datetime as dt
import hashlib
import importlib.metadata
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets import GROUPED_BY
from data_modelling.datasets.splits import TEST, read_split
from data_modelling.evaluation.calibration import Choices, choose
from data_modelling.evaluation.figures import LESION, NO_LOCKED_TEST
from data_modelling.evaluation.predictions import write_predictions
from data_modelling.evaluation.report import write_report
from data_modelling.evaluation.shortcuts import FILE
from data_modelling.inference.details import SITES, WIDTH
from data_modelling.inference.diagnoses import codes, learned
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.rarity import AGES, BANDS, BELOW, PLACES, band_of, rare_below
from data_modelling.inference.source_facts import LEARNED_TOO, learned_from
from data_modelling.rejection.parts import Parts
from data_modelling.settings import IMAGENET, Settings, as_dict
from data_modelling.training.checkpoint import NETWORK, SERVED, load_progress
from data_modelling.training.export import export_onnx
from data_modelling.training.shortcuts import PAGE

PACKAGES = ("keras", "numpy", "pillow", "scikit-learn")
DIGITS = 6  # of chosen numbers in metadata.json


def assemble(
    settings: Settings,
    table: pd.DataFrame,
    choices: Choices,
    parts: Parts,
    work: Path,
    split: Path,
    out: Path,
    shortcuts: Path | None = None,
) -> None:
    """Write the bundle `out` from the finished stages in `work`.

    table: the development part. split: the file, whose hash is noted. shortcuts: the folder of
    training.shortcuts' results, None when it was not tested what the network looks at.
    """
    saved = work / SERVED / NETWORK
    network = keras.saving.load_model(saved, compile=False)
    with replaced_when_whole(out) as folder:
        folder.mkdir()
        shutil.copyfile(saved, folder / "model.keras")
        export_onnx(saved, folder / "model.onnx")
        write_predictions(folder / "predictions" / "out_of_fold.csv", parts.predictions)
        for name, file in parts.files.items():
            shutil.copyfile(file, folder / name)
        if shortcuts:
            shutil.copyfile(shortcuts / FILE, folder / "predictions" / FILE)
            (folder / "plots").mkdir()
            shutil.copyfile(shortcuts / PAGE, folder / "plots" / PAGE)
        (folder / "history.json").write_text(json.dumps(histories(work)) + "\n")
        _write_json(
            folder / "metadata.json", _metadata(settings, table, network, choices, split) | parts.metadata
        )
        write_report(folder)


def choices_on(settings: Settings, table: pd.DataFrame, predictions: pd.DataFrame) -> Choices:
    """What is chosen on out-of-fold predictions; table: the development part, whose class shares count."""
    return choose(predictions, settings.task, class_shares(settings, table), settings.cancer_sensitivity)


def class_shares(settings: Settings, table: pd.DataFrame) -> NDArray[np.float64]:
    """Share of each class in a table, (classes,); a class without photos has the recipe's unknown_share."""
    shares = table["diagnosis"].value_counts(normalize=True).reindex(codes(settings.task), fill_value=0.0)
    shares[list(set(shares.index) - set(learned(settings.task)))] = settings.unknown_share
    return shares.to_numpy(np.float64)


def chosen_numbers(choices: Choices, task: str) -> dict[str, Any]:
    """What was chosen, as metadata.json has it."""
    prior = np.round(choices.decision_prior, DIGITS).tolist()
    return {
        "temperature": round(choices.temperature, DIGITS),
        "decision_prior": dict(zip(codes(task), prior, strict=True)),
        "thresholds": {
            # Rounded down, so that rounding misses no photo that the exact threshold takes in.
            "cancer": _floor(choices.cancer_threshold),
            "melanoma": _floor(choices.melanoma_threshold),
        },
    }


def histories(work: Path) -> dict[str, list[dict[str, float]]]:
    """The history of every network of a run, by the name of its stage; figures with DIGITS decimals."""
    return {
        path.parent.name: [
            {name: round(value, DIGITS) for name, value in epoch.items()}
            for epoch in load_progress(path).history
        ]
        for path in sorted(work.glob("*/checkpoint.npz"))
    }


def _metadata(
    settings: Settings, table: pd.DataFrame, network: keras.Model, choices: Choices, split: Path
) -> dict[str, Any]:
    classes = codes(settings.task)
    kernel, bias = network.get_layer("head").get_weights()
    known = len(learned(settings.task))
    has_test = TEST in set(read_split(split)["part"])
    return {
        "name": settings.name,
        "version": settings.version,
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "task": settings.task,
        "classes": list(classes),
        "edge": settings.network.edge,
        "details_width": WIDTH,
        **chosen_numbers(choices, settings.task),
        "chosen_on": f"out-of-fold photos of fold {', '.join(map(str, settings.figure_folds))}",
        # logits = head.kernel' embedding + head.bias + the term of the details.
        "head": {"kernel": kernel[:, :known].tolist(), "bias": bias[:known].tolist()},
        "data": {
            "sources": sorted(table["source"].unique().tolist()),
            "photos": len(table),
            "groups": int(table["group_id"].nunique()),
            "counts": table["diagnosis"].value_counts().reindex(classes, fill_value=0).to_dict(),
            AGES: _groups_by(table, table["age"].map(band_of, na_action="ignore"), BANDS),
            PLACES: _groups_by(table, table["site"], SITES),
            BELOW: rare_below(int(table["group_id"].nunique())),
            "split": split.name,
            "split_sha256": hashlib.sha256(split.read_bytes()).hexdigest(),
            "locked_test": "never read in training" if has_test else NO_LOCKED_TEST,
            "grouped_by": GROUPED_BY.get(settings.dataset, LESION),
        },
        LEARNED_TOO: learned_before(settings),
        "licence": "CC BY-NC 4.0 (because of the training data)",
        "parameters": network.count_params(),
        "layers": _layers(network),
        "settings": as_dict(settings),
        "versions": {name: importlib.metadata.version(name) for name in PACKAGES},
    }


def learned_before(settings: Settings) -> list[str]:
    """The sources from which the weights that a training starts from had learned; none where no bundle is beside them."""
    weights = settings.network.weights
    if weights in ("", IMAGENET):
        return []
    beside = Path(weights).with_name("metadata.json")
    return learned_from(json.loads(beside.read_text())) if beside.is_file() else []


def _groups_by(table: pd.DataFrame, values: pd.Series, names: Sequence[str]) -> dict[str, int]:
    """How many groups have each of the values; one with photos at two ages counts for both."""
    return table.groupby(values)["group_id"].nunique().reindex(names, fill_value=0).to_dict()


def _layers(network: keras.Model) -> list[dict[str, Any]]:
    """Name, output shape and parameters of the layers in order, for the drawing of the architecture."""
    rows = []
    for branch in ("image_branch", "details_branch"):
        for layer in network.get_layer(branch).layers:
            shape = [n for n in layer.output.shape[1:] if n is not None]
            row = {"branch": branch, "layer": layer.name, "kind": type(layer).__name__}
            rows.append(row | {"shape": shape, "parameters": layer.count_params()})
    return rows


def _floor(value: float) -> float:
    return float(np.floor(value * 10**DIGITS) / 10**DIGITS)


def _write_json(path: Path, value: Any) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")
