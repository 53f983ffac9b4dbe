"""Detects phone photos and photos of sources that are unlike the training photos.

A small network on the image features (see inference.checks.image_features) distinguishes known sources of photos.
`python -m data_modelling.safety.origin` fitted it and wrote the two files next to this module.
"""

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DETECTOR_ARRAYS_FILE, DETECTOR_FACTS_FILE = (
    Path(__file__).with_name(f"origin.{ending}") for ending in ("npz", "json")
)
PHONE_SOURCES = ("PAD_UFES_20",)  # sources of phone photos, taken without a dermatoscope
# Data sets that the detector does not know, with the sources inside them that it knows.
SOURCE_PARTS = {"ISIC_2019": ("HAM10000", "ISIC_2017")}
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class OriginDetector:
    """A network with one hidden layer, and the thresholds for its outputs.

    sources: names in the order of the outputs. hidden: (FEATURE_COUNT + 1, units); its last row is the bias. output:
    (units + 1, sources), with such a row too. unlike_thresholds: by the threshold_key of a model's known sources.
    """

    sources: tuple[str, ...]
    hidden: Floats
    output: Floats
    phone_threshold: float
    unlike_thresholds: Mapping[str, float]

    def shares(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of each source, (..., sources), for image features (..., FEATURE_COUNT)."""
        active = np.maximum(features.astype(np.float32) @ self.hidden[:-1] + self.hidden[-1], 0)
        scores = (active @ self.output[:-1] + self.output[-1]).astype(np.float64)
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))

    def judge(self, features: NDArray[np.floating], trained_on: Collection[str]) -> tuple[bool, bool]:
        """Return whether a photo with these image features is a phone photo, and whether it is unlike the training photos.

        The decision uses the probabilities of phone sources and of sources that the model was not trained on. All known
        sources count as equally frequent. trained_on: the sources in the bundle's metadata.json. If the detector knows
        none of them, no photo is unlike. Otherwise a photo that cannot be measured (NaN) counts as both.
        """
        shares = self.shares(features)
        known = known_sources(self.sources, trained_on)
        phone = probability_of_sources(shares, self.sources, PHONE_SOURCES)
        unlike = 1 - probability_of_sources(shares, self.sources, known)
        is_unlike = bool(known) and not unlike < self.unlike_thresholds[threshold_key(known)]
        return not phone < self.phone_threshold, is_unlike


def known_sources(sources: Collection[str], trained_on: Collection[str]) -> tuple[str, ...]:
    """Return those of `sources` that a model was trained on, in the order of `sources`."""
    parts = {part for name in trained_on for part in SOURCE_PARTS.get(name, (name,))}
    return tuple(source for source in sources if source in parts)


def threshold_key(sources: Collection[str]) -> str:
    """Return the key by which `unlike_thresholds` has the threshold of these sources."""
    return "+".join(sources)


def probability_of_sources(
    shares: NDArray[np.float64], sources: tuple[str, ...], chosen: Collection[str]
) -> NDArray[np.float64]:
    """Return the probability (...,) of the `chosen` sources together; shares (..., sources)."""
    return np.asarray(shares[..., [sources.index(name) for name in chosen]].sum(axis=-1))


@functools.cache
def load_detector() -> OriginDetector:
    """Return the detector that is part of this program."""
    facts = json.loads(DETECTOR_FACTS_FILE.read_text(encoding="utf-8"))
    with np.load(DETECTOR_ARRAYS_FILE, allow_pickle=False) as arrays:
        hidden, output = arrays["hidden"], arrays["output"]
    thresholds = facts["thresholds"]
    return OriginDetector(tuple(facts["sources"]), hidden, output, thresholds["phone"], thresholds["unlike"])
