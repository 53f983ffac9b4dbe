"""Refuses pictures that are not photos of a lesion, and measures how far a photo is from the training photos.

A small network, the lesion detector, gives a picture a score; above the bundle's threshold, the picture is refused. A
photo's distance is a weighted sum of two standardised log distances: from the embedding (the network's description of
the photo) to the nearest class mean (Lee et al. 2018, arXiv:1807.03888), and from the image features to their mean.
"""

import functools
import json
import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.checks.image_features import FEATURE_COUNT
from data_modelling.inference.errors import BundleError

GATE_FILE, GATE_KEY = "gate.npz", "gate"  # a file in the bundle's folder, and a key in its metadata
# Increase this version when a change of the code gives another answer for the same arrays and numbers.
METHOD_VERSION = 2
IMAGE_FEATURES_WEIGHT = 0.5  # weight of the image features' distance; the embedding's distance has weight 1
# The files of the lesion detector, next to this module.
DETECTOR_ARRAYS_FILE, DETECTOR_FACTS_FILE = (
    Path(__file__).with_name(f"lesion_detector.{ending}") for ending in ("npz", "json")
)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class MahalanobisDistance:
    """Computes the Mahalanobis distance to the nearest of several centres; data_modelling.safety.gate fits it.

    matrix: (D, D), for D values of a photo; matrix @ matrix.T is the inverse of the covariance that all centres share.
    centres: (K, D), the K centres multiplied by the matrix. mean, spread: the mean and standard deviation of the
    logarithm of the distance, over the stopping photos, which did not train the network.
    """

    matrix: Floats
    centres: Floats
    mean: float
    spread: float

    def distance(self, values: NDArray[np.floating]) -> float:
        """Return the distance of values (D,) from the nearest centre, or NaN if a value is not finite."""
        if not np.isfinite(values).all():
            return math.nan
        offsets = self.centres - values.astype(np.float32) @ self.matrix
        return float(np.sqrt(np.einsum("kd,kd->k", offsets, offsets).min()))

    def standardised(self, values: NDArray[np.floating]) -> float:
        """Return how many standard deviations log(distance) is above its mean, or NaN for a distance of 0 or NaN."""
        distance = self.distance(values)
        return (math.log(distance) - self.mean) / self.spread if distance > 0 else math.nan


@dataclass(frozen=True)
class LesionDetector:
    """Tells lesion photos from foreign (all other) pictures by image features, with a network of one hidden layer.

    The detector is the same for all bundles. `python -m data_modelling.safety.lesion_detector` fitted it on the photos
    of all clinics and on foreign pictures. hidden: weights (FEATURE_COUNT + 1, hidden units). output: weights (hidden
    units + 1,). Their last rows are biases. threshold: above this score, a picture is foreign; a bundle may raise it.
    """

    hidden: Floats
    output: Floats
    threshold: float

    def score(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the log odds (...,) of being foreign, or NaN for features (..., FEATURE_COUNT) that are not finite."""
        is_measured = np.isfinite(features).all(axis=-1)
        values = np.where(is_measured[..., None], features, 0).astype(np.float64)
        active = np.maximum(values @ self.hidden[:-1] + self.hidden[-1], 0)
        return np.where(is_measured, active @ self.output[:-1] + self.output[-1], np.nan)

    def refuses(self, features: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
        """Return a mask (...,) of the refused pictures; a picture with a feature that is not finite is refused too."""
        return np.asarray(~(self.score(features) <= threshold))  # `>` would not refuse NaN


@functools.cache
def load_lesion_detector() -> LesionDetector:
    """Return the detector that is part of this program."""
    facts = json.loads(DETECTOR_FACTS_FILE.read_text(encoding="utf-8"))
    with np.load(DETECTOR_ARRAYS_FILE, allow_pickle=False) as arrays:
        return LesionDetector(arrays["hidden"], arrays["output"], facts["threshold"])


@dataclass(frozen=True)
class Gate:
    """Holds a bundle's gate; several threads may use it at once. A photo with a feature that is not finite is refused.

    embedding, looks: the distances of the embedding and of the image features. threshold: the detector's score above
    which a photo is refused. quantiles: quantiles of the distances of the stopping photos, at equal steps from 0 to 1.
    """

    embedding: MahalanobisDistance
    looks: MahalanobisDistance
    threshold: float
    quantiles: NDArray[np.float64]

    @classmethod
    def load(cls, folder: Path, metadata: dict[str, Any]) -> "Gate":
        """Return the gate of the bundle in `folder`; raise BundleError when a part of the gate is missing or wrong."""
        facts, path = metadata.get(GATE_KEY), folder / GATE_FILE
        if not isinstance(facts, dict) or facts.get("method") != METHOD_VERSION:
            raise BundleError(
                f"{folder}: metadata.json has no {GATE_KEY} of method {METHOD_VERSION}; retrain the bundle."
            )
        threshold, quantiles = _numbers(folder, facts, "threshold"), _numbers(folder, facts, "quantiles")
        if threshold.ndim or quantiles.ndim != 1 or len(quantiles) < 2 or (np.diff(quantiles) < 0).any():
            raise BundleError(
                f"{folder}: {GATE_KEY} in metadata.json needs a threshold and rising quantiles; restore the bundle."
            )
        arrays = _read_arrays(path)
        head = metadata.get("head")  # its kernel has a row for each channel of the embedding
        kernel = head.get("kernel") if isinstance(head, dict) else None
        widths = {"embedding": len(kernel) if isinstance(kernel, list) else None, "looks": FEATURE_COUNT}
        parts = {name: _mahalanobis_distance(path, arrays, facts, name, widths[name]) for name in widths}
        return cls(**parts, threshold=float(threshold), quantiles=quantiles)

    def distance(self, features: NDArray[np.floating], embedding: NDArray[np.floating]) -> float:
        """Return the standardised distance from the training photos: about 0 on average, NaN if an input is not finite.

        features: (FEATURE_COUNT,), from measure_image_features. embedding: (channels,), from the network.
        """
        embedding_distance = self.embedding.standardised(embedding_square_root(embedding))
        return float(embedding_distance + IMAGE_FEATURES_WEIGHT * self.looks.standardised(features))

    def foreign(self, features: NDArray[np.floating]) -> bool:
        """Return whether a photo with these image features is refused."""
        return bool(load_lesion_detector().refuses(features, self.threshold))

    def nearness(self, distance: float) -> float:
        """Return the share (0-1) of the stopping photos whose distance is at least `distance`, or 0 for NaN."""
        if math.isnan(distance) or distance > self.quantiles[-1]:
            return 0.0
        return 1 - float(np.interp(distance, self.quantiles, np.linspace(0, 1, len(self.quantiles))))


def embedding_square_root(embedding: NDArray[np.floating]) -> Floats:
    """Return the square roots (..., channels) of an embedding; they are less skewed than the embedding's values."""
    return np.asarray(np.sqrt(np.maximum(embedding, 0)), np.float32)


def _numbers(folder: Path, facts: dict[str, Any], name: str) -> NDArray[np.float64]:
    """Return the number or numbers called `name` in the gate's metadata; raise BundleError unless all are finite."""
    try:
        values = np.asarray(facts.get(name), np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if not (values.size and np.isfinite(values).all()):
        raise BundleError(f"{folder}: {GATE_KEY}.{name} in metadata.json must be finite; restore the bundle.")
    return values


def _read_arrays(path: Path) -> dict[str, Floats]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name], np.float32) for name in archive.files}
    # TypeError: the file is a single array instead of an archive.
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path} is missing or cannot be read; restore the bundle.") from error


def _mahalanobis_distance(
    path: Path, arrays: dict[str, Floats], facts: dict[str, Any], name: str, width: int | None
) -> MahalanobisDistance:
    """Return the distance called `name` of `width` values (None: any number); raise BundleError if a part is wrong."""
    empty = np.zeros(0, np.float32)
    matrix, centres = (arrays.get(f"{name}_{part}", empty) for part in ("matrix", "centres"))
    width = len(matrix) if width is None else width
    fits = matrix.shape == (width, width) and centres.ndim == 2 and centres.shape[1] == width
    if not (fits and width and len(centres) and np.isfinite(matrix).all() and np.isfinite(centres).all()):
        raise BundleError(f"{path}: {name} does not fit the bundle; restore the bundle.")
    mean, spread = (_numbers(path.parent, facts, f"{name}_{part}") for part in ("mean", "spread"))
    if mean.ndim or spread.ndim or spread <= 0:
        raise BundleError(
            f"{path.parent}: {GATE_KEY}.{name}_spread in metadata.json must be above 0; restore the bundle."
        )
    return MahalanobisDistance(matrix, centres, float(mean), float(spread))
