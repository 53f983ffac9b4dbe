"""Builds the whole network. Its logits (outputs) are a sum of two terms: one from the photo, one from the details.

logits = transposed kernel * mean(feature map) + bias + term of the details (age, sex, site). So heat maps (class
activation maps, Zhou et al. 2016, arXiv:1512.04150) and the effect of the details are exact and need no gradients.
"""

import platform
from pathlib import Path

import keras

from data_modelling.inference import details
from data_modelling.inference.diagnoses import TASKS
from data_modelling.networks.backbones import image_branch
from data_modelling.settings import Settings


def details_branch(units: int, classes: int, dtype: str) -> keras.Sequential:
    """Return the branch that turns encoded details (N, DETAILS_WIDTH) into their term of the logits (N, classes)."""
    return keras.Sequential(
        [
            keras.Input((details.DETAILS_WIDTH,)),
            keras.layers.Dense(units, activation="relu", dtype=dtype),
            keras.layers.Dense(classes, use_bias=False, dtype=dtype),
        ],
        name="details_branch",
    )


def build_network(settings: Settings, dtype: str = "float32", any_edge: bool = False) -> keras.Model:
    """Return the network that the settings describe, with new weights.

    Inputs: `photo` (N, edge, edge, 3) float32 0-255, `details` (N, details.DETAILS_WIDTH) float32.
    Outputs, float32: `logits` (N, classes), `feature_map` (N, rows, columns, channels), `embedding` (N, channels).
    any_edge: True accepts photos of any edge, False only of the settings' edge. dtype: `float32`, or `mixed_bfloat16`
    for training. Do not save a network with `mixed_bfloat16`, because the `.keras` file would keep this dtype.
    """
    network = settings.network
    classes = len(TASKS[settings.task])
    edge = None if any_edge else network.edge
    photo = keras.Input((edge, edge, 3), name="photo")
    encoded = keras.Input((details.DETAILS_WIDTH,), name="details")
    feature_map = image_branch(network, dtype, edge)(photo)
    feature_map = keras.layers.Activation("linear", dtype="float32", name="feature_map")(feature_map)
    embedding = keras.layers.GlobalAveragePooling2D(dtype="float32", name="embedding")(feature_map)
    dropped = keras.layers.Dropout(network.dropout, dtype="float32", name="dropout")(embedding)
    photo_term = keras.layers.Dense(classes, dtype="float32", name="head")(dropped)
    details_term = details_branch(network.details_units, classes, "float32")(encoded)
    logits = keras.layers.Add(dtype="float32", name="logits")([photo_term, details_term])
    return keras.Model(
        {"photo": photo, "details": encoded},
        {"logits": logits, "feature_map": feature_map, "embedding": embedding},
        name=settings.name,
    )


def training_dtype(bfloat16_wanted: bool) -> str:
    """Return `mixed_bfloat16` if it is wanted and the machine has any GPU, or a CPU with bfloat16; else `float32`."""
    cpu_file = Path("/proc/cpuinfo")
    processor_has_it = (
        platform.system() == "Linux" and cpu_file.exists() and "avx512_bf16" in cpu_file.read_text()
    )
    has_it = processor_has_it or bool(keras.distribution.list_devices("gpu"))
    return "mixed_bfloat16" if bfloat16_wanted and has_it else "float32"
