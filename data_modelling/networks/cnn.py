"""The custom CNN's image branch: a Sequential of a stem and residual blocks, photo in, feature map out."""

from typing import Any

import keras

from data_modelling.settings import NetworkSettings

BRANCH = "image_branch"  # the name of the image branch in every network


@keras.saving.register_keras_serializable("data_modelling")
class ResidualBlock(keras.layers.Layer):
    """Two 3x3 convolutions with batch normalisation and a shortcut (He et al. 2016, arXiv:1512.03385).

    (N, H, W, C) to (N, H/stride, W/stride, width). Where the shape changes, the shortcut is an average
    pooling and a 1x1 convolution (ResNet-D, He et al. 2019, arXiv:1812.01187), or, not `pooled`, a 1x1
    convolution of the stride (the first paper's).
    """

    def __init__(self, width: int, stride: int = 1, pooled: bool = True, **options: Any) -> None:
        super().__init__(**options)
        self.width, self.stride, self.pooled = width, stride, pooled
        self.first, self.first_norm = convolution(width, 3, stride, self.dtype_policy)
        self.second, self.second_norm = convolution(width, 3, 1, self.dtype_policy)
        self.relu = keras.layers.ReLU(dtype=self.dtype_policy)
        pools = stride > 1 and pooled
        self.pool = keras.layers.AveragePooling2D(stride, dtype=self.dtype_policy) if pools else None
        self.shortcut: keras.layers.Layer | None = None  # known once the input's channels are

    def build(self, shape: tuple[int | None, ...]) -> None:
        shape = tuple(shape)  # Keras gives a list when it loads a saved network
        inner = self.compute_output_shape(shape)
        self.first.build(shape)
        self.second.build(inner)
        for norm in (self.first_norm, self.second_norm):
            norm.build(inner)
        if self.stride > 1 or shape[-1] != self.width:
            stride = 1 if self.pooled else self.stride
            self.shortcut, self.shortcut_norm = convolution(self.width, 1, stride, self.dtype_policy)
            self.shortcut.build(inner[:-1] + shape[-1:] if self.pooled else shape)
            self.shortcut_norm.build(inner)
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        y = self.relu(self.first_norm(self.first(x), training=training))
        y = self.second_norm(self.second(y), training=training)
        if self.pool is not None:
            x = self.pool(x)
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x), training=training)
        return self.relu(x + y)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *((n // self.stride if n else None) for n in shape[1:3]), self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "stride": self.stride, "pooled": self.pooled}


def convolution(
    width: int, kernel: int, stride: int, dtype: Any
) -> tuple[keras.layers.Layer, keras.layers.Layer]:
    """A convolution without bias, and the batch normalisation that goes behind it."""
    convolution = keras.layers.Conv2D(
        width, kernel, stride, padding="same", use_bias=False, kernel_initializer="he_normal", dtype=dtype
    )
    return convolution, keras.layers.BatchNormalization(momentum=0.99, dtype=dtype)


def image_branch(settings: NetworkSettings, dtype: str) -> keras.Sequential:
    """(N, edge, edge, 3) with values 0-255 to the feature map (N, edge/2^k, edge/2^k, last width)."""
    stem, norm = convolution(settings.stem, 3, 2, dtype)
    branch = [keras.layers.Rescaling(1 / 127.5, -1, dtype=dtype), stem, norm, keras.layers.ReLU(dtype=dtype)]
    for stage, (width, blocks) in enumerate(zip(settings.widths, settings.blocks, strict=True), 1):
        for block in range(blocks):
            name = f"stage{stage}_block{block + 1}"
            branch.append(ResidualBlock(width, 2 if block == 0 else 1, name=name, dtype=dtype))
    return keras.Sequential([keras.Input((settings.edge, settings.edge, 3)), *branch], name=BRANCH)
