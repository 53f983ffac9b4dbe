"""Where a photo may come from: a phone's camera or a dermatoscope, a source like the training photos' or another.

A small network on the photo's looks (see inference.looks) tells known sources of photos apart;
`python -m data_modelling.rejection.origin` fitted it and wrote the two files beside this module.
"""

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

ARRAYS, FACTS = (Path(__file__).with_name(f"origin.{ending}") for ending in ("npz", "json"))
PHONE_SOURCES = ("PAD_UFES_20",)  # whose photos were taken with a phone, without a dermatoscope
# Sources that a data set is made of, where the detector knows those and not the set.
PARTS = {"ISIC_2019": ("HAM10000", "ISIC_2017")}
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Origin:
    """What is said of one photo. phone, unlike: probabilities when every known source is equally frequent.

    unlike: of the sources that the model was not trained on; None where the detector knows none that it was.
    is_phone, is_unlike: whether they reach their thresholds.
    """

    phone: float
    unlike: float | None
    is_phone: bool
    is_unlike: bool


@dataclass(frozen=True)
class OriginDetector:
    """A network of one hidden layer, and the thresholds of its answers.

    sources: names, in the order of the outputs. hidden: (COUNT + 1, units), its last row the bias; output:
    (units + 1, sources) likewise. unlike_thresholds: by the known sources that a model was trained on.
    """

    sources: tuple[str, ...]
    hidden: Floats
    output: Floats
    phone_threshold: float
    unlike_thresholds: Mapping[str, float]

    def shares(self, looks: NDArray[np.floating]) -> NDArray[np.float64]:
        """The probability of each source, (..., sources), of looks (..., COUNT)."""
        active = np.maximum(looks.astype(np.float32) @ self.hidden[:-1] + self.hidden[-1], 0)
        scores = (active @ self.output[:-1] + self.output[-1]).astype(np.float64)
        grown = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(grown / grown.sum(axis=-1, keepdims=True))

    def judge(self, looks: NDArray[np.floating], trained_on: Collection[str]) -> Origin:
        """What a photo's looks say. trained_on: the sources in the bundle's metadata.json.

        A photo that cannot be measured (NaN) counts as both.
        """
        shares = self.shares(looks)
        named = known_sources(self.sources, trained_on)
        phone = float(sum_of(shares, self.sources, PHONE_SOURCES))
        unlike = 1 - float(sum_of(shares, self.sources, named)) if named else None
        reached = unlike is not None and not unlike < self.unlike_thresholds[threshold_key(named)]
        return Origin(phone, unlike, not phone < self.phone_threshold, reached)


def known_sources(sources: Collection[str], trained_on: Collection[str]) -> tuple[str, ...]:
    """Those of `sources` that a model was trained on, in their order."""
    named = {part for name in trained_on for part in PARTS.get(name, (name,))}
    return tuple(source for source in sources if source in named)


def threshold_key(named: Collection[str]) -> str:
    """How the threshold of a set of sources is called."""
    return "+".join(named)


def sum_of(
    shares: NDArray[np.float64], sources: tuple[str, ...], chosen: Collection[str]
) -> NDArray[np.float64]:
    """The probability of some of the sources together, (...,)."""
    return np.asarray(shares[..., [sources.index(name) for name in chosen]].sum(axis=-1))


@functools.cache
def load_detector() -> OriginDetector:
    """The detector that is part of this program."""
    facts = json.loads(FACTS.read_text(encoding="utf-8"))
    with np.load(ARRAYS, allow_pickle=False) as arrays:
        hidden, output = arrays["hidden"], arrays["output"]
    return OriginDetector(
        tuple(facts["sources"]),
        hidden,
        output,
        facts["thresholds"]["phone"],
        facts["thresholds"]["unlike"],
    )
