"""The custom CNN's image branch: a Sequential of a stem and blocks, photo in, feature map out."""

from typing import Any

import keras

from data_modelling.networks.colour_constancy import ShadesOfGrey
from data_modelling.networks.normalisation import BatchNormalization
from data_modelling.settings import NetworkSettings

BRANCH = "image_branch"  # the name of the image branch in every network


@keras.saving.register_keras_serializable("data_modelling")
class SqueezeExcite(keras.layers.Layer):
    """A factor a channel from the means of all channels (Hu et al. 2018, arXiv:1709.01507).

    (N, H, W, C) to the same shape; `ratio` divides C for the layer between.
    """

    def __init__(self, channels: int, ratio: int, **options: Any) -> None:
        super().__init__(**options)
        self.channels, self.ratio = channels, ratio
        inner = max(1, channels // ratio)
        self.mean = keras.layers.GlobalAveragePooling2D(keepdims=True, dtype=self.dtype_policy)
        self.down = keras.layers.Conv2D(inner, 1, activation="relu", dtype=self.dtype_policy)
        self.up = keras.layers.Conv2D(channels, 1, activation="sigmoid", dtype=self.dtype_policy)

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.down.build((shape[0], 1, 1, self.channels))
        self.up.build((shape[0], 1, 1, self.down.filters))
        self.built = True

    def call(self, x: Any) -> Any:
        return x * self.up(self.down(self.mean(x)))

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return shape

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"channels": self.channels, "ratio": self.ratio}


@keras.saving.register_keras_serializable("data_modelling")
class PlainBlock(keras.layers.Layer):
    """Two convolutions with batch normalisation, and squeeze-and-excite behind them where `squeeze` is not 0.

    (N, H, W, C) to (N, H/stride, W/stride, width).
    """

    def __init__(
        self, width: int, stride: int = 1, kernel: int = 3, squeeze: int = 0, **options: Any
    ) -> None:
        super().__init__(**options)
        self.width, self.stride, self.kernel, self.squeeze = width, stride, kernel, squeeze
        self.first, self.first_norm = convolution(width, kernel, stride, self.dtype_policy)
        self.second, self.second_norm = convolution(width, kernel, 1, self.dtype_policy)
        self.relu = keras.layers.ReLU(dtype=self.dtype_policy)
        self.excite = SqueezeExcite(width, squeeze, dtype=self.dtype_policy) if squeeze else None

    def build(self, shape: tuple[int | None, ...]) -> None:
        shape = tuple(shape)  # Keras gives a list when it loads a saved network
        inner = self.compute_output_shape(shape)
        self.first.build(shape)
        self.second.build(inner)
        for norm in (self.first_norm, self.second_norm):
            norm.build(inner)
        if self.excite is not None:
            self.excite.build(inner)
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        return self.relu(self._convolved(x, training))

    def _convolved(self, x: Any, training: bool) -> Any:
        y = self.relu(self.first_norm(self.first(x), training=training))
        y = self.second_norm(self.second(y), training=training)
        return y if self.excite is None else self.excite(y)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *((n // self.stride if n else None) for n in shape[1:3]), self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {
            "width": self.width,
            "stride": self.stride,
            "kernel": self.kernel,
            "squeeze": self.squeeze,
        }


@keras.saving.register_keras_serializable("data_modelling")
class ResidualBlock(PlainBlock):
    """A plain block with a shortcut (He et al. 2016, arXiv:1512.03385).

    Where the shape changes, the shortcut is an average pooling and a 1x1 convolution (ResNet-D, He et al.
    2019, arXiv:1812.01187), or, not `pooled`, a 1x1 convolution of the stride (the first paper's).
    """

    def __init__(self, width: int, stride: int = 1, pooled: bool = True, **options: Any) -> None:
        super().__init__(width, stride, **options)
        self.pooled = pooled
        pools = stride > 1 and pooled
        self.pool = keras.layers.AveragePooling2D(stride, dtype=self.dtype_policy) if pools else None
        self.shortcut: keras.layers.Layer | None = None  # known once the input's channels are

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
        y = self._convolved(x, training)
        if self.pool is not None:
            x = self.pool(x)
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x), training=training)
        return self.relu(x + y)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"pooled": self.pooled}


BLOCKS = {"residual": ResidualBlock, "plain": PlainBlock}


def convolution(
    width: int, kernel: int, stride: int, dtype: Any
) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    """A convolution without bias, and the batch normalisation that goes behind it."""
    convolution = keras.layers.Conv2D(
        width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal", dtype=dtype
    )
    return convolution, BatchNormalization(momentum=0.99, dtype=dtype)


def image_branch(settings: NetworkSettings, dtype: str) -> keras.Sequential:
    """(N, edge, edge, 3) with values 0-255 to the feature map (N, edge/2^k, edge/2^k, last width)."""
    stem, norm = convolution(settings.stem, 3, 2, dtype)
    branch = [keras.layers.Rescaling(1 / 127.5, -1, dtype=dtype), stem, norm, keras.layers.ReLU(dtype=dtype)]
    if settings.colour_constancy:
        branch.insert(0, ShadesOfGrey(settings.colour_constancy, name="shades_of_grey", dtype="float32"))
    for stage, (width, blocks) in enumerate(zip(settings.widths, settings.blocks, strict=True), 1):
        for block in range(blocks):
            name = f"stage{stage}_block{block + 1}"
            options = {"kernel": settings.kernel, "squeeze": settings.squeeze, "name": name, "dtype": dtype}
            branch.append(BLOCKS[settings.block](width, 2 if block == 0 else 1, **options))
    return keras.Sequential([keras.Input((settings.edge, settings.edge, 3)), *branch], name=BRANCH)


def multiply_adds(settings: NetworkSettings) -> int:
    """Of the image branch's convolutions for one photo; a FLOP count is twice that."""
    edge = settings.edge // 2
    total = edge**2 * 9 * 3 * settings.stem
    before = settings.stem
    for width, blocks in zip(settings.widths, settings.blocks, strict=True):
        edge //= 2
        for block in range(blocks):
            total += edge**2 * settings.kernel**2 * (before + width) * width
            if settings.block == "residual" and (block == 0 or before != width):
                total += edge**2 * before * width
            if settings.squeeze:
                total += 2 * width * max(1, width // settings.squeeze)
            before = width
    return total
