"""Fit the detectors of inference.origin on the sources of photos at hand, and measure how often they are wrong.

python -m data_modelling.rejection.origin [--data-root DATA]

Before fitting, each photo of every source is stretched and encoded anew in the same way: some files are stretched to
a square where others are cropped, and what an archive did to its files is nothing that a user's photo shows. Figures
are of five folds of whole groups, and of each source by a detector that never saw it. No locked photo is read.
"""

import argparse
import io
import itertools
import json
import sys
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier
from tqdm import tqdm

from data_modelling.datasets.roots import add_data_options
from data_modelling.datasets.split_photos import BY_NAME, development_photos
from data_modelling.datasets.splits import FOLDS
from data_modelling.evaluation.intervals import group_indices, interval, resamples, weighted_aucs
from data_modelling.inference.commands import run
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.looks import EDGE, looks
from data_modelling.inference.origin import (
    ARRAYS,
    FACTS,
    PHONE_SOURCES,
    OriginDetector,
    known_sources,
    sum_of,
    threshold_key,
)
from data_modelling.inference.photos import read_photo

NAMES = ("ham10000", "isic2017", "isic2020", "pad_ufes_20")  # of the splits
SOURCES = tuple(BY_NAME[name].folder for name in NAMES)  # as metadata.json names them
DERMOSCOPIC = tuple(source for source in SOURCES if source not in PHONE_SOURCES)
STRETCH = 4 / 3  # largest ratio of width to height, either way
QUALITY = (60, 96)  # of the new JPEG, from and up to
SIZE = 256  # pixels of its side
UNITS, EPOCHS, DECAY, RATE, BATCH = 32, 25, 1e-2, 3e-3, 256  # of the fit; linear scores do almost as well
LIKE_FLAGGED = 0.04  # of the photos of named sources, plain or stretched, above the threshold of unlike
PHONE_FLAGGED = 0.008  # of the dermoscopic photos of any source above the threshold of phone photos
RESAMPLES, SEED, DIGITS = 500, 11, 6
Floats = NDArray[np.float64]


@dataclass(frozen=True)
class Photos:
    """Row by row: `table` with source, group_id and part; the looks (N, COUNT) of altered and of plain photos."""

    table: pd.DataFrame
    altered: NDArray[np.float32]
    plain: NDArray[np.float32]


def stretched_anew(data: bytes, rng: np.random.Generator) -> bytes:
    """A photo's centre cut to a random shape, pressed into a square and encoded as a JPEG of random quality."""
    with Image.open(io.BytesIO(data)) as file:
        image = file.convert("RGB")
    ratio = float(np.exp(rng.uniform(-np.log(STRETCH), np.log(STRETCH))))
    side = min(image.size)
    width, height = side * min(1, ratio), side * min(1, 1 / ratio)
    left, top = (image.width - width) / 2, (image.height - height) / 2
    box = (left, top, left + width, top + height)
    square = image.resize((SIZE, SIZE), Image.Resampling.BICUBIC, box=box)
    target = io.BytesIO()
    square.save(target, "JPEG", quality=int(rng.integers(*QUALITY)))
    return target.getvalue()


def measured(data_root: Path | None, splits: Path) -> Photos:
    """All photos at hand of NAMES without the locked test; InputError when one of the sets is not there."""
    tables, altered, plain = [], [], []
    for number, name in enumerate(NAMES):
        table = development_photos(name, data_root, splits)
        for row, path in enumerate(tqdm(table["path"], name, unit=" photos")):
            data = Path(path).read_bytes()
            changed = stretched_anew(data, np.random.default_rng((number, row)))
            altered.append(looks(read_photo(changed, EDGE)))
            plain.append(looks(read_photo(data, EDGE)))
        tables.append(table.assign(source=BY_NAME[name].folder))
    return Photos(pd.concat(tables, ignore_index=True), np.stack(altered), np.stack(plain))


def fitted(values: NDArray[np.float32], sources: Sequence[str]) -> OriginDetector:
    """A detector of the sources that occur, each counted as often as the others; its thresholds are 1."""
    present = tuple(source for source in SOURCES if source in set(sources))
    labels = np.array([present.index(source) for source in sources])
    mean, spread = values.mean(axis=0, dtype=np.float64), values.std(axis=0, dtype=np.float64) + 1e-6
    network = MLPClassifier(
        (UNITS,),
        alpha=DECAY,
        batch_size=min(BATCH, len(values)),
        max_iter=EPOCHS,
        learning_rate_init=RATE,
        random_state=SEED,
    )
    weights = len(labels) / len(present) / np.bincount(labels)[labels]
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the epochs are counted, not waited for
        network.fit((values - mean) / spread, labels, sample_weight=weights)
    (first, second), (first_bias, second_bias) = network.coefs_, network.intercepts_
    if len(present) == 2:  # scikit-learn then has one output, of the second source
        second, second_bias = np.hstack([0 * second, second]), np.append(0, second_bias)
    first = first / spread[:, None]
    hidden = np.vstack([first, first_bias - mean @ first]).astype(np.float32)
    output = np.vstack([second, second_bias]).astype(np.float32)
    return OriginDetector(present, hidden, output, 1.0, {})


def shares_of(detector: OriginDetector, values: NDArray[np.float32]) -> Floats:
    """The probability of each of SOURCES, (N, sources); 0 for one that the detector does not know."""
    found = np.zeros((len(values), len(SOURCES)))
    columns = [SOURCES.index(source) for source in detector.sources]
    found[:, columns] = detector.shares(values)
    return found


def out_of_fold(photos: Photos) -> tuple[Floats, Floats]:
    """Probabilities of altered and of plain photos, by detectors that never saw a photo of their group."""
    altered, plain = (np.zeros((len(photos.table), len(SOURCES))) for _ in range(2))
    for fold in FOLDS:
        inside = (photos.table["part"] == fold).to_numpy()
        detector = fitted(photos.altered[~inside], photos.table.loc[~inside, "source"].tolist())
        altered[inside] = shares_of(detector, photos.altered[inside])
        plain[inside] = shares_of(detector, photos.plain[inside])
    return altered, plain


def without_source(photos: Photos, left_out: str) -> tuple[Floats, Floats]:
    """The same for detectors that never saw the source `left_out` either."""
    seen = (photos.table["source"] != left_out).to_numpy()
    known = Photos(photos.table[seen], photos.altered[seen], photos.plain[seen])
    altered, plain = (np.zeros((len(photos.table), len(SOURCES))) for _ in range(2))
    altered[seen], plain[seen] = out_of_fold(known)
    detector = fitted(known.altered, known.table["source"].tolist())
    altered[~seen], plain[~seen] = (shares_of(detector, v[~seen]) for v in (photos.altered, photos.plain))
    return altered, plain


def phone_of(shares: Floats) -> Floats:
    """The probability of a phone photo, (N,)."""
    return sum_of(shares, SOURCES, PHONE_SOURCES)


def unlike_of(shares: Floats, named: Sequence[str]) -> Floats:
    """The probability of a source that is not named, (N,)."""
    return 1 - sum_of(shares, SOURCES, named)


def thresholds_of(table: pd.DataFrame, altered: Floats, plain: Floats) -> dict[str, Any]:
    """Where at most LIKE_FLAGGED and PHONE_FLAGGED are flagged, of altered and of plain photos alike."""
    unlike = {}
    for named in named_sets():
        like = table["source"].isin(named).to_numpy()
        if like.any():
            scores = [unlike_of(shares[like], named) for shares in (altered, plain)]
            unlike[threshold_key(named)] = _highest(scores, LIKE_FLAGGED)
    phone = [
        phone_of(shares[(table["source"] == source).to_numpy()])
        for source in DERMOSCOPIC
        for shares in (altered, plain)
    ]
    return {"phone": _highest(phone, PHONE_FLAGGED), "unlike": unlike}


def named_sets() -> Iterator[tuple[str, ...]]:
    """Every set of sources that a model can be trained on."""
    for count in range(1, len(SOURCES) + 1):
        yield from itertools.combinations(SOURCES, count)


def figures(photos: Photos) -> tuple[dict[str, Any], dict[str, Any]]:
    """Thresholds, and the figures for a model trained on HAM10000: AUROC and share flagged, by source."""
    table = photos.table
    altered, plain = out_of_fold(photos)
    thresholds = thresholds_of(table, altered, plain)
    named = known_sources(SOURCES, SOURCES[:1])
    found: dict[str, Any] = {
        "photos": {source: int(count) for source, count in table["source"].value_counts().items()},
        "phone": _told_apart(table, phone_of(altered), PHONE_SOURCES, DERMOSCOPIC),
        "unlike": {
            source: _told_apart(table, unlike_of(altered, named), (source,), named) for source in SOURCES[1:]
        },
        "flagged": _flagged(table, altered, plain, thresholds),
        "without_the_source": {},
    }
    for source in SOURCES[1:]:
        altered, plain = without_source(photos, source)
        own = thresholds_of(table[table["source"] != source], *_others(table, source, altered, plain))
        entry = {"unlike": _told_apart(table, unlike_of(altered, named), (source,), named)}
        if source not in PHONE_SOURCES:
            entry["phone"] = _told_apart(table, phone_of(altered), PHONE_SOURCES, (source,))
        entry["flagged"] = _flagged(table, altered, plain, own)[source]
        found["without_the_source"][source] = entry
    return thresholds, found


def _others(table: pd.DataFrame, source: str, *shares: Floats) -> tuple[Floats, ...]:
    others = (table["source"] != source).to_numpy()
    return tuple(each[others] for each in shares)


def _told_apart(
    table: pd.DataFrame, score: Floats, positive: Sequence[str], negative: Sequence[str]
) -> dict[str, Any]:
    """AUROC of `positive` against `negative` sources, with its interval (bootstrap over groups)."""
    chosen = table["source"].isin([*positive, *negative]).to_numpy()
    rows = table[chosen]
    labels = rows["source"].isin(positive).to_numpy(np.int64)
    groups = group_indices(rows["source"] + " " + rows["group_id"])
    both = np.column_stack([-score[chosen], score[chosen]])
    even = np.ones((1, len(rows)), np.float32)
    drawn = [weighted_aucs(labels, both, weights)[:, 1] for weights in resamples(groups, labels, RESAMPLES)]
    low, high = interval(np.concatenate(drawn))
    auc = float(weighted_aucs(labels, both, even)[0, 1])
    return {"auroc": round(auc, DIGITS), "interval": [round(low, DIGITS), round(high, DIGITS)]}


def _flagged(
    table: pd.DataFrame, altered: Floats, plain: Floats, thresholds: dict[str, Any]
) -> dict[str, dict[str, float]]:
    """The shares of each source's photos at or above the thresholds, for a model trained on HAM10000."""
    named = SOURCES[:1]
    at = thresholds["unlike"][threshold_key(named)]
    found = {}
    for source in SOURCES:
        inside = (table["source"] == source).to_numpy()
        found[source] = {
            f"{name}_{kind}": round(float(hits.mean()), DIGITS)
            for kind, shares in (("altered", altered[inside]), ("plain", plain[inside]))
            for name, hits in (
                ("phone", phone_of(shares) >= thresholds["phone"]),
                ("unlike", unlike_of(shares, named) >= at),
            )
        }
    return found


def _highest(scores: Sequence[Floats], share: float) -> float:
    """The threshold at or above which lies at most `share` of each of the arrays."""
    limits = [np.quantile(score, 1 - share, method="higher") for score in scores if len(score)]
    return float((np.floor(max(limits) * 10**DIGITS) + 1) / 10**DIGITS)


def write_detector(photos: Photos, arrays: Path = ARRAYS, facts: Path = FACTS) -> dict[str, Any]:
    """Fit on all photos, measure out-of-fold, write both files; returns what the json says."""
    thresholds, found = figures(photos)
    detector = fitted(photos.altered, photos.table["source"].tolist())
    values = {"sources": list(SOURCES), "thresholds": thresholds, "trained_on_HAM10000": found}
    with replaced_when_whole(arrays) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, hidden=detector.hidden, output=detector.output)
    with replaced_when_whole(facts) as temporary:
        temporary.write_text(json.dumps(values, indent=1) + "\n")
    return values


def origin_figures(trained_on: Sequence[str]) -> dict[str, Any]:
    """`origin` for metrics.json: how well the shipped detectors judge for a model of these sources; empty for sources
    that were not judged against the others.
    """
    judged = json.loads(FACTS.read_text(encoding="utf-8")).get(f"trained_on_{'+'.join(sorted(trained_on))}")
    return {"origin": judged} if judged else {}


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(
        prog=f"python -m {__spec__.name}", description="Fit the detectors of phone photos and other sources."
    )
    add_data_options(parser)
    options = parser.parse_args(arguments)

    def command() -> list[str]:
        values = write_detector(measured(options.data_root, options.splits))
        print(json.dumps(values["trained_on_HAM10000"], indent=1))
        return []

    return run(command)


if __name__ == "__main__":
    sys.exit(main())
