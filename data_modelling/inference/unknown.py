"""The class of photos that show none of the classes learned: the rejection score, as the logit of that class.

No photo can teach this class, so the network's own output for it means nothing. What counts instead is how far a photo
lies from those of training (the gate's distance) and how undecided the network is about it (the entropy of the
other classes): their weights come from networks that were each trained without one of the classes (see
rejection.unknown).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.diagnoses import codes, learned
from data_modelling.inference.errors import BundleError

Floats = NDArray[np.float64]

KEY = "unknown"  # in metadata.json
NONE_OF_CLASSES = "none_of_classes"  # a reason for doubt
WEIGHTS = ("bias", "distance", "entropy")
FARTHEST = 100.0  # distance: beyond it, and for what cannot be measured, a photo is as unknown as can be


@dataclass(frozen=True)
class Unknown:
    """The weights of the rejection score. learned: how many classes the network knows, the first ones.

    log(p / (1 - p)) of the probability p of none of the classes = bias + distance * the gate's distance + entropy *
    the entropy of the other classes' probabilities, in nats.
    """

    bias: float
    distance: float
    entropy: float
    learned: int

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any], task: str) -> Unknown | None:
        """The weights in a bundle's metadata; None for a task without such a class. BundleError where they are not."""
        if len(learned(task)) == len(codes(task)):
            return None
        try:
            weights = {name: float(metadata[KEY]["weights"][name]) for name in WEIGHTS}
        except (KeyError, TypeError, ValueError):
            weights = {}
        if not (weights and np.isfinite(list(weights.values())).all()):
            raise BundleError(
                f"metadata.json: {KEY}.weights must have {', '.join(WEIGHTS)}, in numbers; restore the bundle."
            )
        return cls(**weights, learned=len(learned(task)))

    def score(self, distance: NDArray[np.floating], doubt: NDArray[np.floating]) -> Floats:
        """The rejection score (N,) of photos: distance as the gate gives it, doubt as `entropy` does."""
        return np.asarray(self.bias + self.distance * near(distance) + self.entropy * doubt)

    def completed(
        self, logits: NDArray[np.floating], distance: NDArray[np.floating], temperature: float
    ) -> Floats:
        """Logits (N, classes) with that of none of the classes in the last column.

        Divided by the temperature and put through a softmax they give it its probability, and share what is left
        among the others as before. logits: the network's own. distance: (N,), the gate's.
        """
        known = np.asarray(logits[:, : self.learned], np.float64)
        score = self.score(distance, entropy(known, temperature))
        last = temperature * (score + log_sum(known / temperature))
        return np.concatenate([known, last[:, None]], axis=1)


def near(distance: NDArray[np.floating]) -> Floats:
    """Distances, none of them beyond FARTHEST, where also those are that cannot be measured."""
    return np.minimum(np.nan_to_num(np.asarray(distance, np.float64), nan=FARTHEST), FARTHEST)


def entropy(logits: Floats, temperature: float) -> Floats:
    """Entropy (N,), in nats, of softmax(logits / temperature), (N, classes)."""
    scaled = logits / temperature
    log_probability = scaled - log_sum(scaled)[:, None]
    return np.asarray(-(np.exp(log_probability) * log_probability).sum(axis=1))


def log_sum(values: Floats) -> Floats:
    """log(sum(exp)) over the columns of (N, classes), (N,)."""
    largest = values.max(axis=1)
    return np.asarray(largest + np.log(np.exp(values - largest[:, None]).sum(axis=1)))
