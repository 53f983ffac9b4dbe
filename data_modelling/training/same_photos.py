"""What a folder's training began with, so that it is not gone on with, or judged, on other photos or another split."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.evaluation.markdown import listed
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

NOTE = "learned_from.json"
WEIGHTS = "first weights"


def refuse_others(
    folder: Path, table: pd.DataFrame, parts: Mapping[str, NDArray[np.bool_]], weights: str = ""
) -> None:
    """Raise InputError where what is in `folder` began with other photos, diagnoses or weights; note them at the beginning.

    parts: rows of the table, (N,) each, by what they are for. weights: network.weights of the settings. A folder from
    before there was the note gets it now.
    """
    told = {name: _of_rows(table[rows]) for name, rows in parts.items()}
    if Path(weights).is_file():
        told[WEIGHTS] = hashlib.sha256(Path(weights).read_bytes()).hexdigest()
    noted = folder / NOTE
    if not noted.exists():
        with replaced_when_whole(noted) as temporary:
            temporary.write_text(json.dumps(told, indent=1) + "\n")
        return
    before = json.loads(noted.read_text())
    if others := [name for name in told if before.get(name) != told[name]]:
        raise InputError(
            f"{folder} began with other {listed(others)}; restore them, or remove the folder to begin anew."
        )


def _of_rows(rows: pd.DataFrame) -> str:
    """A hash of the photos and their diagnoses, in the table's order, in which batches are drawn."""
    lines = (rows["image_id"].astype(str) + "," + rows["diagnosis"].astype(str) + "\n").tolist()
    return hashlib.sha256("".join(lines).encode()).hexdigest()
