"""Image branches by name: the custom CNN, ResNet34, ResNeXt50 and the EfficientNets, all with one interface.

Each takes photos (N, edge, edge, 3) of 0-255 as the photo reader gives them (scaling is inside, as each was
designed) and gives a feature map; networks.fusion puts the same details branch and head on all of them. There is
neither augmentation nor stochastic depth inside: an epoch depends on its batches and the head's dropout alone.
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

OWN: dict[str, Callable[[NetworkSettings, str], keras.Sequential]] = {
    CNN: cnn.image_branch,
    "resnet34": resnet.resnet34,
    "resnext50": resnet.resnext50,
}
# Of photos of 0-1, by channel: what the EfficientNets' own scaling is made of.
MEAN, DEVIATION = np.array([0.485, 0.456, 0.406]), np.array([0.229, 0.224, 0.225])
NO_NETWORK = "URL fetch failure"  # how the plain Exception begins that Keras raises then


def image_branch(settings: NetworkSettings, dtype: str) -> keras.Sequential:
    """The image branch that the settings name, with new weights."""
    if settings.name in OWN:
        return OWN[settings.name](settings, dtype)
    with _policy(dtype):
        network = keras.models.clone_model(_application(settings, weights=None), clone_function=_plain)
        return keras.Sequential([keras.Input((settings.edge, settings.edge, 3)), network], name=BRANCH)


def load_weights(network: keras.Model, settings: NetworkSettings) -> None:
    """Give a network's image branch the weights that the settings name; nothing where they name none.

    `imagenet` downloads them once into Keras's own cache. A file is a network of this project (.keras), whose
    image branch is taken, or the branch's weights alone (.weights.h5).

    Raises InputError when there is no network or no such file, or the file is of another network.
    """
    branch = network.get_layer(BRANCH)
    if settings.weights == IMAGENET:
        _load_imagenet(branch, settings)
    elif settings.weights:
        _load_file(branch, Path(settings.weights))


def _application(settings: NetworkSettings, weights: str | None) -> keras.Model:
    build = getattr(keras.applications, EFFICIENTNETS[settings.name])
    return build(include_top=False, weights=weights, input_shape=(settings.edge, settings.edge, 3))


def _plain(layer: keras.layers.Layer) -> keras.layers.Layer:
    """The layer anew: without stochastic depth, and with constants for the normalisation of the input.

    Keras's Normalization keeps a copy of its weights, which set_weights leaves behind and the converter to
    ONNX takes for inputs of the network.
    """
    if isinstance(layer, keras.layers.Normalization):
        scale, offset = (1 / DEVIATION).tolist(), (-MEAN / DEVIATION).tolist()
        return keras.layers.Rescaling(scale, offset, name=layer.name, dtype=layer.dtype_policy)
    changes = {"rate": 0.0} if isinstance(layer, keras.layers.Dropout) else {}
    return type(layer).from_config(layer.get_config() | changes)


def _load_imagenet(branch: keras.Sequential, settings: NetworkSettings) -> None:
    try:
        known = _application(settings, weights=IMAGENET)
    except Exception as error:
        if NO_NETWORK not in str(error):
            raise
        raise InputError(
            f"The ImageNet weights of {settings.name} cannot be downloaded ({error}); check the network, or leave "
            "out network.weights, or name a file."
        ) from error
    [network] = branch.layers
    inside = [layer for layer in known.layers if not isinstance(layer, keras.layers.Normalization)]
    network.set_weights([weight for layer in inside for weight in layer.get_weights()])
    stem = network.get_layer("stem_conv")
    stem.kernel.assign(stem.kernel * _input_scale(known).astype("float32")[None, None, :, None])


def _input_scale(known: keras.Model) -> NDArray[np.float64]:
    """By what a network of keras.applications scales each channel on top of our constants, (3,).

    EfficientNetB0-B7 bring a variance with their ImageNet weights, and a second scaling behind it. Both may as
    well be in the first kernel, since what it is padded with is zero in either.
    """
    scale = np.ones(3)
    for at, layer in enumerate(known.layers):
        if isinstance(layer, keras.layers.Normalization):
            if not np.allclose(np.ravel(layer.mean), MEAN, atol=1e-3):
                raise ValueError(
                    f"{known.name} subtracts {np.ravel(layer.mean)} and not the mean of ImageNet"
                )
            scale = DEVIATION / np.sqrt(np.ravel(layer.variance).astype(float))
            behind = known.layers[at + 1]
            if isinstance(behind, keras.layers.Rescaling):
                scale = scale * np.asarray(behind.scale)
    return scale


def _load_file(branch: keras.Sequential, path: Path) -> None:
    if not path.is_file():
        raise InputError(f"There is no file of weights {path}; mend network.weights.")
    try:
        if path.suffix == ".keras":
            saved = keras.saving.load_model(path, compile=False)
            branch.set_weights(saved.get_layer(BRANCH).get_weights())
        else:
            branch.load_weights(path)
    except (ValueError, OSError, KeyError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(
            f"{path} has no weights for this network ({reason}); mend network.weights."
        ) from error


@contextmanager
def _policy(dtype: str) -> Iterator[None]:
    """Layers made in this block get this dtype policy: keras.applications cannot be told one."""
    before: Any = keras.config.dtype_policy()
    keras.config.set_dtype_policy(dtype)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(before)
