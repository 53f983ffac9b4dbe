"""Figures as metrics.json has them: six decimals, and null for one that does not exist."""

from typing import Any

import numpy as np

DIGITS = 6


def rounded(value: float) -> float | None:
    """Six decimals; None (JSON's null) for a figure that does not exist."""
    return None if np.isnan(value) else round(float(value), DIGITS)


def plain(value: Any) -> Any:
    """A value as JSON has it: figures rounded, an interval as a list."""
    if isinstance(value, tuple):
        return [rounded(bound) for bound in value]
    return rounded(value) if isinstance(value, float) else value
