"""Image branches by name: the custom CNN, ResNet34 and EfficientNetB0, all with one interface.

Each branch takes photos (N, edge, edge, 3) with values 0-255, as the photo reader gives them, and returns a feature
map. Each scales its input in its own way. networks.model puts the same details branch and head on all of them. No
branch has augmentation or stochastic depth, so an epoch depends only on its batches and the head's dropout.
"""

from collections.abc import Callable
from typing import Any

import keras
import numpy as np

from data_modelling.networks import cnn, resnet
from data_modelling.networks.cnn import BRANCH
from data_modelling.settings import CNN, EFFICIENTNET, RESNET, NetworkSettings

# Mean and standard deviation of ImageNet by channel, for photos with values 0-1; EfficientNetB0 scales by them.
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])


def image_branch(settings: NetworkSettings, dtype: str, edge: int | None) -> keras.Sequential:
    """Return the image branch that the settings name, with new weights.

    edge: of its photos, in pixels; None accepts any edge.
    """
    return BRANCH_BUILDERS[settings.name](settings, dtype, edge)


def efficientnetb0(_: NetworkSettings, dtype: str, edge: int | None) -> keras.Sequential:
    """Return the image branch of EfficientNetB0 (Tan and Le 2019, arXiv:1905.11946)."""
    previous_policy: Any = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)  # keras.applications takes no dtype policy as an argument
    try:
        network = keras.applications.EfficientNetB0(
            include_top=False, weights=None, input_shape=(edge, edge, 3)
        )
        network = keras.models.clone_model(network, clone_function=_rebuild_layer)
        return keras.Sequential([keras.Input((edge, edge, 3)), network], name=BRANCH)
    finally:
        keras.config.set_dtype_policy(previous_policy)


def _rebuild_layer(layer: keras.layers.Layer) -> keras.layers.Layer:
    """Return a new layer without stochastic depth, and with constants in place of a Normalization layer.

    Keras's Normalization keeps a copy of its weights. `set_weights` does not update this copy, and the ONNX converter
    takes it for an input of the network.
    """
    if isinstance(layer, keras.layers.Normalization):
        scale, offset = (1 / DEVIATION).tolist(), (-MEAN / DEVIATION).tolist()
        return keras.layers.Rescaling(scale, offset, name=layer.name, dtype=layer.dtype_policy)
    overrides = {"rate": 0.0} if isinstance(layer, keras.layers.Dropout) else {}
    return type(layer).from_config(layer.get_config() | overrides)


BRANCH_BUILDERS: dict[str, Callable[[NetworkSettings, str, int | None], keras.Sequential]] = {
    CNN: cnn.image_branch,
    RESNET: resnet.resnet34,
    EFFICIENTNET: efficientnetb0,
}
