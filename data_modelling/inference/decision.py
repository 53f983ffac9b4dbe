"""From logits to probabilities, the decision, and the cancer group; the same for one photo and for many."""

import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.diagnoses import TASKS

Floats = NDArray[np.float64]


def probabilities(logits: NDArray[np.floating], temperature: float) -> Floats:
    """Calibrated probabilities (N, classes): softmax(logits / temperature) (Guo et al. 2017, arXiv:1706.04599)."""
    scaled = np.asarray(logits, np.float64) / temperature
    grown = np.exp(scaled - scaled.max(axis=1, keepdims=True))
    return np.asarray(grown / grown.sum(axis=1, keepdims=True))


def decisions(probability: Floats, decision_prior: Floats) -> NDArray[np.int64]:
    """Class indices (N,): argmax of probability / decision_prior, both (..., classes)."""
    return np.asarray(np.argmax(probability / decision_prior, axis=1), np.int64)


def cancer_columns(task: str) -> NDArray[np.bool_]:
    """Which classes of a task are flagged as cancer, (classes,)."""
    return np.array([diagnosis.flag == "cancer" for diagnosis in TASKS[task]])


def melanoma_column(task: str) -> int:
    """The index of melanoma among a task's classes."""
    return next(i for i, diagnosis in enumerate(TASKS[task]) if diagnosis.name == "Melanoma")
