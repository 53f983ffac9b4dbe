"""The whole network: image branch, details branch, and a head that is linear in both.

logits = kernel' * mean(feature map) + bias + details term. So class activation maps (Zhou et al. 2016,
arXiv:1512.04150) and the effect of the details follow exactly, without gradients and without Keras.
"""

import keras

from data_modelling.inference import details
from data_modelling.inference.diagnoses import TASKS
from data_modelling.networks.backbones import image_branch
from data_modelling.settings import Settings


def details_branch(units: int, classes: int, dtype: str) -> keras.Sequential:
    """Encoded details (N, details.WIDTH) to their term of the logits (N, classes)."""
    return keras.Sequential(
        [
            keras.Input((details.WIDTH,)),
            keras.layers.Dense(units, activation="relu", dtype=dtype),
            keras.layers.Dense(classes, use_bias=False, dtype=dtype),
        ],
        name="details_branch",
    )


def build_network(settings: Settings, dtype: str = "float32") -> keras.Model:
    """The network of a recipe, with new weights.

    Inputs: `photo` (N, edge, edge, 3) float32 0-255, `details` (N, details.WIDTH) float32.
    Outputs: `logits` (N, classes), `feature_map` (N, h, w, C), `embedding` (N, C), all float32.
    dtype: `float32`, or `mixed_bfloat16` for training (never saved so: the policy is stored in `.keras`).
    """
    network = settings.network
    classes = len(TASKS[settings.task])
    photo = keras.Input((network.edge, network.edge, 3), name="photo")
    encoded = keras.Input((details.WIDTH,), name="details")
    feature_map = image_branch(network, dtype)(photo)
    feature_map = keras.layers.Activation("linear", dtype="float32", name="feature_map")(feature_map)
    embedding = keras.layers.GlobalAveragePooling2D(dtype="float32", name="embedding")(feature_map)
    kept = keras.layers.Dropout(network.dropout, dtype="float32", name="dropout")(embedding)
    from_photo = keras.layers.Dense(classes, dtype="float32", name="head")(kept)
    from_details = details_branch(network.details_units, classes, "float32")(encoded)
    logits = keras.layers.Add(dtype="float32", name="logits")([from_photo, from_details])
    return keras.Model(
        {"photo": photo, "details": encoded},
        {"logits": logits, "feature_map": feature_map, "embedding": embedding},
        name=settings.name,
    )
