"""The committed predictions: every published figure can be computed again from them."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.table import class_indices
from data_modelling.inference.diagnoses import codes, learned
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

# What the model was given: the photo alone, or the photo and the known details.
MODES = ("photo", "both")
# What these are compared with (see evaluation.controls): the details alone, without any photo, and the photo
# with another photo's details. No choice is made on them.
CONTROLS = ("details", "shuffled")
MORE = "more.csv"  # of the photos of other sets that train too, each by a network that never saw its fold
# Decimals of the logits: fewer would move figures, more would only make a bundle larger.
DIGITS = dict.fromkeys(MODES, 3) | dict.fromkeys(CONTROLS, 2)
FACTS = {
    "image_id": "image_id",
    "group_id": "group_id",
    "part": "part",
    "source": "source",
    "diagnosis": "truth",
    "age": "age",
    "sex": "sex",
    "site": "site",
    "confirmation": "confirmation",
}


# What the checks say of a photo, codes joined by `;`, the gate being that of its own fold.
CHECKS = ("refusals", "warnings")


def prediction_table(
    table: pd.DataFrame, logits: Mapping[str, NDArray[np.floating]], task: str
) -> pd.DataFrame:
    """Facts and logits of a table's photos, a row a photo: columns FACTS' values, then `<mode>_<class>`.

    logits: (N, classes) for each of MODES, and for those of CONTROLS that there are, before the temperature, for
    the data set's own class shares.
    """
    facts = table[list(FACTS)].rename(columns=FACTS).reset_index(drop=True)
    columns = {
        column: logits[mode][:, index]
        for mode in MODES + CONTROLS
        if mode in MODES or mode in logits
        for index, column in enumerate(_columns(mode, task))
    }
    return pd.concat([facts, pd.DataFrame(columns)], axis=1)


def modes_in(predictions: pd.DataFrame, task: str) -> tuple[str, ...]:
    """Those of MODES and CONTROLS that the predictions have; files written before there were CONTROLS lack them."""
    return tuple(mode for mode in MODES + CONTROLS if set(_columns(mode, task)) <= set(predictions))


def as_written(predictions: pd.DataFrame) -> pd.DataFrame:
    """With the logits that `write_predictions` keeps: what is chosen on them holds for the file to the last photo."""
    return predictions.round(
        {column: digits for mode, digits in DIGITS.items() for column in predictions if _is_of(column, mode)}
    )


def write_predictions(path: Path, predictions: pd.DataFrame) -> None:
    """Write as csv, sorted by image_id, logits with DIGITS decimals, ages without needless zeros."""
    short = {
        column: predictions[column].map(f"{{:.{digits}f}}".format)
        for mode, digits in DIGITS.items()
        for column in predictions
        if _is_of(column, mode)
    }
    with replaced_when_whole(path) as temporary:
        predictions.assign(**short).sort_values("image_id").to_csv(
            temporary, index=False, float_format="%g", lineterminator="\n"
        )


def read_predictions(path: Path) -> pd.DataFrame:
    """Predictions as written; InputError when the file is absent or lacks a column."""
    try:
        # As text whatever is in them: a data set may know no site, no confirmation.
        texts = [*(name for name in FACTS.values() if name != "age"), *CHECKS]
        predictions = pd.read_csv(path, dtype=dict.fromkeys(texts, str))
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; restore the bundle.") from error
    missing = [column for column in FACTS.values() if column not in predictions]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]}; restore the bundle.")
    return predictions


def truth(predictions: pd.DataFrame, task: str) -> NDArray[np.int64]:
    """Class indices (N,) of the true diagnoses."""
    return class_indices(predictions["truth"], task)


def logits(predictions: pd.DataFrame, mode: str, task: str) -> NDArray[np.float64]:
    """Logits (N, classes) of one of MODES or CONTROLS."""
    return predictions[_columns(mode, task)].to_numpy(np.float64)


def with_logits(predictions: pd.DataFrame, mode: str, found: NDArray[np.floating], task: str) -> pd.DataFrame:
    """The predictions with other logits (N, classes) of one mode."""
    return predictions.assign(**dict(zip(_columns(mode, task), found.T, strict=True)))


def learned_logits(predictions: pd.DataFrame, mode: str, task: str) -> NDArray[np.float64]:
    """The logits of the classes that the network learned, (N, learned): the first columns."""
    return logits(predictions, mode, task)[:, : len(learned(task))]


def _columns(mode: str, task: str) -> list[str]:
    return [f"{mode}_{code}" for code in codes(task)]


def refused(predictions: pd.DataFrame) -> NDArray[np.bool_]:
    """Which photos are refused, (N,); none where the predictions are from before the checks."""
    if "refusals" not in predictions:
        return np.zeros(len(predictions), bool)
    return predictions["refusals"].fillna("").ne("").to_numpy(bool)


def _is_of(column: str, mode: str) -> bool:
    return column.startswith(f"{mode}_")
