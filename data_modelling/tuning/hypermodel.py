"""The custom CNN as KerasTuner searches it: a network and its training from a set of hyperparameters."""

from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner

from data_modelling.networks.cnn import multiply_adds
from data_modelling.settings import Settings
from data_modelling.training.checkpoint import cpu_seconds
from data_modelling.training.fit import fit, photo_macro_auc, untrained
from data_modelling.training.pipeline import Examples
from data_modelling.tuning.space import chosen

SECONDS = "seconds"  # of processor time that a training took, all threads together
OBJECTIVE = "macro_auc"  # of the judged photos, photo alone; scikit-learn's
LARGEST = 2_000_000  # parameters of a network that may be served
DEAREST = 500_000_000  # multiply-adds of one photo, 1 GFLOP


class Oversized(Exception):
    """A set of hyperparameters makes a network that is larger than what may be served."""


@dataclass(frozen=True)
class Parts:
    """training, stopping: what a trial learns from; judged: what its objective is measured on. No group in two."""

    training: Examples
    stopping: Examples
    judged: Examples


class CNNHyperModel(keras_tuner.HyperModel):
    """build: the network of a trial. fit: its training from new weights, and its objective.

    base: the recipe of which the search changes what tuning.space names.
    """

    def __init__(self, base: Settings, parts: Parts) -> None:
        super().__init__(name=base.name)
        self.base, self.parts = base, parts

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """The network with new weights. Raises Oversized, and InputError where the values do not fit together."""
        settings = chosen(hp, self.base)
        cost = multiply_adds(settings.network)
        if cost > DEAREST:
            raise Oversized(f"{cost / 1e6:.0f} million multiply-adds a photo, above {DEAREST / 1e6:.0f}")
        network = untrained(settings)
        if network.count_params() > LARGEST:
            raise Oversized(f"{network.count_params():,} parameters, above {LARGEST:,}")
        return network

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, folder: Path) -> dict[str, float]:
        """Train; OBJECTIVE on the judged photos, and what it cost.

        folder: of the trial; a training that was interrupted there goes on where it was.
        """
        settings = chosen(hp, self.base)
        network = fit(
            settings, self.parts.training, self.parts.stopping, folder, f"trial {folder.name}", model
        )
        return {
            OBJECTIVE: photo_macro_auc(network, self.parts.judged),
            "parameters": network.count_params(),
            "multiply_adds": multiply_adds(settings.network),
            SECONDS: cpu_seconds(folder),
        }
