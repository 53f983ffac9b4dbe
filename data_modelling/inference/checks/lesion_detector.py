"""Tells photos of lesions from foreign pictures by their image features.

A small network on the image features (see inference.checks.image_features) distinguishes them. It needs no network of
a bundle, so it is the same for all bundles. `python -m data_modelling.safety.lesion_detector` fitted it on
the photos of all clinics and on foreign pictures, and wrote the two files next to this module.
"""

import functools
import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

DETECTOR_ARRAYS_FILE, DETECTOR_FACTS_FILE = (
    Path(__file__).with_name(f"lesion_detector.{ending}") for ending in ("npz", "json")
)
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class LesionDetector:
    """A network with one hidden layer.

    hidden: (FEATURE_COUNT + 1, units); its last row is the bias. output: (units + 1,), likewise. threshold: the score above
    which a picture is foreign, for photos of any clinic.
    """

    hidden: Floats
    output: Floats
    threshold: float

    def score(self, features: NDArray[np.floating]) -> NDArray[np.float64]:
        """Return the log odds of a foreign picture, (...,), for image features (..., FEATURE_COUNT).

        NaN where a feature is not finite.
        """
        is_measured = np.isfinite(features).all(axis=-1)
        values = np.where(is_measured[..., None], features, 0).astype(np.float64)
        active = np.maximum(values @ self.hidden[:-1] + self.hidden[-1], 0)
        return np.where(is_measured, active @ self.output[:-1] + self.output[-1], np.nan)

    def refuses(self, features: NDArray[np.floating], threshold: float) -> NDArray[np.bool_]:
        """Return whether pictures with these image features are foreign at a threshold, (...,); features not finite are."""
        return np.asarray(~(self.score(features) <= threshold))  # written like this, NaN is refused too


@functools.cache
def load_lesion_detector() -> LesionDetector:
    """Return the detector that is part of this program."""
    facts = json.loads(DETECTOR_FACTS_FILE.read_text(encoding="utf-8"))
    with np.load(DETECTOR_ARRAYS_FILE, allow_pickle=False) as arrays:
        return LesionDetector(arrays["hidden"], arrays["output"], facts["threshold"])
