"""Compute the error if only the most certain photos are answered (risk-coverage curve).

The source is Geifman and El-Yaniv 2017, arXiv:1705.08500. The certainty of a photo is the probability of
its most probable class.
"""

import numpy as np

from data_modelling.metrics.array_types import Floats, Labels
from data_modelling.metrics.classification import balanced_accuracy, confusion_counts

FEWEST_ANSWERED = 5  # photos of each class: with fewer, the balanced error would be mostly chance


def selective_risks(
    labels: Labels, probability: Floats, decisions: Labels, shares: Floats
) -> tuple[Floats, Floats]:
    """Return error and balanced error of the decisions when each of `shares` of the photos is answered.

    labels, decisions: (N,); probability: (N, classes); shares: (M,), above 0 and at most 1. Returns two
    arrays (M,): the share of answered photos with a wrong decision, and 1 - balanced accuracy over the
    classes present. The second is NaN where fewer than FEWEST_ANSWERED photos of such a class are answered.
    """
    classes = probability.shape[1]
    present = np.isin(np.arange(classes), labels)
    most_certain_first = np.argsort(-probability.max(axis=1), kind="stable")
    errors, balanced_errors = [], []
    for share in shares:
        answered = most_certain_first[: max(1, round(share * len(labels)))]
        matrix = confusion_counts(labels[answered], decisions[answered], classes)
        errors.append(float(np.mean(labels[answered] != decisions[answered])))
        has_enough = matrix.sum(axis=1)[present].min() >= FEWEST_ANSWERED
        balanced_errors.append(1 - balanced_accuracy(matrix) if has_enough else np.nan)
    return np.array(errors), np.array(balanced_errors)
