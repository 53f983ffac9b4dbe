"""Predict the photos of a table as the app and `predict` do: with the served network and the checks of a photo."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.formats.stored_photo import read_bytes, read_pixels
from data_modelling.datasets.table import details_per_row
from data_modelling.evaluation.details_controls import permute_between_groups
from data_modelling.inference.checks.photo_checks import PHONE_PHOTO, UNLIKE_TRAINING
from data_modelling.inference.details import Details
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.modes import PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.inference.photo.reader import square_edge
from data_modelling.inference.predictor import Predictor


@dataclass(frozen=True)
class ServedAnswers:
    """Holds the answers to the photos of a table.

    photos: the N rows whose photos can be decoded. logits: for each mode, an array (N, classes). checks: what the
    checks say of these photos, as codes joined by `;` in the columns `refusals` and `warnings`. The codes for a phone
    photo and for an unfamiliar source are among the warnings. broken: which photos cannot be decoded, and why.
    """

    photos: pd.DataFrame
    logits: dict[str, NDArray[np.floating]]
    checks: pd.DataFrame
    broken: list[str]


def predict_served(
    predictor: Predictor, table: pd.DataFrame, title: str, shuffled: bool = False
) -> ServedAnswers:
    """Return the served network's answers, predicted photo by photo.

    table: see datasets.table. title: the title of the progress bar. shuffled: whether to predict each photo also with
    the details of another lesion or patient, as the mode "shuffled".
    """
    details_of_rows = details_per_row(table)
    details_by_mode = {PHOTO_ONLY: [Details()] * len(table), PHOTO_AND_DETAILS: details_of_rows}
    if shuffled:
        details_by_mode["shuffled"] = [
            details_of_rows[row] for row in permute_between_groups(table["group_id"])
        ]
    logits_by_mode: dict[str, list[NDArray[np.floating]]] = {mode: [] for mode in details_by_mode}
    checks: list[dict[str, str]] = []
    broken: dict[str, str] = {}
    rows = zip(table["image_id"], table["path"], zip(*details_by_mode.values(), strict=True), strict=True)
    for image_id, path, row_details in tqdm(rows, title, len(table)):
        try:
            photo = read_pixels(path, predictor.edge)
        except PhotoError as error:
            broken[image_id] = str(error)
            continue
        findings = predictor.findings(photo, square_edge(read_bytes(path)))
        origin = ((PHONE_PHOTO, findings.is_phone), (UNLIKE_TRAINING, findings.is_unlike))
        warnings = [*findings.warnings, *(code for code, holds in origin if holds)]
        checks.append({"refusals": ";".join(findings.refusals), "warnings": ";".join(warnings)})
        for mode, details in zip(details_by_mode, row_details, strict=True):
            logits_by_mode[mode].append(
                predictor.completed(predictor.logits(photo, details), findings.distance)
            )
    logits = {mode: np.concatenate(values) for mode, values in logits_by_mode.items()}
    photos = table[~table["image_id"].isin(list(broken))].reset_index(drop=True)
    messages = [f"{image_id}: {message}" for image_id, message in broken.items()]
    return ServedAnswers(photos, logits, pd.DataFrame(checks), messages)
