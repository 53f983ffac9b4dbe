"""Turns a network for the classes of ISIC 2019 into one for another task (list of classes), by merging classes.

HAM10000's class AKIEC merges the classes AK and SCC: ISIC 2019 labels each AKIEC photo with one of these two. In ISIC
2020, melanoma is MEL, and benign is every other class. The probability of a merged class is the sum over the classes
that it merges. So its logit is the logarithm of the sum of exp(logit) over these classes. No weight changes.
"""

from collections.abc import Sequence
from typing import Any

import keras
import numpy as np
from keras import ops

from data_modelling.datasets.external_sources import MERGED_CLASSES
from data_modelling.inference.decision import melanoma_column
from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.explanation.heat_map import Head

SOURCE_TASK = "isic2019"
MERGED = "merged_logits"  # the name of the layer MergedLogits in a network


def class_groups(task: str) -> tuple[tuple[int, ...], ...]:
    """Return, for each class of a task, the indices of the classes of ISIC 2019 that it consists of."""
    learned, codes = learned_class_codes(SOURCE_TASK), class_codes(task)
    named = {
        index: code if code in codes else MERGED_CLASSES.get(code, "") for index, code in enumerate(learned)
    }
    if len(codes) == 2:
        melanoma = melanoma_column(SOURCE_TASK)
        named = {index: codes[(index == melanoma) != (melanoma_column(task) == 0)] for index in named}
    return tuple(tuple(index for index, code in named.items() if code == wanted) for wanted in codes)


@keras.saving.register_keras_serializable("data_modelling")
class MergedLogits(keras.layers.Layer):
    """Turns logits (N, columns) into merged logits (N, groups): the log of the sum of exp(logit) in each group."""

    def __init__(self, groups: Sequence[Sequence[int]], **options: Any) -> None:
        super().__init__(**options)
        self.groups = [list(map(int, group)) for group in groups]

    def call(self, logits: Any) -> Any:
        columns = [ops.stack([logits[:, index] for index in group], axis=1) for group in self.groups]
        return ops.stack([ops.logsumexp(group, axis=1) for group in columns], axis=1)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], len(self.groups))

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"groups": self.groups}


def merge_classes(network: keras.Model, task: str) -> keras.Model:
    """Return a network for `task`, made from one for ISIC 2019's classes; see networks.model for inputs and outputs."""
    logits = MergedLogits(class_groups(task), name=MERGED, dtype="float32")(network.output["logits"])
    return keras.Model(network.input, {**network.output, "logits": logits}, name=network.name)


def network_head(network: keras.Model) -> Head:
    """Return a network's head (last layer), with or without merged classes; see inference.explanation.heat_map.Head."""
    kernel, bias = (np.asarray(weights, np.float64) for weights in network.get_layer("head").get_weights())
    merged = next((layer for layer in network.layers if layer.name == MERGED), None)
    if merged is None:
        return Head(kernel, bias)
    unknown = network.get_layer("details_branch").predict_on_batch(encode_details(Details())[None])
    groups = tuple(map(tuple, merged.groups))
    columns = sum(map(len, groups))  # without the class UNK, which has no training photos
    return Head(kernel[:, :columns], (bias + np.asarray(unknown, np.float64)[0])[:columns], groups)
