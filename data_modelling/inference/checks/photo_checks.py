"""Checks a photo: whether it can be used, and what makes it harder for the model."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.bundle import Bundle
from data_modelling.inference.checks import image_quality
from data_modelling.inference.checks.gate import Gate
from data_modelling.inference.checks.image_features import measure_image_features
from data_modelling.inference.checks.origin import load_detector

PHOTO_FOREIGN = "photo_foreign"  # a reason to refuse a photo
PHONE_PHOTO, UNLIKE_TRAINING = "phone_photo", "unlike_training"  # reasons for doubt


@dataclass(frozen=True)
class Findings:
    """The results of all checks of one photo.

    refusals: the reason codes for which the photo cannot be used; empty if it can be used. warnings: the codes of problems
    that make the photo harder for the model. is_phone, is_unlike: whether it looks like a phone photo, or unlike the
    training photos. distance: how far it is from the training photos, as the gate measures it. nearness: the share (0-1) of
    lesion photos that are at least as far from the training photos as this photo.
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
        self._origin = load_detector()
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
