"""Open the locked test (photos that no training or choice used) once per bundle (trained model); record each opening.

To open it means to predict these photos. The record is `DATA/splits/<split>.openings.csv`, outside every bundle. A
bundle gets a copy, so that its model card can be written again from the bundle's own files.
"""

import csv
import datetime as dt
import hashlib
import os
import shutil
from pathlib import Path
from typing import Any

import pandas as pd

from data_modelling.datasets.registry import load_table
from data_modelling.datasets.splits.assignment import TEST, attach_parts, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.evaluation.details_controls import details_alone
from data_modelling.evaluation.served_answers import predict_served
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.files.csv_table import shortened_list
from data_modelling.inference.predictor import Predictor
from data_modelling.metrics.predictions import LOCKED_TEST_FILE, prediction_table, write_predictions
from data_modelling.settings import settings_from_dict

# Two openings are of the same bundle if the hashes of these files were the same both times.
HASHED_FILES = {"model": "model.onnx", "metadata": "metadata.json"}
OPENINGS_FILE = "openings.csv"  # a bundle's copy of the record


def open_test(bundle: Bundle, data_root: Path | None, splits: Path, reason: str) -> list[str]:
    """Predict the locked test of the bundle's data set, and return as text which photos are gone or damaged.

    splits: the folder of the split and of the record. reason: a text for the record. A row about the opening is
    appended to the record before any photo is predicted. Then the bundle gets a copy of the record (openings.csv) and
    the predictions (predictions/locked_test.csv). If the last row is of this bundle, but the bundle lacks this row or
    the predictions, the last opening was interrupted. Then this call resumes that opening and appends no row.

    Raises InputError if the record has another opening of this bundle, no reason is given, or there is no locked test.
    """
    if not reason.strip():
        raise InputError("--open-test needs --reason: why this bundle opens the locked test.")
    settings = bundle.metadata["settings"]
    record = splits / f"{settings['split']}.openings.csv"
    row = _opening_row(bundle, reason)
    predictions_file = bundle.folder / "predictions" / LOCKED_TEST_FILE
    earlier_rows = read_openings(record)
    opened = [old for old in earlier_rows if all(old[name] == row[name] for name in row if "sha256" in name)]
    own_rows = read_openings(bundle.folder / OPENINGS_FILE) if predictions_file.exists() else []
    is_interrupted = bool(opened) and earlier_rows[-1] in opened and earlier_rows[-1] not in own_rows
    if opened and not is_interrupted:
        raise InputError(
            f"This bundle already opened the locked test on {opened[0]['date']} (see {record}); "
            "its metrics.json has the results."
        )
    parts = read_split(split_file(splits, settings["split"]))
    table = attach_parts(load_table(settings_from_dict(settings), data_root)[0], parts)
    gone = sorted(set(parts.loc[parts["part"] == TEST, "image_id"]) - set(table["image_id"]))
    test = table[table["part"] == TEST].reset_index(drop=True)
    if test.empty:
        raise InputError(f"The split {settings['split']} has no locked test.")
    predictor = Predictor(bundle)  # fails before the opening if the bundle cannot run
    if not is_interrupted:
        _append_row(record, row)
    answers = predict_served(predictor, test, "locked test", shuffled=True)
    from_details = details_alone(table[table["part"] != TEST], answers.photos, bundle.task)
    predictions = prediction_table(answers.photos, answers.logits | {"details": from_details}, bundle.task)
    write_predictions(predictions_file, pd.concat([predictions, answers.checks], axis=1))
    with atomic_write(bundle.folder / OPENINGS_FILE) as temporary:
        shutil.copyfile(record, temporary)
    return [f"locked photos gone: {len(gone)} ({shortened_list(gone)})"] * bool(gone) + answers.broken


def openings(folder: Path) -> dict[str, Any]:
    """Return the entry of metrics.json about the openings, for the bundle in `folder`.

    rows: the rows of the bundle's copy of the record. changed: which of model.onnx and metadata.json have changed since
    the last opening; both files if there was no opening.
    """
    rows = read_openings(folder / OPENINGS_FILE)
    changed = [
        file
        for name, file in HASHED_FILES.items()
        if not rows or rows[-1][f"{name}_sha256"] != _sha256(folder / file)
    ]
    return {"rows": rows, "changed": changed}


def read_openings(path: Path) -> list[dict[str, str]]:
    """Return the rows of a record, the earliest first, or [] if the file does not exist."""
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _append_row(record: Path, row: dict[str, str]) -> None:
    """Append a row to the record, and never rewrite earlier rows."""
    with record.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, row, lineterminator="\n")
        if file.tell() == 0:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())


def _opening_row(bundle: Bundle, reason: str) -> dict[str, str]:
    return {
        "date": dt.datetime.now(dt.UTC).date().isoformat(),
        "bundle": bundle.name,
        "version": bundle.version,
        **{f"{name}_sha256": _sha256(bundle.folder / file) for name, file in HASHED_FILES.items()},
        "reason": reason.strip(),
    }


def _sha256(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()
