"""Checks a photo: whether it can be used, and what makes it harder for the model.

The origin detector is a small network on the image features. It distinguishes known sources of photos, and so finds phone
photos and photos of sources that are unlike the training photos. `python -m data_modelling.safety.origin` fitted it and
wrote origin.npz and origin.json next to this module.
"""

from __future__ import annotations

import functools
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks import image_quality
from data_modelling.inference.checks.gate import Gate
from data_modelling.inference.checks.image_features import measure_image_features

PHOTO_FOREIGN = "photo_foreign"  # a reason to refuse a photo
PHONE_PHOTO, UNLIKE_TRAINING = "phone_photo", "unlike_training"  # reasons for doubt
ORIGIN_ARRAYS_FILE, ORIGIN_FACTS_FILE = (
    Path(__file__).with_name(f"origin.{ending}") for ending in ("npz", "json")
)
PHONE_SOURCES = ("PAD_UFES_20",)  # sources of phone photos, taken without a dermatoscope
# Data sets that the detector does not know, with the sources inside them that it knows.
SOURCE_PARTS = {"ISIC_2019": ("HAM10000", "ISIC_2017")}


@dataclass(frozen=True)
class Findings:
    """The results of all checks of one photo.

    refusals: the reason codes for which the photo cannot be used; empty if it can be used. warnings: the codes of problems
    that make the photo harder for the model. is_phone: whether it looks like a phone photo. is_unlike: whether it looks
    unlike the training photos. distance: how far it is from the training photos, as the gate measures it. nearness: the
    share (0-1) of lesion photos that are at least as far from the training photos as this photo.
    """

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    is_phone: bool
    is_unlike: bool
    nearness: float
    distance: float


class PhotoChecks:
    """The photo checks of a bundle. Creating them raises BundleError if the values of a check are missing or wrong."""

    def __init__(self, bundle: Bundle) -> None:
        self._quality = image_quality.QualityThresholds.from_metadata(bundle.metadata)
        self._gate = Gate.load(bundle.folder, bundle.metadata)
        self._origin = load_origin_detector()
        self._trained_on = tuple(map(str, bundle.metadata["data"]["sources"]))

    def of(self, photo: NDArray[np.uint8], source_edge: float, embedding: NDArray[np.float32]) -> Findings:
        """Return the findings for a photo as the network sees it, (edge, edge, 3).

        source_edge: the edge of this square in pixels of the original photo. embedding: (channels,).
        """
        measures = image_quality.measure_quality(photo, source_edge)
        features = measure_image_features(photo)
        distance = self._gate.distance(features, embedding)
        is_phone, is_unlike = self._origin.judge(features, self._trained_on)
        return Findings(
            combine_refusals(self._quality.refusals(measures), self._gate.foreign(features)),
            self._quality.warnings(measures),
            is_phone,
            is_unlike,
            self._gate.nearness(distance),
            distance,
        )

    def distance(self, photo: NDArray[np.uint8], embedding: NDArray[np.float32]) -> float:
        """Return the gate's distance of a photo from the training photos; see `of`."""
        return self._gate.distance(measure_image_features(photo), embedding)


def combine_refusals(quality_refusals: tuple[str, ...], is_foreign: bool) -> tuple[str, ...]:
    """Return the reason codes for which a photo is refused: those of its quality or, without any, `photo_foreign`."""
    return quality_refusals or ((PHOTO_FOREIGN,) if is_foreign else ())


@dataclass(frozen=True)
class OriginDetector:
    """A network with one hidden layer, and the thresholds for its outputs.

    sources: names in the order of the outputs. hidden: (FEATURE_COUNT + 1, units); its last row is the bias. output:
    (units + 1, sources); its last row is the bias, too. unlike_thresholds: by the threshold_key of a model's known sources.
    """

    sources: tuple[str, ...]
    hidden: NDArray[np.float32]
    output: NDArray[np.float32]
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
def load_origin_detector() -> OriginDetector:
    """Return the detector that is part of this program."""
    facts = json.loads(ORIGIN_FACTS_FILE.read_text(encoding="utf-8"))
    with np.load(ORIGIN_ARRAYS_FILE, allow_pickle=False) as arrays:
        hidden, output = arrays["hidden"], arrays["output"]
    thresholds = facts["thresholds"]
    return OriginDetector(tuple(facts["sources"]), hidden, output, thresholds["phone"], thresholds["unlike"])
