"""Describe where a bundle's initial weights come from, in the words that the card and the drawing share."""

from pathlib import Path
from typing import Any

from data_modelling.settings import IMAGENET

FROM_SCRATCH = "trained from scratch"


def describe_initial_weights(metadata: dict[str, Any]) -> str:
    """Return `trained from scratch`, or what the training started from; older bundles had new weights."""
    weights = metadata["settings"]["network"].get("weights", "")
    if weights == IMAGENET:
        return "trained from ImageNet weights"
    # Only the file and its folder, the name of a bundle, are the same on every machine.
    return f"trained on from the weights of {'/'.join(Path(weights).parts[-2:])}" if weights else FROM_SCRATCH
