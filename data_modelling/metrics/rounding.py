"""Round metrics as metrics.json has them: six decimals, and null for a metric without a value (NaN)."""

from typing import Any

import numpy as np

from data_modelling.metrics.array_types import Floats

METRIC_DECIMALS = 6


def round_metric(value: float | Floats) -> float | None:
    """Return a metric with six decimals; None (JSON's null) if it is NaN."""
    return None if np.isnan(value) else round(float(value), METRIC_DECIMALS)


def to_json_value(value: Any) -> Any:
    """Return a value for JSON: a float is rounded, an interval (a tuple) becomes a list, other values stay."""
    if isinstance(value, tuple):
        return [round_metric(bound) for bound in value]
    return round_metric(value) if isinstance(value, float) else value
