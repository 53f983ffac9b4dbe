"""How a bundle's weights came about, in the words that card and drawing share."""

from typing import Any

from data_modelling.settings import IMAGENET

FROM_SCRATCH = "trained from scratch"


def how_trained(metadata: dict[str, Any]) -> str:
    """`trained from scratch`, or what the training started from; bundles older than the setting had new weights."""
    weights = metadata["settings"]["network"].get("weights", "")
    if weights == IMAGENET:
        return "trained from ImageNet weights"
    return "trained from the weights of another file" if weights else FROM_SCRATCH
