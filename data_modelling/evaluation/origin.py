"""How a bundle's weights came about, in the words that card and drawing share."""

from pathlib import Path
from typing import Any

from data_modelling.settings import IMAGENET

FROM_SCRATCH = "trained from scratch"


def how_trained(metadata: dict[str, Any]) -> str:
    """`trained from scratch`, or what the training started from; bundles older than the setting had new weights."""
    weights = metadata["settings"]["network"].get("weights", "")
    if weights == IMAGENET:
        return "trained from ImageNet weights"
    # The file and its folder, which is the name of a bundle: the rest of the path is the machine's.
    return f"trained on from the weights of {'/'.join(Path(weights).parts[-2:])}" if weights else FROM_SCRATCH
