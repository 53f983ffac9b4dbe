"""The loss where some photos are only known to be of one of several classes."""

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from data_modelling.inference.diagnoses import TASKS

Floats = NDArray[np.float32]

SURELY_SEVERAL = 1.5  # a target sums to 1, or to how many classes it may be
RULED_OUT = -1e9  # log probability


def targets(task: str, smoothing: float) -> Floats:
    """What a network should answer, (classes + 1, classes), a row a label (see datasets.table.class_indices).

    smoothing: share of a target that is spread over all classes. The last row is of what is only known to be benign:
    1 for each benign class.
    """
    classes = len(TASKS[task])
    known = np.eye(classes, dtype=np.float32) * (1 - smoothing) + smoothing / classes
    benign = [diagnosis.flag == "benign" for diagnosis in TASKS[task]]
    return np.concatenate([known, np.array([benign], np.float32)])


@keras.saving.register_keras_serializable("data_modelling")
def any_of_or_cross_entropy(target: keras.KerasTensor, logits: keras.KerasTensor) -> keras.KerasTensor:
    """Cross entropy (N,); of a target of several classes minus the logarithm of their probability together.

    So what is only known to be benign scores the cancer classes down, and none of the benign ones up.
    """
    log_probability = ops.log_softmax(ops.cast(logits, "float32"), axis=-1)
    cross_entropy = -ops.sum(target * log_probability, axis=-1)
    among = ops.where(target > 0, log_probability, RULED_OUT)
    together = -ops.logsumexp(among, axis=-1)
    return ops.where(ops.sum(target, axis=-1) > SURELY_SEVERAL, together, cross_entropy)
