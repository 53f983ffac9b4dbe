"""Have the photos moved away from those that the model was made with? One quantity at a time.

The reference is kept as quantiles. How far a sample lies from it is told by the Kolmogorov-Smirnov distance, the
largest difference of the two cumulative shares, taken at the reference's percentiles. Chance alone keeps a
sample of N within sqrt(ln(2 / alpha) / 2 N) of where it comes from (Massart 1990, doi:10.1214/aop/1176990746), so
that a distance is at least what is left after that is taken off; alpha is divided among the quantities.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.errors import BundleError

Floats = NDArray[np.float64]

SHARES = np.linspace(0, 1, 101)  # of the quantiles
ALPHA = 0.05  # chance that anything is said to have moved when nothing has, over all quantities together
MATTERS = 0.05  # least distance, of cumulative shares, that is worth a word
FEWEST = 30  # values below which nothing is said of a quantity
DIGITS = 6  # of quantiles


@dataclass(frozen=True)
class Moved:
    """One quantity. reference, sample: quantiles at SHARES. distance: observed; at_least: beyond chance."""

    name: str
    count: int
    reference: Floats
    sample: Floats
    distance: float
    at_least: float

    @property
    def enough(self) -> bool:
        return self.count >= FEWEST

    @property
    def moved(self) -> bool:
        return self.enough and self.at_least > MATTERS

    @property
    def medians(self) -> tuple[float, float]:
        """Of reference and sample."""
        return float(self.reference[len(SHARES) // 2]), float(self.sample[len(SHARES) // 2])


def quantiles(values: Sequence[float] | Floats) -> list[float]:
    """The quantiles of the known values, as metadata.json keeps them under `reference`."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return [round(float(value), DIGITS) for value in np.quantile(known, SHARES, method="inverted_cdf")]


def reference_of(metadata: Mapping[str, Any]) -> dict[str, Floats]:
    """The reference's quantiles by quantity; BundleError when the bundle has none."""
    part = metadata.get("reference")
    if not isinstance(part, dict) or not part:
        raise BundleError("metadata.json: reference is missing; train the bundle anew.")
    try:
        found = {name: np.array(values, np.float64) for name, values in part.items()}
    except (TypeError, ValueError) as error:
        raise BundleError(
            "metadata.json: reference must hold lists of numbers; restore the bundle."
        ) from error
    for name, values in found.items():
        if values.shape != SHARES.shape or not np.isfinite(values).all() or (np.diff(values) < 0).any():
            raise BundleError(
                f"metadata.json: reference.{name} must be {len(SHARES)} rising numbers; restore the bundle."
            )
    return found


def compare(reference: Mapping[str, Floats], samples: Mapping[str, Floats]) -> list[Moved]:
    """Every quantity that both have, the farthest moved first."""
    shared = [name for name in reference if name in samples]
    found = [_compared(name, reference[name], samples[name], ALPHA / len(shared)) for name in shared]
    return sorted(found, key=lambda one: -one.at_least)


def _compared(name: str, reference: Floats, values: Floats, alpha: float) -> Moved:
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return Moved(name, 0, reference, np.full(len(SHARES), math.nan), 0, 0)
    distance = _distance(reference, known)
    chance = math.sqrt(math.log(2 / alpha) / (2 * len(known)))
    sample = np.quantile(known, SHARES, method="inverted_cdf")
    return Moved(name, len(known), reference, sample, distance, max(distance - chance, 0))


def _distance(reference: Floats, known: Floats) -> float:
    """Largest difference of the shares at or below, and of those below, each value of the reference.

    What lies within a hundredth is within what quantiles can tell.
    """
    places, step = np.unique(reference), 1 / (len(reference) - 1)
    first = np.searchsorted(reference, places, "left")
    last = np.searchsorted(reference, places, "right") - 1
    below = np.searchsorted(known, places, "left") / len(known)
    up_to = np.searchsorted(known, places, "right") / len(known)
    apart = [
        np.maximum(low * step - share, share - high * step)
        for share, low, high in (
            (below, np.maximum(first - 1, 0), first),
            (up_to, last, np.minimum(last + 1, len(reference) - 1)),
        )
    ]
    return max(float(np.max(apart)), 0.0)
