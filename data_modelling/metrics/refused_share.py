"""Compute the share of refused photos with its interval, in the form of metrics.json."""

from typing import Any

from data_modelling.metrics.bootstrap import wilson_interval
from data_modelling.metrics.rounding import round_metric


def refused_share(refused: int, photos: int) -> dict[str, Any]:
    """Return photos, refused, share and the 95 % interval of the share (Wilson)."""
    return {
        "photos": int(photos),
        "refused": int(refused),
        "share": round_metric(refused / photos),
        "interval": [round_metric(bound) for bound in wilson_interval(refused, photos)],
    }
