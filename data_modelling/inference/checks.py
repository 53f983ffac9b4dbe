"""All that is found out about a photo beside its classes: may it be used, and what makes it harder to judge."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference import quality
from data_modelling.inference.bundle import Bundle
from data_modelling.inference.gate import Gate
from data_modelling.inference.looks import looks
from data_modelling.inference.origin import load_detector

PHOTO_FOREIGN = "photo_foreign"  # refuses a photo
PHONE_PHOTO, UNLIKE_TRAINING = "phone_photo", "unlike_training"  # reasons for doubt


@dataclass(frozen=True)
class Findings:
    """refusals: codes of why the photo cannot be used; none when it can. warnings: codes of what makes it harder.

    is_phone, is_unlike: whether its pixels are those of a phone photo, or unlike the training photos'.
    nearness: the share (0-1) of lesion photos that are at least as far from the training photos as it is.
    distance: how far that is, in the gate's unit.
    """

    refusals: tuple[str, ...]
    warnings: tuple[str, ...]
    is_phone: bool
    is_unlike: bool
    nearness: float
    distance: float


class Checks:
    """The checks of a bundle. Raises BundleError where one of them is missing or no check at all."""

    def __init__(self, bundle: Bundle) -> None:
        self._quality = quality.Checks.from_metadata(bundle.metadata)
        self._gate = Gate.load(bundle.folder, bundle.metadata)
        self._origin = load_detector()
        self._trained_on = tuple(map(str, bundle.metadata["data"]["sources"]))

    def of(
        self,
        photo: NDArray[np.uint8],
        source_edge: float,
        embedding: NDArray[np.float32],
    ) -> Findings:
        """Check a photo as the network sees it, (edge, edge, 3).

        source_edge: pixels of its square in the photo's own resolution. embedding: (channels,).
        """
        measures = quality.measure(photo, source_edge)
        seen = looks(photo)
        distance = self._gate.distance(seen, embedding)
        origin = self._origin.judge(seen, self._trained_on)
        return Findings(
            refusals_of(self._quality.refusals(measures), self._gate.foreign(distance)),
            self._quality.warnings(measures),
            origin.is_phone,
            origin.is_unlike,
            self._gate.nearness(distance),
            distance,
        )


def refusals_of(quality_refusals: tuple[str, ...], is_foreign: bool) -> tuple[str, ...]:
    """Why a photo cannot be used. Of one that cannot be judged at all it is not said that it is foreign."""
    return quality_refusals or ((PHOTO_FOREIGN,) if is_foreign else ())
