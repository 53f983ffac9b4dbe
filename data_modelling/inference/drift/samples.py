"""Measures quality and probabilities of photos for `monitor`, which tells how they differ from the training photos."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict

import numpy as np

from data_modelling.inference.batch.photo_folder import PhotoFile, PhotoFolder
from data_modelling.inference.checks.image_quality import measure_quality
from data_modelling.inference.cpu_cores import usable_cores
from data_modelling.inference.decision import calibrated_probabilities
from data_modelling.inference.details import Details
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.drift.comparison import DriftSample
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.photo.reader import read_photo_and_edge
from data_modelling.inference.predictor import Predictor


def sample_from_photos(predictor: Predictor, photos: PhotoFolder) -> DriftSample:
    """Return quality measures and probabilities from the photos alone; raise InputError if no photo is usable."""
    with ThreadPoolExecutor(usable_cores()) as pool:
        rows = list(pool.map(lambda photo: _photo_quantities(predictor, photo[1]), photos.photos()))
    quantities = [row for row in rows if isinstance(row, dict)]
    left_out = [
        f"{stem}: {row}" for stem, row in zip(photos.stems, rows, strict=True) if isinstance(row, str)
    ]
    if not quantities:
        raise InputError(f"No photo can be used ({len(rows):,} tried): {left_out[0]}")
    values = {name: np.array([row[name] for row in quantities], np.float64) for name in quantities[0]}
    title = f"{len(quantities):,} {'photo' if len(quantities) == 1 else 'photos'} of a folder."
    return DriftSample(values, title, tuple(left_out))


def _photo_quantities(predictor: Predictor, file: PhotoFile) -> dict[str, float] | str:
    """Return the quantities of a photo, or a text that says why it has none."""
    try:
        data = file.read_bytes()
        photo, edge = read_photo_and_edge(data, predictor.edge)
    except PhotoError as error:
        return f"{error.code}: {error}"
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    findings = predictor.findings(photo, edge)
    logits = predictor.completed(predictor.logits(photo, Details()), findings.distance)
    values = calibrated_probabilities(logits, float(predictor.bundle.metadata["temperature"]))[0]
    codes = class_codes(predictor.bundle.task)
    scores = {code: float(value) for code, value in zip(codes, values, strict=True)}
    return scores | asdict(measure_quality(photo, edge))
