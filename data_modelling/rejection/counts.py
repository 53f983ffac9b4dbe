"""A share of refused photos with its interval, as metrics.json has it."""

from typing import Any

import numpy as np

from data_modelling.evaluation.intervals import wilson

DIGITS = 6  # of every share


def share(refused: int, photos: int) -> dict[str, Any]:
    """photos, refused, share and its 95 % interval (Wilson)."""
    low, high = wilson(np.array([refused]), np.array([photos]))
    interval = [round(float(low[0]), DIGITS), round(float(high[0]), DIGITS)]
    return {
        "photos": int(photos),
        "refused": int(refused),
        "share": round(refused / photos, DIGITS),
        "interval": interval,
    }
