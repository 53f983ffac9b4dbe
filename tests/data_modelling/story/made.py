"""A story of answers that were chosen by hand, without any training."""

import dataclasses

import numpy as np
import pandas as pd

from data_modelling.inference.bundle import Bundle, load_bundle
from data_modelling.settings import read_settings
from data_modelling.story.steps import STEPS
from data_modelling.story.telling import Cost, Told
from tests.conftest import PROJECT

CODES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
MEL, NV, DF = 0, 1, 5
# Photos of each class; dermatofibroma is the rarest.
PHOTOS = (12, 30, 6, 6, 8, 4, 6)
BY_NAME = {step.name: step for step in STEPS}


def told(name: str, melanomas: int, moles: int, cost: Cost | None = None) -> Told:
    """A step that calls the first `melanomas` photos of melanoma melanoma and the rest moles.

    It calls the first `moles` photos of moles melanoma, and is right elsewhere but for dermatofibroma: benign keratosis.
    """
    truth = np.repeat(np.arange(7), PHOTOS)
    decided = truth.copy()
    decided[melanomas : PHOTOS[0]] = NV
    decided[PHOTOS[0] : PHOTOS[0] + moles] = MEL
    decided[truth == DF] = CODES.index("BKL")
    count = len(truth)
    predictions = pd.DataFrame(
        {
            "image_id": [f"p{number:03}" for number in range(count)],
            "group_id": [f"g{number:03}" for number in range(count)],
            "truth": np.array(CODES)[truth],
        }
    )
    probability = np.full((count, 7), 0.02)
    probability[np.arange(count), decided] = 0.88
    recipe = read_settings(PROJECT / "data_modelling" / "configs" / "story_final.toml")
    settings = dataclasses.replace(recipe, name=f"story_{BY_NAME[name].recipe}")
    return Told(
        BY_NAME[name], settings, predictions, probability, decided, decided, cost or Cost(1000, 12, 90.0)
    )


def bundle() -> Bundle:
    """The committed one."""
    return load_bundle(PROJECT / "DATA" / "models" / "ham10000")
