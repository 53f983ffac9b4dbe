"""The locked test: opened once a released bundle, and each opening on record for ever."""

import csv
import datetime as dt
import os
from pathlib import Path

import pandas as pd

from data_modelling.datasets import load_table
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import TEST, attach_parts, read_split
from data_modelling.evaluation.controls import details_alone
from data_modelling.evaluation.openings import COLUMNS, metadata_sha256, note_in_bundle, read_openings
from data_modelling.evaluation.predictions import prediction_table, write_predictions
from data_modelling.evaluation.report import LOCKED_TEST
from data_modelling.evaluation.serving import served
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Predictor
from data_modelling.settings import from_dict


def open_test(bundle: Bundle, data_root: Path | None, splits: Path, reason: str) -> list[str]:
    """Predict the locked part of the bundle's data set and put the opening on record.

    Appends to `<set>.openings.csv` in `splits`, before any photo is read: a test that was read is on record
    whatever comes after. Then writes predictions/locked_test.csv and openings.csv, a copy of the record as it is
    now, into the bundle. Returns photos that do not decode. An opening that was interrupted before the predictions
    were written is gone on with; it has its row already.

    Raises InputError when this bundle has opened the test before, or when no reason is given.
    """
    if not reason.strip():
        raise InputError("--open-test needs --reason: why this bundle opens the locked test.")
    settings = bundle.metadata["settings"]
    record = splits / f"{settings['split']}.openings.csv"
    row = _row(bundle, reason)
    predicted = bundle.folder / "predictions" / f"{LOCKED_TEST}.csv"
    interrupted = _is_on_record(record, row) and not predicted.exists()
    if not interrupted:
        _refuse_second(record, row)
    table, _ = load_table(from_dict(settings), data_root)
    table = attach_parts(table, read_split(split_file(splits, settings["split"])))
    test = table[table["part"] == TEST].reset_index(drop=True)
    if test.empty:
        raise InputError(f"The split {settings['split']} has no locked part.")
    predictor = Predictor(bundle)  # a bundle that cannot be run opens nothing
    if not interrupted:
        _append(record, row)
    note_in_bundle(bundle.folder, read_openings(record))
    found = served(predictor, test, "locked test", shuffled=True)
    kept = test[~test["image_id"].isin(list(found.broken))]
    logits = found.logits | {"details": details_alone(table[table["part"] != TEST], kept, bundle.task)}
    predictions = prediction_table(kept, logits, bundle.task)
    write_predictions(predicted, pd.concat([predictions, found.checks], axis=1))
    return [f"{image_id}: {message}" for image_id, message in found.broken.items()]


def _row(bundle: Bundle, reason: str) -> dict[str, str]:
    metadata = metadata_sha256(bundle.folder)
    today = dt.datetime.now(dt.UTC).date().isoformat()
    values = (today, bundle.name, bundle.version, bundle.sha256, metadata, reason.strip())
    return dict(zip(COLUMNS, values, strict=True))


def _is_on_record(record: Path, row: dict[str, str]) -> bool:
    """Whether the last opening is this bundle's own."""
    return bool(rows := read_openings(record)) and _same_bundle(rows[-1], row)


def _refuse_second(record: Path, row: dict[str, str]) -> None:
    for earlier in read_openings(record):
        if _same_bundle(earlier, row):
            raise InputError(
                f"This bundle opened the locked test on {earlier['date']} already (see {record}); "
                "its figures are in the bundle."
            )


def _same_bundle(one: dict[str, str], other: dict[str, str]) -> bool:
    return all(one[column] == other[column] for column in ("model_sha256", "metadata_sha256"))


def _append(record: Path, row: dict[str, str]) -> None:
    """Add a row; the earlier ones are never rewritten."""
    fresh = not record.exists()
    with record.open("a", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
        if fresh:
            writer.writeheader()
        writer.writerow(row)
        file.flush()
        os.fsync(file.fileno())
