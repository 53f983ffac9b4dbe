"""Test whether the lesion that is unlike a patient's other lesions is the melanoma, on visits drawn from ISIC 2020.

The app marks this lesion if its outlier score (how unlike the others it is) reaches a threshold: the ratio chosen here.
A visit has 3 to 12 random photos of one patient, with one melanoma if the patient has any. Each metric is averaged
over the visits of a patient, and then over the patients. The network must not have been trained on these photos.
"""

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from tqdm import tqdm

from data_modelling.datasets.splits.photos import split_photos
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.source_facts import training_sources
from data_modelling.inference.ugly_duckling import MIN_LESIONS, outlier_scores
from data_modelling.metrics.array_types import Floats
from data_modelling.metrics.bootstrap import RESAMPLES, percentile_interval
from data_modelling.metrics.predictions import write_table
from data_modelling.metrics.rounding import round_metric, to_json_value

VISITS_FILE = "visits.csv"  # in a bundle's predictions/, with COLUMNS
# melanoma: 1 if the visit has one, else 0. photos: number of photos. largest_oddity: their highest outlier score.
# odd_is_melanoma: 1 if the melanoma has this score. first_is_melanoma: 1 if its cancer probability is the highest.
COLUMNS = ("patient", "part", "melanoma", "photos", "largest_oddity", "odd_is_melanoma", "first_is_melanoma")
MAX_VISIT_PHOTOS = 12
VISITS_PER_PATIENT = 40
SEED = 20
# `choose_ratio` lets a lesion be marked in at most this share of the visits without a melanoma. With a share of 0.1,
# only hairs, rulers and bubbles lead to a mark, and a melanoma is marked no more often than by chance.
FALSE_MARK_SHARE = 0.3
DIGITS = 6


def read_lesions(data_root: Path | None, splits: Path) -> pd.DataFrame:
    """Return the available photos of ISIC 2020, with image_id, group_id (the patient), part, path and malignant."""
    rows = split_photos("isic2020", data_root, splits)
    if rows.empty:
        raise InputError("ISIC_2020 has none of the photos of its csv; DATA/README.md tells how to get them.")
    return rows.reset_index(drop=True).assign(malignant=lambda rows: rows["diagnosis"] == "malignant")


def predict_lesions(predictor: Predictor, lesions: pd.DataFrame) -> tuple[Floats, Floats]:
    """Return two arrays: the cancer probability (N,) and the embedding (N, channels) of each photo, without details."""
    scores, vectors = [], []
    for path in tqdm(lesions["path"], desc="photos", disable=None):
        answer = predictor.answer(Path(path).read_bytes(), Details())
        scores.append(answer.cancer_probability)
        vectors.append(answer.embedding)
    return np.array(scores), np.array(vectors, np.float64)


def draw_visits(
    lesions: pd.DataFrame, scores: Floats, vectors: Floats, draws: int = VISITS_PER_PATIENT
) -> pd.DataFrame:
    """Return COLUMNS of `draws` visits for each patient with enough photos. scores, vectors: from `predict_lesions`."""
    rng = np.random.default_rng(SEED)
    malignant, rows = lesions["malignant"].to_numpy(), []
    for patient, group in lesions.reset_index(drop=True).groupby("group_id", sort=True):
        indices = group.index.to_numpy()
        benign, melanomas = indices[~malignant[indices]], indices[malignant[indices]]
        melanoma_count = min(len(melanomas), 1)
        most_photos = min(MAX_VISIT_PHOTOS, len(benign) + melanoma_count)
        if most_photos < MIN_LESIONS:
            continue
        for _ in range(draws):
            size = int(rng.integers(MIN_LESIONS, most_photos + 1))
            benign_rows = rng.choice(benign, size - melanoma_count, replace=False)
            members = np.concatenate([rng.choice(melanomas, melanoma_count, replace=False), benign_rows])
            oddities = outlier_scores(vectors[members])
            rows.append(
                {
                    "patient": str(patient),
                    "part": str(group["part"].iloc[0]),
                    "melanoma": melanoma_count,
                    "photos": len(members),
                    "largest_oddity": round(float(oddities.max()), DIGITS),
                    # If a visit has a melanoma, it is the first of the members.
                    "odd_is_melanoma": int(melanoma_count and oddities.argmax() == 0),
                    "first_is_melanoma": int(melanoma_count and scores[members].argmax() == 0),
                }
            )
    return pd.DataFrame(rows, columns=list(COLUMNS))


def choose_ratio(visits: pd.DataFrame, marked_share: float = FALSE_MARK_SHARE) -> float:
    """Return the smallest ratio at which at most `marked_share` of the visits without a melanoma have a marked lesion.

    A lesion is marked if its outlier score is at least the ratio. All patients count equally.
    """
    healthy = visits[visits["melanoma"] == 0]
    weights = 1 / healthy.groupby("patient")["patient"].transform("size").to_numpy(np.float64)
    largest_oddity = healthy["largest_oddity"].to_numpy()
    order = np.argsort(-largest_oddity, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    allowed = int(np.searchsorted(share, marked_share, side="right"))
    # The ratio is just above the largest oddity in all visits that must have no mark.
    return round(float(largest_oddity[order][min(allowed, len(order) - 1)]) + 10.0**-DIGITS, DIGITS)


def ugly_duckling_metrics(visits: pd.DataFrame) -> dict[str, Any]:
    """Return the entry of metrics.json about marked lesions, with 95 % intervals (bootstrap over patients).

    Four values are shares of the visits with a melanoma. found: the melanoma is marked. by_oddity: it has the highest
    outlier score. by_score: it has the highest cancer probability. by_chance: a photo drawn at random is the melanoma.
    wrong: the share of the visits without a melanoma that have a mark. difference: by_oddity minus by_score. The ratio
    for a part of the split is chosen on the patients of the other parts.
    """
    marked = np.zeros(len(visits), bool)
    for part in visits["part"].unique():
        mask = (visits["part"] == part).to_numpy()
        marked[mask] = visits["largest_oddity"].to_numpy()[mask] >= choose_ratio(visits[~mask])
    scored_visits = visits.assign(
        marked=marked.astype(float),
        found=marked * visits["odd_is_melanoma"].to_numpy(np.float64),
        by_chance=1 / visits["photos"].to_numpy(np.float64),
    )
    by_patient = scored_visits.groupby(["melanoma", "patient"])[
        ["marked", "found", "odd_is_melanoma", "first_is_melanoma", "by_chance"]
    ].mean()
    with_melanoma, without_melanoma = by_patient.loc[1], by_patient.loc[0]
    shares = {
        "found": with_melanoma["found"],
        "wrong": without_melanoma["marked"],
        "by_oddity": with_melanoma["odd_is_melanoma"],
        "by_score": with_melanoma["first_is_melanoma"],
        "by_chance": with_melanoma["by_chance"],
        "difference": with_melanoma["odd_is_melanoma"] - with_melanoma["first_is_melanoma"],
    }
    return {
        "data": "ISIC 2020",
        "patients": int(visits["patient"].nunique()),
        "patients_with_melanoma": len(with_melanoma),
        "visits_a_patient": int(visits.groupby("patient").size().max()),
        "photos_a_visit": [MIN_LESIONS, MAX_VISIT_PHOTOS],
        **{name: _mean_with_interval(values.to_numpy()) for name, values in shares.items()},
    }


def _mean_with_interval(values: Floats) -> dict[str, Any]:
    """Return the mean over patients and its 95 % interval."""
    rng = np.random.default_rng(SEED)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    return {"value": round_metric(values.mean()), "interval": to_json_value(percentile_interval(means))}


def measure_visits(bundle: Bundle, data_root: Path | None, splits: Path) -> None:
    """Draw visits, choose the ratio, write both to the bundle. Raises InputError if it was trained on ISIC 2020."""
    if any("2020" in source for source in training_sources(bundle.metadata)):
        raise InputError(f"{bundle.folder} was trained on ISIC 2020, so these photos cannot test it.")
    lesions = read_lesions(data_root, splits)
    visits = draw_visits(lesions, *predict_lesions(Predictor(bundle), lesions))
    write_table(bundle.folder / "predictions" / VISITS_FILE, visits)
    ratio_choice = {"ratio": choose_ratio(visits), "chosen_on": "visits drawn from ISIC 2020's patients"}
    write_json(bundle.folder / "metadata.json", bundle.metadata | {"odd_one_out": ratio_choice})
