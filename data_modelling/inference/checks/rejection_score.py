"""Computes the rejection score: the log odds that a photo shows "none of the known classes".

No training photo shows this class, so the network's own output for it means nothing. The score is a weighted sum of the
photo's distance from the training photos (see checks.gate) and the entropy of the known classes: how undecided their
probabilities are. safety.rejection_score fits the weights with networks that were each trained without one class.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.errors import BundleError

Floats = NDArray[np.float64]

UNKNOWN_KEY = "unknown"  # the key of the weights in metadata.json
NONE_OF_CLASSES = "none_of_classes"  # the reason code if "none of the known classes" is decided
WEIGHTS = ("bias", "distance", "entropy")
MAX_DISTANCE = 100.0  # a distance that is larger or NaN counts as this value


@dataclass(frozen=True)
class RejectionScore:
    """The weights of the rejection score. learned: how many classes the network learned; their logits come first.

    log(p / (1 - p)) = bias + distance * (the gate's distance) + entropy * (the entropy of the known classes, in nats).
    p is the probability that the photo shows none of the known classes.
    """

    bias: float
    distance: float
    entropy: float
    learned: int

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], task: str) -> RejectionScore | None:
        """Return a bundle's weights, or None if the task has no unknown class; raise BundleError for wrong weights."""
        if len(learned_class_codes(task)) == len(class_codes(task)):
            return None
        try:
            weights = {name: float(metadata[UNKNOWN_KEY]["weights"][name]) for name in WEIGHTS}
        except (KeyError, TypeError, ValueError):
            weights = {}
        if not (weights and np.isfinite(list(weights.values())).all()):
            raise BundleError(
                f"metadata.json: {UNKNOWN_KEY}.weights must have numbers for {', '.join(WEIGHTS)}; restore the bundle."
            )
        return cls(**weights, learned=len(learned_class_codes(task)))

    def score(self, distance: NDArray[np.floating], entropies: NDArray[np.floating]) -> Floats:
        """Return the rejection score (N,) of photos. distance: (N,), from the gate. entropies: (N,), from `entropy`."""
        return np.asarray(self.bias + self.distance * clip_distance(distance) + self.entropy * entropies)

    def completed(
        self, logits: NDArray[np.floating], distance: NDArray[np.floating], temperature: float
    ) -> Floats:
        """Return logits (N, classes) with the logit of "none of the known classes" in the last column.

        softmax(result / temperature) gives this class its probability p, and multiplies the probabilities of the other
        classes by 1 - p. logits: (N, classes), from the network. distance: (N,), from the gate.
        """
        known = np.asarray(logits[:, : self.learned], np.float64)
        score = self.score(distance, entropy(known, temperature))
        last = temperature * (score + log_sum_exp(known / temperature))
        return np.concatenate([known, last[:, None]], axis=1)


def clip_distance(distance: NDArray[np.floating]) -> Floats:
    """Return distances of at most MAX_DISTANCE; NaN becomes MAX_DISTANCE."""
    return np.minimum(np.nan_to_num(np.asarray(distance, np.float64), nan=MAX_DISTANCE), MAX_DISTANCE)


def entropy(logits: Floats, temperature: float) -> Floats:
    """Return the entropy (N,), in nats, of softmax(logits / temperature), (N, classes)."""
    scaled = logits / temperature
    log_probability = scaled - log_sum_exp(scaled)[:, None]
    return np.asarray(-(np.exp(log_probability) * log_probability).sum(axis=1))


def log_sum_exp(values: Floats) -> Floats:
    """Return log(sum(exp(row))) for each row of values (N, classes), as (N,)."""
    largest = values.max(axis=1)
    return np.asarray(largest + np.log(np.exp(values - largest[:, None]).sum(axis=1)))
