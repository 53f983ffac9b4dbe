"""Fit the clear threshold: only a photo with a score below it can get the status `no_cancer_class`.

The score of a photo is the highest cancer probability of five frames (the crop and its four corners), each without and
with the patient details. The scoring network was trained (with early stopping) and calibrated without the photo's
clinic group (one or several clinics). A veto, such as poor quality, forbids the status (see inference.decision).

A melanoma lesion is cleared (missed) if at least one of its photos has no veto and a score below the threshold. Each
clinic group with at least LEAST_LESIONS melanoma lesions has its own threshold. This is the highest threshold at which
the share of cleared lesions has a one-sided upper 95 % bound (Clopper-Pearson) of at most MAX_CLEARED_SHARE. The
smallest of these thresholds is used for all photos. On smaller groups, this threshold is only tested.
"""

import math
from typing import Any

import numpy as np
import pandas as pd
from scipy.stats import beta

from data_modelling.inference.errors import InputError
from data_modelling.metrics.array_types import Floats
from data_modelling.metrics.rounding import round_metric

COLUMNS = ("clinic", "group_id", "diagnosis", "score", "vetoed")  # columns of the table of photos
MELANOMAS, MOLES = ("MEL", "melanoma"), ("NV", "benign")  # the names of the diagnoses in all tasks
LEAST_LESIONS = 150  # melanoma lesions that a clinic group needs for its own threshold
MAX_CLEARED_SHARE = 0.03  # the upper bound of the share of cleared melanoma lesions may be at most this
CARCINOMA_BARS = {"BCC": 0.1, "SCC": 0.05, "AKIEC": 0.05}  # the model card's limits of the cleared share
JUDGED_PHOTOS = 50  # photos of a class that a clinic group needs before the card checks the limit
CONFIDENCE = 0.95  # level of the one-sided bound
DIGITS = 6  # decimals of the threshold


def fit_clear_threshold(photos: pd.DataFrame) -> tuple[float, list[dict[str, Any]]]:
    """Return the threshold, and a list with a row for each clinic group that has melanomas.

    photos: a table with COLUMNS; group_id names the lesion. If no group has LEAST_LESIONS melanoma lesions, the
    threshold is 0, which clears nothing. Raises InputError if a column is missing or a score is not finite.

    A row has the group's numbers of melanoma lesions and of mole photos, and the group's own threshold (None with too
    few lesions). The other values are for the returned threshold: the number and share of cleared melanoma lesions, the
    upper bound of this share, and the share of mole photos that are cleared (None without mole photos).
    """
    if missing := [name for name in COLUMNS if name not in photos]:
        raise InputError(f"The scores lack the column {missing[0]}.")
    if not np.isfinite(photos["score"]).all():
        raise InputError("A score is not a number.")
    lowest = {
        str(clinic): lowest_scores(rows)
        for clinic, rows in photos.groupby("clinic")
        if rows["diagnosis"].isin(MELANOMAS).any()
    }
    own = {
        clinic: group_threshold(scores) for clinic, scores in lowest.items() if len(scores) >= LEAST_LESIONS
    }
    threshold = min(own.values(), default=0.0)
    rows = [
        _row(clinic, scores, own.get(clinic), threshold, photos[photos["clinic"] == clinic])
        for clinic, scores in lowest.items()
    ]
    return threshold, rows


def lowest_scores(photos: pd.DataFrame) -> Floats:
    """Return the lowest score of each melanoma lesion, sorted, (lesions,). A photo with a veto counts as infinity."""
    melanomas = photos[photos["diagnosis"].isin(MELANOMAS)]
    scores = melanomas["score"].astype(float).where(~melanomas["vetoed"].astype(bool), math.inf)
    return np.sort(scores.groupby(melanomas["group_id"]).min().to_numpy(np.float64))


def group_threshold(lowest: Floats) -> float:
    """Return the highest threshold that a clinic group allows, or 0 if it allows none. lowest: from `lowest_scores`."""
    bounds = np.array([cleared_share_bound(cleared, len(lowest)) for cleared in range(len(lowest))])
    allowed = int((bounds <= MAX_CLEARED_SHARE).sum()) - 1  # how many lesions may be cleared
    if allowed < 0:
        return 0.0
    # At most `allowed` lesions are below this score. Rounding this score down clears no more lesions.
    return math.floor(min(float(lowest[allowed]), 1.0) * 10**DIGITS) / 10**DIGITS


def cleared_share_bound(cleared: int, lesions: int) -> float:
    """Return the one-sided upper 95 % bound (Clopper-Pearson) of the share of cleared lesions."""
    return 1.0 if cleared >= lesions else float(beta.ppf(CONFIDENCE, cleared + 1, lesions - cleared))


def _row(
    clinic: str, lowest: Floats, own: float | None, threshold: float, photos: pd.DataFrame
) -> dict[str, Any]:
    cleared = int((lowest < threshold).sum())
    moles = photos[photos["diagnosis"].isin(MOLES)]
    cleared_moles = ~moles["vetoed"].astype(bool) & (moles["score"] < threshold)
    return {
        "clinic": clinic,
        "melanoma_lesions": len(lowest),
        "own_threshold": own,
        "cleared": cleared,
        "share": round_metric(cleared / len(lowest)),
        "bound": round_metric(cleared_share_bound(cleared, len(lowest))),
        "moles": len(moles),
        "cleared_moles": round_metric(cleared_moles.mean()) if len(moles) else None,
    }
