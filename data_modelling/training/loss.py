"""Computes the loss of a training. Of some photos we know only that they are benign, but not which class they are."""

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from data_modelling.inference.diagnoses import TASKS

Floats = NDArray[np.float32]

SEVERAL_CLASSES_SUM = 1.5  # a target with a larger sum has several classes; a target of one class sums to 1
MASKED_LOGIT = -1e9  # log probability of an impossible class


def target_distributions(task: str, smoothing: float) -> Floats:
    """Return the target of each label, (classes + 1, classes); see datasets.table.class_indices.

    smoothing: the share of a target that is spread over all classes. The last row is for photos that are only known to
    be benign: 1 for each benign class.
    """
    classes = len(TASKS[task])
    smoothed = np.eye(classes, dtype=np.float32) * (1 - smoothing) + smoothing / classes
    benign = [diagnosis.flag == "benign" for diagnosis in TASKS[task]]
    return np.concatenate([smoothed, np.array([benign], np.float32)])


@keras.saving.register_keras_serializable("data_modelling")
def any_of_or_cross_entropy(target: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Return the loss (N,): cross entropy, or, for a target of several classes, -log of their total probability.

    So a photo that is only known to be benign lowers the probabilities of the classes that are not benign. It raises
    the logits of the benign classes in proportion to their present probabilities. target, logits: (N, classes).
    """
    log_probability = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    cross_entropy = -ops.sum(target * log_probability, axis=-1)
    possible = ops.where(target > 0, log_probability, MASKED_LOGIT)
    any_of_entropy = -ops.logsumexp(possible, axis=-1)
    return ops.where(ops.sum(target, axis=-1) > SEVERAL_CLASSES_SUM, any_of_entropy, cross_entropy)
