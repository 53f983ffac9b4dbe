"""Whether the odd one out of a patient's spots is the melanoma: visits drawn from the patients of ISIC 2020.

The network must not have been trained on these photos. A visit holds 3 to 12 photos of one patient, of which one is
a melanoma where the patient has any. All shares are means over patients of the means over their visits.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.roots import find_root
from data_modelling.datasets.sources import SOURCES
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import attach_parts, read_split
from data_modelling.evaluation.intervals import RESAMPLES, interval
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.oddity import FEWEST, oddity
from data_modelling.inference.predictor import Predictor

Floats = NDArray[np.float64]

FILE = "visits.csv"  # in a bundle's predictions/
COLUMNS = ("patient", "part", "melanoma", "photos", "largest_oddity", "odd_is_melanoma", "first_is_melanoma")
LARGEST = 12  # photos of a visit
DRAWS = 40  # visits a patient
SEED = 20
# The share of visits without a melanoma that may have a mark: from this the ratio is chosen. With a tenth, the few
# spots that are still marked are hairs, rulers and bubbles: melanomas are marked no more often than by chance.
WRONG = 0.3
DIGITS = 6


def read_lesions(data_root: Path | None, splits: Path) -> pd.DataFrame:
    """The photos of ISIC 2020 that are at hand: image_id, group_id (a patient), part, path, malignant."""
    source = next(source for source in SOURCES if source.name == "isic2020")
    root = find_root(data_root, source.folder, *source.markers)
    found, _ = photos_in(folder for folder in (root / "images", root) if folder.is_dir())
    rows = source.read(root)
    rows = rows[rows["image_id"].isin(list(found))].reset_index(drop=True)
    if rows.empty:
        raise InputError(f"{root} holds no photo of its csv; DATA/README.md tells how to get them.")
    rows = attach_parts(rows, read_split(split_file(splits, source.name)))
    return rows.assign(path=rows["image_id"].map(found), malignant=rows["diagnosis"] == "malignant")


def judged(predictor: Predictor, lesions: pd.DataFrame) -> tuple[Floats, Floats]:
    """Cancer probability (N,) and embedding (N, D) of each photo, without any detail."""
    scores, vectors = [], []
    for path in tqdm(lesions["path"], desc="photos", disable=None):
        answer = predictor.answer(Path(path).read_bytes(), Details())
        scores.append(answer.cancer_probability)
        vectors.append(answer.embedding)
    return np.array(scores), np.array(vectors, np.float64)


def draw_visits(lesions: pd.DataFrame, scores: Floats, vectors: Floats, draws: int = DRAWS) -> pd.DataFrame:
    """Visits of every patient who has photos enough, a row each, with COLUMNS."""
    rng = np.random.default_rng(SEED)
    rows = [
        {"patient": patient, "part": part, **_visit(members, lesions, scores, vectors)}
        for patient, part, members in _members(lesions, rng, draws)
    ]
    return pd.DataFrame(rows, columns=list(COLUMNS))


def _members(
    lesions: pd.DataFrame, rng: np.random.Generator, draws: int
) -> Iterator[tuple[str, str, NDArray[np.int64]]]:
    """Patient, part, and the rows of one visit, a melanoma first where the patient has one."""
    malignant = lesions["malignant"].to_numpy()
    for patient, group in lesions.reset_index(drop=True).groupby("group_id", sort=True):
        indices = group.index.to_numpy()
        benign, melanomas = indices[~malignant[indices]], indices[malignant[indices]]
        first = 1 if len(melanomas) else 0
        most = min(LARGEST, len(benign) + first)
        if most < FEWEST:
            continue
        for _ in range(draws):
            size = int(rng.integers(FEWEST, most + 1))
            chosen = rng.choice(benign, size - first, replace=False)
            leading = rng.choice(melanomas, first, replace=False)
            yield str(patient), str(group["part"].iloc[0]), np.concatenate([leading, chosen])


def _visit(
    members: NDArray[np.int64], lesions: pd.DataFrame, scores: Floats, vectors: Floats
) -> dict[str, Any]:
    odd, score = oddity(vectors[members]), scores[members]
    melanoma = bool(lesions["malignant"].iloc[members[0]])
    return {
        "melanoma": int(melanoma),
        "photos": len(members),
        "largest_oddity": round(float(odd.max()), DIGITS),
        "odd_is_melanoma": int(melanoma and odd.argmax() == 0),
        "first_is_melanoma": int(melanoma and score.argmax() == 0),
    }


def choose_ratio(visits: pd.DataFrame, wrong: float = WRONG) -> float:
    """The smallest ratio with which at most that share of the visits without a melanoma has a mark."""
    healthy = visits[visits["melanoma"] == 0]
    weights = 1 / healthy.groupby("patient")["patient"].transform("size").to_numpy(np.float64)
    largest = healthy["largest_oddity"].to_numpy()
    order = np.argsort(-largest, kind="stable")
    share = np.cumsum(weights[order]) / weights.sum()
    within = int(np.searchsorted(share, wrong, side="right"))
    # Just above the first visit that would be too many.
    return round(float(largest[order][min(within, len(order) - 1)]) + 10.0**-DIGITS, DIGITS)


def figures(visits: pd.DataFrame) -> dict[str, Any]:
    """What metrics.json says of the mark, each share with its 95 % interval (bootstrap over patients).

    found and wrong are cross-fitted: the ratio that judges a part's patients was chosen on the other parts'.
    """
    marked = np.zeros(len(visits), bool)
    for part in visits["part"].unique():
        inside = (visits["part"] == part).to_numpy()
        marked[inside] = visits["largest_oddity"].to_numpy()[inside] >= choose_ratio(visits[~inside])
    told = visits.assign(
        marked=marked.astype(float),
        found=marked * visits["odd_is_melanoma"].to_numpy(np.float64),
        by_chance=1 / visits["photos"].to_numpy(np.float64),
    )
    by_patient = told.groupby(["melanoma", "patient"])[
        ["marked", "found", "odd_is_melanoma", "first_is_melanoma", "by_chance"]
    ].mean()
    ill, healthy = by_patient.loc[1], by_patient.loc[0]
    by_oddity, by_score = (ill[name].to_numpy() for name in ("odd_is_melanoma", "first_is_melanoma"))
    shares = {
        "found": ill["found"].to_numpy(),
        "wrong": healthy["marked"].to_numpy(),
        "by_oddity": by_oddity,
        "by_score": by_score,
        "by_chance": ill["by_chance"].to_numpy(),
        "difference": by_oddity - by_score,
    }
    return {
        "data": "ISIC 2020",
        "patients": int(visits["patient"].nunique()),
        "patients_with_melanoma": len(ill),
        "visits_a_patient": int(visits.groupby("patient").size().max()),
        "photos_a_visit": [FEWEST, LARGEST],
        **{name: _with_interval(values) for name, values in shares.items()},
    }


def _with_interval(values: Floats) -> dict[str, Any]:
    """The mean over patients and its percentile interval."""
    rng = np.random.default_rng(SEED)
    means = values[rng.integers(0, len(values), (RESAMPLES, len(values)))].mean(axis=1)
    low, high = interval(means)
    return {
        "value": round(float(values.mean()), DIGITS),
        "interval": [round(low, DIGITS), round(high, DIGITS)],
    }


def read_visits(path: Path) -> pd.DataFrame:
    """The visits as written; InputError when the file lacks a column."""
    visits = pd.read_csv(path, dtype={"patient": str, "part": str})
    missing = [column for column in COLUMNS if column not in visits]
    if missing:
        raise InputError(f"{path} lacks the column {missing[0]}; restore the bundle.")
    return visits
