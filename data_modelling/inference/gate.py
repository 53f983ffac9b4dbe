"""The gate: is this a dermoscopic photo of a lesion at all? By how far a photo is from the training photos.

Two distances are added: that of the network's embedding from the nearest class (Lee et al. 2018, arXiv:1807.03888) and
that of the photo's looks from the training photos' (see inference.looks). data_modelling.rejection.gate fits them.
"""

import math
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.errors import BundleError
from data_modelling.inference.looks import COUNT

FILE, KEY = "gate.npz", "gate"  # in the bundle's folder; in its metadata
METHOD = 1  # changes when the same arrays would give another distance
LOOKS_WEIGHT = 0.5  # of the looks' distance beside the embedding's; chosen with the fit side of foreign.toml
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Whitened:
    """A Mahalanobis distance to the nearest of several centres.

    matrix: (D, D), whose product with its transpose is the inverse of the shared covariance. centres: (K, D), after
    the matrix. mean, spread: of the distance's logarithm on photos that the distance was not fitted on.
    """

    matrix: Floats
    centres: Floats
    mean: float
    spread: float

    def distance(self, values: NDArray[np.floating]) -> float:
        """The distance of values (D,) from the nearest centre; NaN for values that are not finite."""
        if not np.isfinite(values).all():
            return math.nan
        apart = self.centres - values.astype(np.float32) @ self.matrix
        return float(np.sqrt(np.einsum("kd,kd->k", apart, apart).min()))

    def standardised(self, values: NDArray[np.floating]) -> float:
        """The distance's logarithm in standard deviations above that of lesion photos; NaN where it has none."""
        distance = self.distance(values)
        return (math.log(distance) - self.mean) / self.spread if distance > 0 else math.nan


class Gate:
    """A bundle's gate; safe to use from several threads. It fails closed: what cannot be measured is foreign."""

    def __init__(
        self, embedding: Whitened, looks: Whitened, threshold: float, quantiles: NDArray[np.float64]
    ) -> None:
        """quantiles: of the distances of lesion photos, at even shares from 0 to 1."""
        self._embedding, self._looks = embedding, looks
        self.threshold = threshold
        self._quantiles = quantiles

    @classmethod
    def load(cls, folder: Path, metadata: dict[str, Any]) -> "Gate":
        """The gate of the bundle in `folder`; BundleError when anything of it is missing or not as it must be."""
        facts, path = metadata.get(KEY), folder / FILE
        if not isinstance(facts, dict) or facts.get("method") != METHOD:
            raise BundleError(f"{folder}: metadata.json has no {KEY} of method {METHOD}; retrain the bundle.")
        threshold, quantiles = _numbers(folder, facts, "threshold"), _numbers(folder, facts, "quantiles")
        if threshold.ndim or quantiles.ndim != 1 or len(quantiles) < 2 or (np.diff(quantiles) < 0).any():
            raise BundleError(
                f"{folder}: {KEY} in metadata.json needs a threshold and quantiles that rise; restore it."
            )
        arrays = _read_arrays(path)
        widths = {"embedding": _embedding_width(metadata), "looks": COUNT}
        parts = [_whitened(path, arrays, facts, name, width) for name, width in widths.items()]
        return cls(parts[0], parts[1], float(threshold), quantiles)

    def distance(self, looks: NDArray[np.floating], embedding: NDArray[np.floating]) -> float:
        """How far a photo is from lesion photos, 0 for a middling one; NaN for what cannot be measured.

        looks: as inference.looks gives them. embedding: (C,), the network's.
        """
        of_embedding = self._embedding.standardised(rooted(embedding))
        return float(of_embedding + LOOKS_WEIGHT * self._looks.standardised(looks))

    def foreign(self, distance: float) -> bool:
        """Whether a photo at this distance is refused."""
        return not distance <= self.threshold  # in this form NaN is refused as well

    def nearness(self, distance: float) -> float:
        """The share of lesion photos that are at least as far, 0 to 1; 0 for what cannot be measured."""
        if math.isnan(distance) or distance > self._quantiles[-1]:
            return 0.0
        return 1 - float(np.interp(distance, self._quantiles, np.linspace(0, 1, len(self._quantiles))))


def rooted(embedding: NDArray[np.floating]) -> Floats:
    """The square roots of an embedding, (..., C); a mean of rectified values is skewed without them."""
    return np.asarray(np.sqrt(np.maximum(embedding, 0)), np.float32)


def _embedding_width(metadata: dict[str, Any]) -> int | None:
    """Channels of the embedding, where the head in the metadata tells them."""
    head = metadata.get("head")
    kernel = head.get("kernel") if isinstance(head, dict) else None
    return len(kernel) if isinstance(kernel, list) else None


def _numbers(folder: Path, facts: dict[str, Any], name: str) -> NDArray[np.float64]:
    """A number or list of numbers of the metadata."""
    try:
        values = np.asarray(facts.get(name), np.float64)
    except (TypeError, ValueError):
        values = np.array(np.nan)
    if not (values.size and np.isfinite(values).all()):
        raise BundleError(f"{folder}: {KEY}.{name} in metadata.json must be finite; restore the bundle.")
    return values


def _read_arrays(path: Path) -> dict[str, Floats]:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as archive:
            return {name: np.asarray(archive[name], np.float32) for name in archive.files}
    # TypeError: a file that is no archive but a single array.
    except (OSError, ValueError, EOFError, TypeError, zipfile.BadZipFile) as error:
        raise BundleError(f"{path} is missing or cannot be read; restore the bundle.") from error


def _whitened(
    path: Path, arrays: dict[str, Floats], facts: dict[str, Any], name: str, width: int | None
) -> Whitened:
    """One of the two distances, its arrays checked."""
    empty = np.zeros(0, np.float32)
    matrix, centres = (arrays.get(f"{name}_{part}", empty) for part in ("matrix", "centres"))
    width = len(matrix) if width is None else width
    fits = matrix.shape == (width, width) and centres.ndim == 2 and centres.shape[1] == width
    if not (fits and width and len(centres) and np.isfinite(matrix).all() and np.isfinite(centres).all()):
        raise BundleError(f"{path}: {name} does not fit the bundle; restore the bundle.")
    mean, spread = (_numbers(path.parent, facts, f"{name}_{part}") for part in ("mean", "spread"))
    if mean.ndim or spread.ndim or spread <= 0:
        raise BundleError(f"{path.parent}: {KEY}.{name}_spread in metadata.json must be above 0; restore it.")
    return Whitened(matrix, centres, float(mean), float(spread))
