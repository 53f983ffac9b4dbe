"""Measures drift: how new photos differ from the training photos, in one quantity (such as the sharpness) at a time.

The reference in metadata.json has the quantiles of the training photos. The distance is the Kolmogorov-Smirnov
distance: the largest difference of the two cumulative distributions, taken at the reference's percentiles. N values
drawn from a distribution have a distance of at most sqrt(ln(2 / alpha) / (2 N)) from this distribution. This holds with
a probability of at least 1 - alpha (Massart 1990, doi:10.1214/aop/1176990746). So the true distance is at least the
observed distance minus this bound, with the same probability. alpha is ALPHA divided by the number of quantities.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.errors import BundleError

Floats = NDArray[np.float64]

QUANTILE_LEVELS = np.linspace(0, 1, 101)  # levels of the stored quantiles
ALPHA = 0.05  # largest probability that any quantity is reported as moved although none has moved
MIN_DISTANCE = 0.05  # a drift is reported if QuantityDrift.at_least is above this distance
MIN_VALUES = 30  # a quantity with fewer values is not compared
DIGITS = 6  # decimals of the quantiles


@dataclass(frozen=True)
class DriftSample:
    """Hold new photos or answers. values: (N,) by quantity. title: the sample in words. left_out: what was unusable."""

    values: Mapping[str, Floats]
    title: str
    left_out: tuple[str, ...]


@dataclass(frozen=True)
class QuantityDrift:
    """Hold the drift of one quantity.

    count: the number of known values. reference, sample: quantiles at QUANTILE_LEVELS. distance: the Kolmogorov-Smirnov
    distance (0-1). at_least: the distance minus what chance can explain.
    """

    name: str
    count: int
    reference: Floats
    sample: Floats
    distance: float
    at_least: float

    @property
    def enough(self) -> bool:
        return self.count >= MIN_VALUES

    @property
    def moved(self) -> bool:
        return self.enough and self.at_least > MIN_DISTANCE

    @property
    def medians(self) -> tuple[float, float]:
        """Return the median of the reference and the median of the sample."""
        return float(self.reference[len(QUANTILE_LEVELS) // 2]), float(self.sample[len(QUANTILE_LEVELS) // 2])


def quantiles(values: Sequence[float] | Floats) -> list[float]:
    """Return the quantiles of the values that are not NaN, as metadata.json has them under `reference`."""
    known = np.asarray(values, np.float64)
    known = known[~np.isnan(known)]
    return [
        round(float(value), DIGITS) for value in np.quantile(known, QUANTILE_LEVELS, method="inverted_cdf")
    ]


def reference_quantiles(metadata: Mapping[str, Any]) -> dict[str, Floats]:
    """Return the reference's quantiles by quantity; raise BundleError if they are missing or wrong."""
    part = metadata.get("reference")
    if not isinstance(part, dict) or not part:
        raise BundleError("metadata.json: reference is missing; train the bundle again.")
    try:
        reference = {name: np.array(values, np.float64) for name, values in part.items()}
    except (TypeError, ValueError) as error:
        raise BundleError(
            "metadata.json: reference must hold lists of numbers; restore the bundle."
        ) from error
    for name, values in reference.items():
        is_complete = values.shape == QUANTILE_LEVELS.shape and np.isfinite(values).all()
        if not is_complete or (np.diff(values) < 0).any():
            raise BundleError(
                f"metadata.json: reference.{name} must be {len(QUANTILE_LEVELS)} rising numbers; restore the bundle."
            )
    return reference


def compare_with_reference(
    reference: Mapping[str, Floats], samples: Mapping[str, Floats]
) -> list[QuantityDrift]:
    """Return the drift of each quantity that reference and samples share, the largest drift first."""
    shared = [name for name in reference if name in samples]
    drifts = [_quantity_drift(name, reference[name], samples[name], ALPHA / len(shared)) for name in shared]
    return sorted(drifts, key=lambda drift: -drift.at_least)


def _quantity_drift(name: str, reference: Floats, values: Floats, alpha: float) -> QuantityDrift:
    known = np.sort(values[~np.isnan(values)])
    if not len(known):
        return QuantityDrift(name, 0, reference, np.full(len(QUANTILE_LEVELS), math.nan), 0, 0)
    distance = _kolmogorov_smirnov_distance(reference, known)
    chance = math.sqrt(math.log(2 / alpha) / (2 * len(known)))
    sample = np.quantile(known, QUANTILE_LEVELS, method="inverted_cdf")
    return QuantityDrift(name, len(known), reference, sample, distance, max(distance - chance, 0))


def _kolmogorov_smirnov_distance(reference: Floats, known: Floats) -> float:
    """Return the largest difference of cumulative shares, taken at each reference value and just below this value."""
    # The quantiles give the reference's cumulative shares only in hundredths, so differences below 0.01 may count as 0.
    levels, step = np.unique(reference), 1 / (len(reference) - 1)
    first = np.searchsorted(reference, levels, "left")
    last = np.searchsorted(reference, levels, "right") - 1
    below = np.searchsorted(known, levels, "left") / len(known)
    up_to = np.searchsorted(known, levels, "right") / len(known)
    differences = [
        np.maximum(low * step - share, share - high * step)
        for share, low, high in (
            (below, np.maximum(first - 1, 0), first),
            (up_to, last, np.minimum(last + 1, len(reference) - 1)),
        )
    ]
    return max(float(np.max(differences)), 0.0)
