"""The quantities that drift is judged by, of a folder of photos or of a score log."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from os import cpu_count
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.decision import probabilities
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.folder import Photos
from data_modelling.inference.photos import read_photo, square_side
from data_modelling.inference.predictor import Predictor
from data_modelling.inference.quality import measure
from data_modelling.inference.score_log import NEARNESS, Scores


@dataclass(frozen=True)
class Sample:
    """Values (N,) by quantity; what they are of, in a sentence; what was left out, a line each."""

    values: Mapping[str, NDArray[np.float64]]
    title: str
    left_out: tuple[str, ...]


def of_photos(predictor: Predictor, photos: Photos) -> Sample:
    """Probabilities without any details, and measures, of the photos that decode; InputError when none does."""
    with ThreadPoolExecutor(cpu_count()) as pool:
        rows = list(pool.map(lambda path: _row(predictor, path), photos.paths.values()))
    known = [row for row in rows if isinstance(row, dict)]
    left_out = [
        f"{stem}: {row}" for stem, row in zip(photos.paths, rows, strict=True) if isinstance(row, str)
    ]
    if not known:
        raise InputError(f"None of the {len(rows)} photos decodes: {left_out[0]}")
    values = {name: np.array([row[name] for row in known], np.float64) for name in known[0]}
    return Sample(values, f"{len(known):,} photos of a folder.", tuple(left_out))


def of_scores(scores: Scores, bundle: Bundle) -> Sample:
    """Probabilities, and nearness where it was known, of a log."""
    values = dict(zip(bundle.metadata["classes"], scores.probabilities.T, strict=True))
    first, last = scores.days
    left_out = (f"{scores.broken} lines of the log are not whole.",) if scores.broken else ()
    title = f"{len(scores.nearness):,} answers of the app, from {first} to {last}."
    return Sample(values | {NEARNESS: scores.nearness}, title, left_out)


def _row(predictor: Predictor, path: Path) -> dict[str, float] | str:
    """The quantities of a photo, or why it has none."""
    try:
        data = path.read_bytes()
        photo = read_photo(data, predictor.edge)
    except PhotoError as error:
        return f"{error.code}: {error}"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    temperature = float(predictor.bundle.metadata["temperature"])
    findings = predictor.findings(photo, square_side(data))
    logits = predictor.completed(predictor.logits(photo, Details()), findings)
    values = probabilities(logits, temperature)[0]
    scores = {one.code: float(value) for one, value in zip(predictor.diagnoses, values, strict=True)}
    return scores | asdict(measure(photo, square_side(data)))
