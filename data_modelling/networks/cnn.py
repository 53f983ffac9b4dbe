"""Builds the image branch of the custom CNN (it turns a photo into a feature map), and counts its multiply-adds.

The module also rounds the kernels of any trained branch to float16, so that the ONNX file is smaller.
"""

from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import keras
import numpy as np

from data_modelling.networks.normalisation import BatchNormalization
from data_modelling.settings import NetworkSettings

BRANCH = "image_branch"  # the name of the image branch in a network of networks.model


@keras.saving.register_keras_serializable("data_modelling")
class PlainBlock(keras.layers.Layer):
    """Two normalised convolutions turn (N, rows, columns, C) into (N, rows/stride, columns/stride, width channels)."""

    def __init__(self, width: int, stride: int = 1, kernel: int = 3, **options: Any) -> None:
        super().__init__(**options)
        self.width, self.stride, self.kernel = width, stride, kernel
        self.first, self.first_norm = convolution(width, kernel, stride, self.dtype_policy)
        self.second, self.second_norm = convolution(width, kernel, 1, self.dtype_policy)
        self.relu = keras.layers.ReLU(dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        shape = tuple(shape)  # Keras gives a list when it loads a saved network
        inner = self.compute_output_shape(shape)
        self.first.build(shape)
        self.second.build(inner)
        for norm in (self.first_norm, self.second_norm):
            norm.build(inner)
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        return self.relu(self._residual(x, training))

    def _residual(self, x: Any, training: bool) -> Any:
        y = self.relu(self.first_norm(self.first(x), training=training))
        return self.second_norm(self.second(y), training=training)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *((n // self.stride if n else None) for n in shape[1:3]), self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "stride": self.stride, "kernel": self.kernel}

    @classmethod
    def from_config(cls, config: dict[str, Any]) -> "PlainBlock":
        """Return the block of a saved network; older files still have `squeeze`, an option that was removed."""
        return cls(**{key: value for key, value in config.items() if key != "squeeze"})


@keras.saving.register_keras_serializable("data_modelling")
class ResidualBlock(PlainBlock):
    """Adds a shortcut to a plain block (He et al. 2016, arXiv:1512.03385).

    If the block changes the shape, the shortcut has a 1x1 convolution, which applies the block's stride. With `pooled`,
    average pooling before this convolution applies the stride instead (ResNet-D, He et al. 2019, arXiv:1812.01187).
    """

    def __init__(self, width: int, stride: int = 1, pooled: bool = True, **options: Any) -> None:
        super().__init__(width, stride, **options)
        self.pooled = pooled
        pools = stride > 1 and pooled
        self.pool = keras.layers.AveragePooling2D(stride, dtype=self.dtype_policy) if pools else None
        self.shortcut: keras.layers.Layer | None = None  # made in `build`

    def build(self, shape: tuple[int | None, ...]) -> None:
        super().build(shape)
        shape = tuple(shape)
        inner = self.compute_output_shape(shape)
        if self.stride > 1 or shape[-1] != self.width:
            stride = 1 if self.pooled else self.stride
            self.shortcut, self.shortcut_norm = convolution(self.width, 1, stride, self.dtype_policy)
            self.shortcut.build(inner[:-1] + shape[-1:] if self.pooled else shape)
            self.shortcut_norm.build(inner)

    def call(self, x: Any, training: bool = False) -> Any:
        y = self._residual(x, training)
        if self.pool is not None:
            x = self.pool(x)
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x), training=training)
        return self.relu(x + y)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pooled": self.pooled}


BLOCK_CLASSES = {"residual": ResidualBlock, "plain": PlainBlock}


def convolution(
    width: int, kernel: int, stride: int, dtype: Any
) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    """Return a convolution without bias, and the batch normalisation that follows it."""
    layer = keras.layers.Conv2D(
        width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal", dtype=dtype
    )
    return layer, BatchNormalization(momentum=0.99, dtype=dtype)


def image_branch(settings: NetworkSettings, dtype: str, edge: int | None) -> keras.Sequential:
    """Return the image branch of the custom CNN: a stem (the first convolution), and stages of blocks.

    It turns photos (N, edge, edge, 3), 0 to 255, into feature maps (N, edge/2^k, edge/2^k, last width); k = stages + 1.
    """
    stem, norm = convolution(settings.stem, 3, 2, dtype)
    layers = [keras.layers.Rescaling(1 / 127.5, -1, dtype=dtype), stem, norm, keras.layers.ReLU(dtype=dtype)]
    for stage, (width, blocks) in enumerate(zip(settings.widths, settings.blocks, strict=True), 1):
        for block in range(blocks):
            name = f"stage{stage}_block{block + 1}"
            options = {"kernel": settings.kernel, "name": name, "dtype": dtype}
            layers.append(BLOCK_CLASSES[settings.block](width, 2 if block == 0 else 1, **options))
    return keras.Sequential([keras.Input((edge, edge, 3)), *layers], name=BRANCH)


def fold_normalisation(network: keras.Model) -> None:
    """Multiply each kernel of the image branch by the scale of its batch normalisation, and round it to float16.

    The normalisation's mean, variance and gamma are adapted, so that predictions change by the rounding alone. In a
    further training, which uses the mean and variance of each batch, the outputs may differ slightly more. The ONNX
    file can store float16, which takes half the space of float32. A network without the layer BRANCH stays as it is.
    """
    if BRANCH not in {layer.name for layer in network.layers}:
        return
    for kernel_layer, norm in _normalised_convolutions(network.get_layer(BRANCH)):
        variance = np.asarray(norm.moving_variance, np.float64)
        scale = np.asarray(norm.gamma) / np.sqrt(variance + norm.epsilon)
        kernel_layer.kernel.assign((np.asarray(kernel_layer.kernel) * scale).astype(np.float16))
        folded_variance = (scale**2 * variance).astype(np.float32)
        norm.moving_mean.assign(np.asarray(norm.moving_mean) * scale)
        norm.moving_variance.assign(folded_variance)
        norm.gamma.assign(np.sqrt(folded_variance.astype(np.float64) + norm.epsilon))


def _normalised_convolutions(
    branch: keras.Sequential,
) -> Iterator[tuple[keras.layers.Layer, keras.layers.Layer]]:
    """Yield each convolution with the batch normalisation that follows it."""
    for before, layer in pairwise(branch.layers):
        if isinstance(layer, BatchNormalization) and isinstance(before, keras.layers.Conv2D):
            yield before, layer
    for block in branch.layers:
        if isinstance(block, PlainBlock):
            yield block.first, block.first_norm
            yield block.second, block.second_norm
            if getattr(block, "shortcut", None) is not None:
                yield block.shortcut, block.shortcut_norm


def multiply_adds(settings: NetworkSettings) -> int:
    """Return the number of multiply-adds of the custom CNN's convolutions for one photo; FLOPs are twice as many."""
    edge = settings.edge // 2
    total = edge**2 * 9 * 3 * settings.stem
    input_width = settings.stem
    for width, blocks in zip(settings.widths, settings.blocks, strict=True):
        edge //= 2
        for block in range(blocks):
            total += edge**2 * settings.kernel**2 * (input_width + width) * width
            if settings.block == "residual" and (block == 0 or input_width != width):
                total += edge**2 * input_width * width
            input_width = width
    return total
