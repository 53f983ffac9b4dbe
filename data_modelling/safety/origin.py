"""Fit the origin detector of inference.checks.photo_checks, which finds phone photos and photos of unfamiliar sources.

python -m data_modelling.safety.origin [--data-root DATA]

The detector is fitted on photos of four sources, after each photo was stretched at random and saved as JPEG again. From
unchanged photos, it would learn how an archive stores photos (stretched to a square, or cropped). This says nothing
about a user's photo. The thresholds come from out-of-fold probabilities. No photo of a locked test is read.
"""

import argparse
import io
import itertools
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from PIL import Image
from tqdm import tqdm

from data_modelling.datasets.data_location import add_data_options
from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import FOLD_NAMES
from data_modelling.datasets.splits.photos import development_photos
from data_modelling.inference.checks.image_features import FEATURE_EDGE, measure_image_features
from data_modelling.inference.checks.photo_checks import (
    ORIGIN_ARRAYS_FILE,
    ORIGIN_FACTS_FILE,
    PHONE_SOURCES,
    OriginDetector,
    probability_of_sources,
    threshold_key,
)
from data_modelling.inference.command_line import run_with_exit_status
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.inference.photo.reader import read_photo
from data_modelling.metrics.array_types import Features, Floats
from data_modelling.safety.degradation import encode_jpeg
from data_modelling.safety.feature_network import fit_feature_network, write_arrays

NAMES = ("ham10000", "isic2017", "isic2020", "pad_ufes_20")  # names of the data sets and their splits
SOURCES = tuple(data_set(name).folder for name in NAMES)  # the names of the sources in metadata.json
DERMOSCOPIC = tuple(source for source in SOURCES if source not in PHONE_SOURCES)
STRETCH = 4 / 3  # largest ratio of the longer side to the shorter side
QUALITY = (60, 96)  # range of the new JPEG's quality, without the upper end
SIZE = 256  # edge of the new JPEG in pixels
EPOCHS, DECAY, RATE, BATCH = 25, 1e-2, 3e-3, 256  # see fit_feature_network
# Largest share of the photos of a model's training sources that may count as unlike the training photos.
UNLIKE_FLAGGED_SHARE = 0.04
PHONE_FLAGGED_SHARE = 0.008  # largest share of a dermoscopic source's photos that may count as phone photos
DIGITS = 6  # decimals of the thresholds


@dataclass(frozen=True)
class OriginFeatures:
    """The features of N photos, row by row.

    table: a table with the columns source, group_id and part. altered: image features (N, FEATURE_COUNT) of the photos
    after `stretch_and_recompress`. plain: the same features of the unchanged photos.
    """

    table: pd.DataFrame
    altered: Features
    plain: Features


def stretch_and_recompress(data: bytes, rng: np.random.Generator) -> bytes:
    """Return a photo's centre, cut to a random rectangle and squeezed into a square, as a JPEG of random quality."""
    with Image.open(io.BytesIO(data)) as file:
        image = file.convert("RGB")
    ratio = float(np.exp(rng.uniform(-np.log(STRETCH), np.log(STRETCH))))
    side = min(image.size)
    width, height = side * min(1, ratio), side * min(1, 1 / ratio)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (left, top, left + width, top + height)
    square = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)
    return encode_jpeg(square, int(rng.integers(*QUALITY)))


def measure_origin_features(data_root: Path | None, splits: Path) -> OriginFeatures:
    """Return features of the photos of NAMES outside locked tests; raise InputError if a data set has no such photo."""
    tables, altered, plain = [], [], []
    for number, name in enumerate(NAMES):
        table = development_photos(name, data_root, splits)
        if table.empty:
            raise InputError(
                f"{data_set(name).folder} has no photo; the detectors need photos of all of these: {', '.join(SOURCES)}."
            )
        for row, path in enumerate(tqdm(table["path"], name, unit=" photos")):
            data = Path(path).read_bytes()
            recompressed = stretch_and_recompress(data, np.random.default_rng((number, row)))
            altered.append(measure_image_features(read_photo(recompressed, FEATURE_EDGE)))
            plain.append(measure_image_features(read_photo(data, FEATURE_EDGE)))
        tables.append(table.assign(source=data_set(name).folder))
    return OriginFeatures(pd.concat(tables, ignore_index=True), np.stack(altered), np.stack(plain))


def fit_origin_detector(values: Features, sources: Sequence[str]) -> OriginDetector:
    """Return a detector that is fitted with the same total weight for each source, but has no useful thresholds yet."""
    labels = np.array([SOURCES.index(source) for source in sources])
    scaling = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64) + 1e-6
    weights = len(labels) / len(SOURCES) / np.bincount(labels)[labels]
    hidden, output = fit_feature_network(values, labels, weights, scaling, DECAY, EPOCHS, BATCH, RATE)
    return OriginDetector(SOURCES, hidden, output, 1.0, {})


def out_of_fold_probabilities(photos: OriginFeatures) -> tuple[Floats, Floats]:
    """Return the out-of-fold probabilities (N, sources) of the sources, for the altered and for the plain photos."""
    altered, plain = (np.zeros((len(photos.table), len(SOURCES))) for _ in range(2))
    for fold in FOLD_NAMES:
        mask = (photos.table["part"] == fold).to_numpy()
        detector = fit_origin_detector(photos.altered[~mask], photos.table.loc[~mask, "source"].tolist())
        altered[mask], plain[mask] = (
            detector.shares(photos.altered[mask]),
            detector.shares(photos.plain[mask]),
        )
    return altered, plain


def origin_thresholds(table: pd.DataFrame, altered: Floats, plain: Floats) -> dict[str, Any]:
    """Return the threshold `phone`, and a threshold `unlike` for every set of sources that may train a model.

    At most PHONE_FLAGGED_SHARE of the photos of each dermoscopic source reach `phone`. At most UNLIKE_FLAGGED_SHARE of
    the photos of a set's sources reach the set's threshold; its key is the set's threshold_key. All this holds for
    altered and for plain photos.
    """
    unlike = {}
    counts = range(1, len(SOURCES) + 1)
    for named in itertools.chain(*(itertools.combinations(SOURCES, count) for count in counts)):
        is_named = table["source"].isin(named).to_numpy()
        scores = [1 - probability_of_sources(rows[is_named], SOURCES, named) for rows in (altered, plain)]
        unlike[threshold_key(named)] = _threshold_for_share(scores, UNLIKE_FLAGGED_SHARE)
    phone = [
        probability_of_sources(rows[(table["source"] == source).to_numpy()], SOURCES, PHONE_SOURCES)
        for source in DERMOSCOPIC
        for rows in (altered, plain)
    ]
    return {"phone": _threshold_for_share(phone, PHONE_FLAGGED_SHARE), "unlike": unlike}


def _threshold_for_share(scores: Sequence[Floats], share: float) -> float:
    """Return a threshold so that at most `share` of the scores in each array are at or above it."""
    limits = [np.quantile(score, 1 - share, method="higher") for score in scores]
    return float((np.floor(max(limits) * 10**DIGITS) + 1) / 10**DIGITS)


def write_detector(
    photos: OriginFeatures, arrays: Path = ORIGIN_ARRAYS_FILE, facts: Path = ORIGIN_FACTS_FILE
) -> dict[str, Any]:
    """Fit a detector on all photos, choose thresholds out-of-fold, write both files; return the JSON file's content."""
    thresholds = origin_thresholds(photos.table, *out_of_fold_probabilities(photos))
    detector = fit_origin_detector(photos.altered, photos.table["source"].tolist())
    values = {"sources": list(SOURCES), "thresholds": thresholds}
    write_arrays(arrays, hidden=detector.hidden, output=detector.output)
    write_json(facts, values)
    return values


def main(arguments: list[str] | None = None) -> int:
    """Parse the options, fit the detector and return the exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__spec__.name}", description="Fit the detector of unfamiliar sources."
    )
    add_data_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        print(write_detector(measure_origin_features(options.data_root, options.splits)))
        return []

    return run_with_exit_status(command)


if __name__ == "__main__":
    sys.exit(main())
