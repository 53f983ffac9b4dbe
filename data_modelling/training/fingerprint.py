"""Checks by a saved hash that a training is resumed and evaluated with the photos and the split that it began with."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.inference.errors import InputError, join_names
from data_modelling.inference.files.atomic_files import write_json

FINGERPRINT_FILE = "learned_from.json"


def check_fingerprint(folder: Path, table: pd.DataFrame, parts: Mapping[str, NDArray[np.bool_]]) -> None:
    """Raise InputError if the training in `folder` began with other photos or diagnoses.

    If the folder has no fingerprint, as at the beginning of a training, the function writes one.
    parts: masks (N,) of the table's rows; the keys say what the rows are used for, such as "stopping photos".
    """
    hashes = {name: _hash_rows(table[mask]) for name, mask in parts.items()}
    file = folder / FINGERPRINT_FILE
    if not file.exists():
        write_json(file, hashes)
        return
    saved_hashes = json.loads(file.read_text())
    if changed := [name for name in hashes if saved_hashes.get(name) != hashes[name]]:
        raise InputError(
            f"The training in {folder} began with other {join_names(changed)}; restore them, or remove the folder to begin again."
        )


def _hash_rows(rows: pd.DataFrame) -> str:
    """Return a hash of the photos and their diagnoses in the table's order, because batches are drawn by row number."""
    lines = (rows["image_id"].astype(str) + "," + rows["diagnosis"].astype(str) + "\n").tolist()
    return hashlib.sha256("".join(lines).encode()).hexdigest()
