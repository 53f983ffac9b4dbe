"""The served network's logits for the photos of a table, as the page and `predict` would have them."""

from pathlib import Path

import numpy as np
import pandas as pd
from tqdm import tqdm

from data_modelling.datasets.table import details_of
from data_modelling.evaluation.controls import others
from data_modelling.inference.details import Details
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photos import read_photo
from data_modelling.inference.predictor import Predictor


def served_logits(
    predictor: Predictor, table: pd.DataFrame, title: str, shuffled: bool = False
) -> tuple[dict[str, np.ndarray], dict[str, str]]:
    """Logits by mode (N, classes) of the photos that decode, and the reasons of the others by image_id.

    table: see datasets.table. title: of the progress bar. shuffled: also with another group's details.
    """
    known = details_of(table)
    asked = {"photo": [Details()] * len(table), "both": known}
    if shuffled:
        asked["shuffled"] = [known[row] for row in others(table["group_id"])]
    found: dict[str, list[np.ndarray]] = {mode: [] for mode in asked}
    broken = {}
    rows = zip(table["image_id"], table["path"], zip(*asked.values(), strict=True), strict=True)
    for image_id, path, told in tqdm(rows, title, len(table)):
        try:
            photo = read_photo(Path(path).read_bytes(), predictor.edge)
        except PhotoError as error:
            broken[image_id] = str(error)
            continue
        for mode, details in zip(asked, told, strict=True):
            found[mode].append(predictor.logits(photo, details))
    return {mode: np.concatenate(values) for mode, values in found.items()}, broken
