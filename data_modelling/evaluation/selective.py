"""What would be wrong of the answers if only the most certain ones were given (risk against coverage).

Geifman and El-Yaniv 2017, arXiv:1705.08500. Certain is a photo whose most probable class is probable.
"""

import numpy as np
from numpy.typing import NDArray

from data_modelling.evaluation.metrics import balanced_accuracy, confusion

Labels = NDArray[np.int64]
Floats = NDArray[np.float64]

FEWEST_ANSWERED = 5  # photos of each class, below which the balanced error would be chance


def risks(labels: Labels, probability: Floats, decided: Labels, shares: Floats) -> tuple[Floats, Floats]:
    """Error and balanced error of the decisions when each of `shares` of the photos is answered.

    labels, decided: (N,); probability: (N, classes); shares: (M,), above 0 to 1. Returns two of (M,): the share
    of the answered photos that is decided wrong, and one less balanced accuracy over the classes of which a
    photo is there; NaN where fewer than FEWEST_ANSWERED of one of them are answered.
    """
    classes = probability.shape[1]
    present = np.isin(np.arange(classes), labels)
    surest_first = np.argsort(-probability.max(axis=1), kind="stable")
    errors, balanced = [], []
    for share in shares:
        answered = surest_first[: max(1, round(share * len(labels)))]
        matrix = confusion(labels[answered], decided[answered], classes)
        errors.append(float(np.mean(labels[answered] != decided[answered])))
        enough = matrix.sum(axis=1)[present].min() >= FEWEST_ANSWERED
        balanced.append(1 - balanced_accuracy(matrix) if enough else np.nan)
    return np.array(errors), np.array(balanced)
