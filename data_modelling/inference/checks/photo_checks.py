"""Runs all checks of a photo, which say whether the photo can be used, and what makes the photo harder for the model.

The checks are image quality, the gate (it refuses pictures without a lesion) and the origin detector. This detector
estimates the source of a photo, such as HAM10000, to find phone photos and photos that look unlike the training photos.
`python -m data_modelling.safety.origin` fitted it, and wrote origin.npz and origin.json next to this module.
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

PHOTO_FOREIGN = "photo_foreign"  # the reason to refuse a picture that seems to show no lesion
PHONE_PHOTO, UNLIKE_TRAINING = "phone_photo", "unlike_training"  # reasons for doubt
ORIGIN_ARRAYS_FILE, ORIGIN_FACTS_FILE = (
    Path(__file__).with_name(f"origin.{ending}") for ending in ("npz", "json")
)
PHONE_SOURCES = ("PAD_UFES_20",)  # sources of phone photos, taken without a dermatoscope
# For each data set that combines several sources: those of its sources that the detector knows.
SOURCE_PARTS = {"ISIC_2019": ("HAM10000", "ISIC_2017")}


@dataclass(frozen=True)
class Findings:
    """The results of all checks of one photo.

    refusals: the reason codes for which the photo cannot be used; empty if the photo can be used. warnings: the codes
    of problems that make the photo harder for the model. is_phone, is_unlike: whether the photo looks like a phone
    photo, and whether it looks unlike the training photos. nearness: from 0 (far from the training photos) to 1 (near),
    see Gate.nearness. distance: the distance from the training photos, see Gate.distance.
    """

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    is_phone: bool
    is_unlike: bool
    nearness: float
    distance: float


class PhotoChecks:
    """The checks of a bundle (trained model). Creating them raises BundleError if a check's values are not valid."""

    def __init__(self, bundle: Bundle) -> None:
        self._quality = image_quality.QualityThresholds.from_metadata(bundle.metadata)
        self._gate = Gate.load(bundle.folder, bundle.metadata)
        self._origin = load_origin_detector()
        self._trained_on = tuple(map(str, bundle.metadata["data"]["sources"]))

    def of(self, photo: NDArray[np.uint8], source_edge: float, embedding: NDArray[np.float32]) -> Findings:
        """Return the findings for a photo, given as the square that the network sees, (edge, edge, 3).

        source_edge: the edge of this square in pixels of the original photo. embedding: (channels,), the
        numbers by which the network describes the photo.
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
        """Return the gate's distance of a photo from the training photos; for the arguments, see `of`."""
        return self._gate.distance(measure_image_features(photo), embedding)


def combine_refusals(quality_refusals: tuple[str, ...], is_foreign: bool) -> tuple[str, ...]:
    """Return the codes of a refusal: `quality_refusals`, or PHOTO_FOREIGN if these are empty and `is_foreign` holds."""
    return quality_refusals or ((PHOTO_FOREIGN,) if is_foreign else ())


@dataclass(frozen=True)
class OriginDetector:
    """A network of one hidden layer that estimates the source of a photo, with thresholds for the probabilities.

    sources: the names of the sources, in the order of the network's outputs. hidden, output: the weights of the two
    layers, (FEATURE_COUNT + 1, hidden units) and (hidden units + 1, sources); the last rows are the biases.
    unlike_thresholds: one for each set of sources that may have trained a model; threshold_key gives the key of a set.
    """

    sources: tuple[str, ...]
    hidden: NDArray[np.float32]
    output: NDArray[np.float32]
    phone_threshold: float  # for the probability of PHONE_SOURCES
    unlike_thresholds: Mapping[str, float]  # for the probability of all sources that did not train the model

    def shares(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the probability of each source, (..., sources), for image features (..., FEATURE_COUNT)."""
        active = np.maximum(features.astype(np.float32) @ self.hidden[:-1] + self.hidden[-1], 0)
        scores = (active @ self.output[:-1] + self.output[-1]).astype(np.float64)
        exponentials = np.exp(scores - scores.max(axis=-1, keepdims=True))
        return np.asarray(exponentials / exponentials.sum(axis=-1, keepdims=True))

    def judge(self, features: NDArray[np.floating], trained_on: Collection[str]) -> tuple[bool, bool]:
        """Return whether these image features are of a phone photo, and whether they are unlike the training photos.

        The probability of PHONE_SOURCES decides on the first answer. The summed probability of all sources that did not
        train the model decides on the second. The fit weighted all sources equally. NaN counts as above a threshold.
        trained_on: the sources in metadata.json. If the detector knows none of these sources, the second answer is no.
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
    """Return the key of these sources in `unlike_thresholds`, such as `HAM10000+ISIC_2017`."""
    return "+".join(sources)


def probability_of_sources(
    shares: NDArray[np.float64], sources: tuple[str, ...], chosen: Collection[str]
) -> NDArray[np.float64]:
    """Return the summed probability (...,) of the `chosen` sources. shares: probabilities (..., sources)."""
    return np.asarray(shares[..., [sources.index(name) for name in chosen]].sum(axis=-1))


@functools.cache
def load_origin_detector() -> OriginDetector:
    """Return the origin detector, which is part of this program and the same for all bundles."""
    facts = json.loads(ORIGIN_FACTS_FILE.read_text(encoding="utf-8"))
    with np.load(ORIGIN_ARRAYS_FILE, allow_pickle=False) as arrays:
        hidden, output = arrays["hidden"], arrays["output"]
    thresholds = facts["thresholds"]
    return OriginDetector(tuple(facts["sources"]), hidden, output, thresholds["phone"], thresholds["unlike"])
