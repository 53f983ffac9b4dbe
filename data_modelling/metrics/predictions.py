"""Read and write the predictions of a bundle, from which its metrics can be computed again without the photos."""

import gzip
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.table import class_indices
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.modes import MODES
from data_modelling.metrics.array_types import Floats, Mask

OUT_OF_FOLD, LOCKED_TEST = "out_of_fold", "locked_test"  # keys of metrics.json
# Files in a bundle's folder `predictions`. Large files are compressed.
OUT_OF_FOLD_FILE, LOCKED_TEST_FILE = f"{OUT_OF_FOLD}.csv.gz", f"{LOCKED_TEST}.csv"
# Two controls to compare with MODES (photo alone, photo with details): the details without any photo, and the photo
# with the details of a photo of another group. No threshold is chosen on them. See evaluation.details_controls.
CONTROL_MODES = ("details", "shuffled")
# This file has the predictions for the photos of extra sets, each by a network that never saw the photo's fold.
EXTRA_PREDICTIONS_FILE = "more.csv.gz"
DIFFERENCE_DECIMALS = 9  # decimals of the difference of two logits
# Decimals of the logits: fewer would change metrics, more would only make a bundle larger.
LOGIT_DECIMALS = dict.fromkeys(MODES, 3) | dict.fromkeys(CONTROL_MODES, 2)
# Columns of the table of photos, and their names in the predictions.
FACTS = {name: name for name in ("image_id", "group_id", "part", "source")} | {"diagnosis": "truth"}
FACTS |= {name: name for name in ("age", "sex", "site", "confirmation")}
# These columns are read as text, even if they are empty (a data set may lack sites) or look like numbers.
TEXTS = (*(name for name in FACTS.values() if name != "age"), "diagnosis", "clinic", "fold", "patient")
# Columns of reason codes, joined by `;`. safety.gate_scores says where the code photo_foreign (no lesion) comes from.
CHECKS = ("refusals", "warnings")


def prediction_table(
    table: pd.DataFrame, logits: Mapping[str, NDArray[np.floating]], task: str
) -> pd.DataFrame:
    """Return a table with a row per photo: the columns that FACTS names, then logits as `<mode>_<class>`.

    table: the table of photos. logits: (N, classes) by mode, for both MODES and for the CONTROL_MODES that exist. The
    logits include the prior shift (to the true class shares), but are not yet calibrated (divided by the temperature).
    """
    facts = table[list(FACTS)].rename(columns=FACTS).reset_index(drop=True)
    columns = {
        column: logits[mode][:, index]
        for mode in MODES + CONTROL_MODES
        if mode in MODES or mode in logits
        for index, column in enumerate(_columns(mode, task))
    }
    return pd.concat([facts, pd.DataFrame(columns)], axis=1)


def available_modes(predictions: pd.DataFrame, task: str) -> tuple[str, ...]:
    """Return the MODES and CONTROL_MODES that the predictions have; older files lack CONTROL_MODES."""
    return tuple(mode for mode in MODES + CONTROL_MODES if set(_columns(mode, task)) <= set(predictions))


def round_logits(predictions: pd.DataFrame) -> pd.DataFrame:
    """Return the predictions with logits rounded as in the file, so that thresholds chosen on them fit the file too."""
    return predictions.round(_logit_decimals(predictions))


def write_predictions(path: Path, predictions: pd.DataFrame) -> None:
    """Write the predictions as csv, sorted by image_id, with LOGIT_DECIMALS decimals for the logits."""
    logit_texts = {
        column: predictions[column].map(f"{{:.{digits}f}}".format)
        for column, digits in _logit_decimals(predictions).items()
    }
    write_table(path, predictions.assign(**logit_texts).sort_values("image_id"), float_format="%g")


def read_predictions(path: Path) -> pd.DataFrame:
    """Return the predictions in a file; raise InputError if the file is absent or lacks a column."""
    return read_table(path, FACTS.values())


def write_table(path: Path, table: pd.DataFrame, **options: Any) -> None:
    """Write a csv file of the bundle, compressed if `path` ends with .gz; equal tables give files with equal bytes.

    options: further arguments of pandas' to_csv.
    """
    text = table.to_csv(index=False, lineterminator="\n", **options).encode()
    with atomic_write(path) as temporary:
        temporary.write_bytes(gzip.compress(text, mtime=0) if path.suffix == ".gz" else text)


def read_table(path: Path, columns: Iterable[str], advice: str = "restore the bundle") -> pd.DataFrame:
    """Return the table in a csv file; raise InputError with `advice` if the file or one of `columns` is missing."""
    try:
        table = pd.read_csv(path, dtype=dict.fromkeys((*TEXTS, *CHECKS), str))
    except FileNotFoundError as error:
        raise InputError(f"{path} is missing; {advice}.") from error
    if missing := [column for column in columns if column not in table]:
        raise InputError(f"{path} lacks the column {missing[0]}; {advice}.")
    return table


def true_classes(predictions: pd.DataFrame, task: str) -> NDArray[np.int64]:
    """Return the class indices (N,) of the true diagnoses."""
    return class_indices(predictions["truth"], task)


def mode_logits(predictions: pd.DataFrame, mode: str, task: str) -> Floats:
    """Return the logits (N, classes) of one of MODES or CONTROL_MODES, minus the highest logit of the same photo.

    Only these differences matter. They are rounded to remove float errors. Then photos with equal probabilities are
    tied in an AUC on every processor, although processors compute the last bit of `exp` differently.
    """
    logits = predictions[_columns(mode, task)].to_numpy(np.float64)
    return np.asarray(np.round(logits - logits.max(axis=1, keepdims=True), DIFFERENCE_DECIMALS))


def replace_logits(
    predictions: pd.DataFrame, mode: str, logits: NDArray[np.floating], task: str
) -> pd.DataFrame:
    """Return the predictions with `logits` (N, classes) in the columns of one mode."""
    return predictions.assign(**dict(zip(_columns(mode, task), logits.T, strict=True)))


def learned_logits(predictions: pd.DataFrame, mode: str, task: str) -> Floats:
    """Return the first columns of `mode_logits`: the logits of the classes that the network learned, (N, learned)."""
    return mode_logits(predictions, mode, task)[:, : len(learned_class_codes(task))]


def _columns(mode: str, task: str) -> list[str]:
    return [f"{mode}_{code}" for code in class_codes(task)]


def refused_mask(predictions: pd.DataFrame) -> Mask:
    """Return a mask (N,) of the refused photos; in older files, which lack the checks, no photo counts as refused."""
    if "refusals" not in predictions:
        return np.zeros(len(predictions), bool)
    return predictions["refusals"].fillna("").ne("").to_numpy(bool)


def _logit_decimals(predictions: pd.DataFrame) -> dict[str, int]:
    """Return the decimals of each column of logits."""
    return {
        column: digits
        for mode, digits in LOGIT_DECIMALS.items()
        for column in map(str, predictions)
        if column.startswith(f"{mode}_")
    }
