"""A share of refused photos with its interval, as metrics.json has it."""

from typing import Any

import numpy as np

from data_modelling.evaluation.intervals import wilson
from data_modelling.evaluation.rounding import rounded


def share(refused: int, photos: int) -> dict[str, Any]:
    """photos, refused, share and its 95 % interval (Wilson)."""
    low, high = wilson(np.array([refused]), np.array([photos]))
    return {
        "photos": int(photos),
        "refused": int(refused),
        "share": rounded(refused / photos),
        "interval": [rounded(low[0]), rounded(high[0])],
    }
