"""Keeps the weights of the best epoch, and decides when a training ends."""

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import softmax

from data_modelling.metrics.classification import macro_auc
from data_modelling.settings import TrainingSettings
from data_modelling.training.batches import Examples, predict_logits
from data_modelling.training.checkpoint import Progress

SMOOTHING_EPOCHS = 3  # the smoothed AUC of an epoch is the mean over this epoch and the two before it


class EarlyStopping:
    """Compares the epochs by the smoothed macro AUC of held-back photos (stopping photos), and keeps the best weights.

    classes: the number of classes; stopping photos that are only known to be benign do not count. shift: (classes,),
    added to the logits, so that they fit the true class prior. coarse_epochs: how many epochs at the start use
    photos of half the usual width and height; the patience does not count these epochs.
    """

    def __init__(
        self,
        training: TrainingSettings,
        stopping: Examples,
        classes: int,
        shift: NDArray[np.float64],
        coarse_epochs: int,
    ) -> None:
        self.training, self.stopping, self.shift = training, stopping, shift
        self.rows = np.flatnonzero(stopping.labels < classes)
        self.coarse_epochs, self.progress = coarse_epochs, Progress()
        self.best_weights: list[np.ndarray] = []

    def evaluate(self, network: keras.Model, loss: float) -> None:
        """Add an epoch to the history. Keep the weights if this epoch is the best, or if no earlier one has an AUC."""
        logits = predict_logits(network, self.stopping, with_details=False)
        probability = softmax(logits + self.shift, axis=1)
        auc = mean_macro_auc(self.stopping, probability, self.rows)
        history = self.progress.history
        history.append({"loss": loss, "stopping_macro_auc": auc})
        recent = [row["stopping_macro_auc"] for row in history[-SMOOTHING_EPOCHS:]]
        history[-1]["smoothed_macro_auc"] = float(np.mean(recent))
        auc, best_auc = (history[row]["smoothed_macro_auc"] for row in (-1, self.progress.best))
        if self.progress.best < 0 or np.isnan(best_auc) or auc > best_auc:
            self.progress.best = len(history) - 1
            self.best_weights = network.get_weights()

    def is_over(self) -> bool:
        """Return whether the schedule has ended, or the AUC has not improved for `patience` epochs.

        The second reason counts only after the share `least_share` of the schedule.
        """
        epochs, training = len(self.progress.history), self.training
        epochs_since_best = epochs - 1 - max(self.progress.best, self.coarse_epochs - 1)
        is_stale = epochs_since_best >= training.patience and epochs > self.coarse_epochs
        return epochs >= training.epochs or (is_stale and epochs >= training.least_share * training.epochs)


def mean_macro_auc(part: Examples, probability: NDArray[np.float64], rows: NDArray[np.int64]) -> float:
    """Return the mean of the sources' macro AUCs on `rows`, or NaN. One AUC of all rows would reward guessing the source."""
    if part.sources is None:
        return macro_auc(part.labels[rows], probability[rows])
    of_sources = [rows[part.sources[rows] == source] for source in np.unique(part.sources[rows])]
    return float(pd.Series([macro_auc(part.labels[some], probability[some]) for some in of_sources]).mean())


def photo_macro_auc(network: keras.Model, part: Examples) -> float:
    """Return the macro AUC of a network's answers from the photos alone."""
    logits = predict_logits(network, part, with_details=False).astype(float)
    return macro_auc(part.labels, softmax(logits, axis=1))
