"""What the served network and its checks say of the photos of a table, as the page and `predict` would have it."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.stored import read_bytes, read_pixels
from data_modelling.datasets.table import details_of
from data_modelling.evaluation.controls import others
from data_modelling.inference.checks import PHONE_PHOTO, UNLIKE_TRAINING, Findings
from data_modelling.inference.details import Details
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photos import square_side
from data_modelling.inference.predictor import Predictor


@dataclass(frozen=True)
class Served:
    """logits: by mode, (N, classes), of the photos that decode. checks: `refusals` and `warnings` of the same photos,
    codes joined by `;`, what their pixels say of their origin among the warnings. broken: the reasons of the other
    photos by image_id.
    """

    logits: dict[str, NDArray[np.floating]]
    checks: pd.DataFrame
    broken: dict[str, str]


def served(predictor: Predictor, table: pd.DataFrame, title: str, shuffled: bool = False) -> Served:
    """Ask the served network, photo by photo.

    table: see datasets.table. title: of the progress bar. shuffled: also with another group's details.
    """
    known = details_of(table)
    asked = {"photo": [Details()] * len(table), "both": known}
    if shuffled:
        asked["shuffled"] = [known[row] for row in others(table["group_id"])]
    found: dict[str, list[NDArray[np.floating]]] = {mode: [] for mode in asked}
    checks, broken = [], {}
    rows = zip(table["image_id"], table["path"], zip(*asked.values(), strict=True), strict=True)
    for image_id, path, told in tqdm(rows, title, len(table)):
        try:
            photo = read_pixels(path, predictor.edge)
        except PhotoError as error:
            broken[image_id] = str(error)
            continue
        findings = predictor.findings(photo, square_side(read_bytes(path)))
        checks.append(_codes(findings))
        for mode, details in zip(asked, told, strict=True):
            found[mode].append(predictor.completed(predictor.logits(photo, details), findings))
    logits = {mode: np.concatenate(values) for mode, values in found.items()}
    return Served(logits, pd.DataFrame(checks), broken)


def _codes(found: Findings) -> dict[str, str]:
    origin = ((PHONE_PHOTO, found.is_phone), (UNLIKE_TRAINING, found.is_unlike))
    warnings = [*found.warnings, *(code for code, holds in origin if holds)]
    return {"refusals": ";".join(found.refusals), "warnings": ";".join(warnings)}
