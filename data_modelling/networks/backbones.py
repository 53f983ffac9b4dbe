"""Image branches by name: the custom CNN, ResNet34 and the EfficientNets, all with one interface.

Each branch takes photos (N, edge, edge, 3) with values 0-255, as the photo reader gives them, and returns a feature
map. Each scales its input in its own way. networks.model puts the same details branch and head on all of them. No
branch has augmentation or stochastic depth, so an epoch depends only on its batches and the head's dropout.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import keras
import numpy as np
from numpy.typing import NDArray

from data_modelling.inference.errors import InputError
from data_modelling.networks import cnn, resnet
from data_modelling.networks.cnn import BRANCH
from data_modelling.settings import CNN, EFFICIENTNETS, IMAGENET, NetworkSettings

BRANCH_BUILDERS: dict[str, Callable[[NetworkSettings, str, int | None], keras.Sequential]] = {
    CNN: cnn.image_branch,
    "resnet34": resnet.resnet34,
}
# Mean and standard deviation of ImageNet by channel, for photos with values 0-1; the EfficientNets scale by them.
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
DOWNLOAD_FAILURE = "URL fetch failure"  # start of the message when Keras cannot download a file


def image_branch(settings: NetworkSettings, dtype: str, edge: int | None) -> keras.Sequential:
    """Return the image branch that the settings name, with new weights.

    edge: of its photos, in pixels; None accepts any edge.
    """
    if settings.name in BRANCH_BUILDERS:
        return BRANCH_BUILDERS[settings.name](settings, dtype, edge)
    with _policy(dtype):
        network = keras.models.clone_model(
            _keras_application(settings, edge, weights=None), clone_function=_rebuild_layer
        )
        return keras.Sequential([keras.Input((edge, edge, 3)), network], name=BRANCH)


def load_weights(network: keras.Model, settings: NetworkSettings) -> None:
    """Load the weights that the settings name into a network's image branch; do nothing if they name none.

    `imagenet` downloads the weights once into Keras's own cache. A `.keras` file is a whole network of this project, and
    its image branch is used; a `.weights.h5` file has only the weights of the branch.

    Raises InputError if there is no network connection or no such file, or if the file belongs to another network.
    """
    branch = network.get_layer(BRANCH)
    if settings.weights == IMAGENET:
        _load_imagenet(branch, settings)
    elif settings.weights:
        _load_file(branch, Path(settings.weights))


def _keras_application(settings: NetworkSettings, edge: int | None, weights: str | None) -> keras.Model:
    build = getattr(keras.applications, EFFICIENTNETS[settings.name])
    return build(include_top=False, weights=weights, input_shape=(edge, edge, 3))


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


def _load_imagenet(branch: keras.Sequential, settings: NetworkSettings) -> None:
    try:
        pretrained = _keras_application(settings, settings.edge, weights=IMAGENET)
    except Exception as error:
        if DOWNLOAD_FAILURE not in str(error):
            raise
        raise InputError(
            f"The ImageNet weights of {settings.name} cannot be downloaded ({error}); check the network, or leave "
            "out network.weights, or name a file."
        ) from error
    [network] = branch.layers
    pretrained_layers = [
        layer for layer in pretrained.layers if not isinstance(layer, keras.layers.Normalization)
    ]
    network.set_weights([weight for layer in pretrained_layers for weight in layer.get_weights()])
    stem = network.get_layer("stem_conv")
    stem.kernel.assign(stem.kernel * _input_scale(pretrained).astype("float32")[None, None, :, None])


def _input_scale(pretrained: keras.Model) -> NDArray[np.float64]:
    """Return by how much a network of keras.applications scales each channel on top of our constants, (3,).

    EfficientNetB0-B7 have a variance with their ImageNet weights, and a second scaling behind it. Both can be moved into
    the first kernel, because zero padding stays zero.
    """
    scale = np.ones(3)
    for index, layer in enumerate(pretrained.layers):
        if isinstance(layer, keras.layers.Normalization):
            if not np.allclose(np.ravel(layer.mean), MEAN, atol=1e-3):
                raise ValueError(
                    f"{pretrained.name} subtracts {np.ravel(layer.mean)} and not the mean of ImageNet"
                )
            scale = DEVIATION / np.sqrt(np.ravel(layer.variance).astype(float))
            next_layer = pretrained.layers[index + 1]
            if isinstance(next_layer, keras.layers.Rescaling):
                scale = scale * np.asarray(next_layer.scale)
    return scale


def _load_file(branch: keras.Sequential, path: Path) -> None:
    if not path.is_file():
        raise InputError(f"There is no file of weights {path}; correct network.weights.")
    try:
        if path.suffix == ".keras":
            saved = keras.saving.load_model(path, compile=False)
            branch.set_weights(saved.get_layer(BRANCH).get_weights())
        else:
            branch.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path} has no weights for this network ({reason}); correct network.weights."
        ) from error


@contextmanager
def _policy(dtype: str) -> Iterator[None]:
    """Set the dtype policy of the layers that are made in this block.

    keras.applications takes no dtype policy as an argument.
    """
    previous_policy: Any = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(previous_policy)
