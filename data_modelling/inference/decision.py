"""Turns logits into probabilities and decisions, the same way for one photo and for many."""

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.diagnoses import TASKS

Floats = NDArray[np.float64]

CALIBRATION_BINS = 15  # bins of equal width in the calibration error and the reliability diagram


def calibrated_probabilities(logits: NDArray[np.floating], temperature: float) -> Floats:
    """Return calibrated probabilities (N, classes): softmax(logits / temperature) (Guo et al. 2017, arXiv:1706.04599)."""
    scaled = np.asarray(logits, np.float64) / temperature
    exponentials = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(exponentials / exponentials.sum(axis=1, keepdims=True))


def predicted_classes(probability: Floats, decision_prior: Floats) -> NDArray[np.int64]:
    """Return class indices (N,): the argmax of probability (N, classes) divided by decision_prior (classes,)."""
    return np.asarray(np.argmax(probability / decision_prior, axis=1), np.int64)


def cancer_columns(task: str) -> NDArray[np.bool_]:
    """Return a mask (classes,) of the classes of a task that are flagged as cancer."""
    return np.array([diagnosis.flag == "cancer" for diagnosis in TASKS[task]])


def melanoma_column(task: str) -> int:
    """Return the index of melanoma among the classes of a task."""
    return next(i for i, diagnosis in enumerate(TASKS[task]) if diagnosis.name == "Melanoma")
