"""Build and train the network of a trial of a hyperparameter search: the custom CNN with the trial's settings."""

from dataclasses import dataclass
from pathlib import Path

import keras
import keras_tuner
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits.assignment import fold_mask, training_masks
from data_modelling.networks.cnn import multiply_adds
from data_modelling.settings import Settings
from data_modelling.studies.tuning.search_space import trial_settings
from data_modelling.training.batches import Examples, select_examples
from data_modelling.training.checkpoint import total_cpu_seconds
from data_modelling.training.development_set import DevelopmentSet
from data_modelling.training.early_stopping import photo_macro_auc
from data_modelling.training.trainer import fit_network, initial_network

SECONDS = "seconds"  # processor time of a training, all threads together
OBJECTIVE = "macro_auc"  # macro AUC from the photo alone; the trials are compared by it
MAX_PARAMETERS = 2_000_000  # largest number of parameters of a network that may be served
MAX_MULTIPLY_ADDS = 500_000_000  # largest number of multiply-adds for one photo; it equals 1 GFLOP


class OversizedNetworkError(Exception):
    """Report a set of hyperparameters whose network is too large to be served."""


@dataclass(frozen=True)
class TrialPhotos:
    """Hold the photos of the trials in three parts; no group (photos of a lesion or patient) is in two parts.

    training: photos to train with. stopping: photos that tell when to stop. judged: photos to compute OBJECTIVE with.
    """

    training: Examples
    stopping: Examples
    judged: Examples


def trial_photos(base: Settings, development: DevelopmentSet, judged: int, unread: int) -> TrialPhotos:
    """Return the photos of the trials. judged: the fold of the judged photos. unread: a fold that no trial may use."""
    table = development.table
    rows = trial_rows(base, table, judged, unread).values()
    return TrialPhotos(*(select_examples(table, development.pixels, part, base.task) for part in rows))


def trial_rows(base: Settings, table: pd.DataFrame, judged: int, unread: int) -> dict[str, NDArray[np.bool_]]:
    """Return the masks, (N,), of the training, stopping and judged rows, by the name of the part."""
    in_training_folds = ~(fold_mask(table, judged) | fold_mask(table, unread))
    learning, stopping = training_masks(table, in_training_folds, base.seed)
    return {
        "training photos": learning,
        "stopping photos": stopping,
        "judging photos": fold_mask(table, judged),
    }


@dataclass(frozen=True)
class CNNHyperModel:
    """Build and train the network of a trial. base: the recipe that trials change; see studies.tuning.search_space."""

    base: Settings
    photos: TrialPhotos

    def build(self, hp: keras_tuner.HyperParameters) -> keras.Model:
        """Return the network with new weights.

        Raises OversizedNetworkError if the network is too large, and InputError if the values do not fit together.
        """
        settings = trial_settings(hp, self.base)
        cost = multiply_adds(settings.network)
        if cost > MAX_MULTIPLY_ADDS:
            raise OversizedNetworkError(
                f"{cost / 1e6:.0f} million multiply-adds a photo, above {MAX_MULTIPLY_ADDS / 1e6:.0f}"
            )
        network = initial_network(settings)
        if network.count_params() > MAX_PARAMETERS:
            raise OversizedNetworkError(f"{network.count_params():,} parameters, above {MAX_PARAMETERS:,}")
        return network

    def fit(self, hp: keras_tuner.HyperParameters, model: keras.Model, folder: Path) -> dict[str, float]:
        """Train the network; return OBJECTIVE, the numbers of parameters and multiply-adds, and the training's SECONDS.

        folder: the folder of the trial, from which an interrupted training resumes.
        """
        settings = trial_settings(hp, self.base)
        network = fit_network(
            settings, self.photos.training, self.photos.stopping, folder, f"trial {folder.name}", model
        )
        return {
            OBJECTIVE: photo_macro_auc(network, self.photos.judged),
            "parameters": network.count_params(),
            "multiply_adds": multiply_adds(settings.network),
            SECONDS: total_cpu_seconds(folder),
        }
