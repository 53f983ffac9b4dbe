"""ResNet34 and ResNeXt50 (32x4d), which keras.applications has not, as Sequentials of blocks."""

from typing import Any

import keras

from data_modelling.networks.cnn import BRANCH, ResidualBlock, convolution
from data_modelling.networks.normalisation import BatchNormalization
from data_modelling.settings import NetworkSettings

STEM = 64  # channels
BLOCKS = (3, 4, 6, 3)  # of each stage
WIDTHS = (64, 128, 256, 512)  # of ResNet34's stages
CARDINALITY = 32  # groups of ResNeXt50's inner convolutions
INNER_WIDTHS = (128, 256, 512, 1024)  # of ResNeXt50's stages; their outputs are twice as wide


@keras.saving.register_keras_serializable("data_modelling")
class GroupedConvolution(keras.layers.Layer):
    """A 3x3 convolution in groups of channels that do not see each other; no bias.

    (N, H, W, C) to (N, H/stride, W/stride, width). The kernel (3, 3, C/groups, width) is that of a grouped
    Conv2D whichever way it is computed. On TensorFlow's CPU that is a convolution a group: its own grouped
    one trains through the compiler (XLA) alone, has no form in ONNX, and takes a hundred times as long
    (TensorFlow 2.21, two busy cores, 16 photos, 32 groups, forward and back: 24x24x128 4.4 s against 0.024 s,
    12x12x256 3.1 s against 0.014 s).
    """

    def __init__(self, width: int, groups: int, stride: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.width, self.groups, self.stride = width, groups, stride

    def build(self, shape: tuple[int | None, ...]) -> None:
        self.kernel = self.add_weight(
            name="kernel", shape=(3, 3, shape[-1] // self.groups, self.width), initializer="he_normal"
        )
        self.built = True

    def call(self, x: Any) -> Any:
        if not _must_split():
            return self._convolved(x, self.kernel)
        parts = keras.ops.split(x, self.groups, axis=-1)
        kernels = keras.ops.split(keras.ops.convert_to_tensor(self.kernel), self.groups, axis=-1)
        convolved = [self._convolved(part, kernel) for part, kernel in zip(parts, kernels, strict=True)]
        return keras.ops.concatenate(convolved, axis=-1)

    def _convolved(self, x: Any, kernel: Any) -> Any:
        return keras.ops.conv(x, kernel, self.stride, "same", "channels_last")

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *(-(-n // self.stride) if n else None for n in shape[1:3]), self.width)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"width": self.width, "groups": self.groups, "stride": self.stride}


def _must_split() -> bool:
    return keras.backend.backend() == "tensorflow" and not keras.distribution.list_devices("gpu")


@keras.saving.register_keras_serializable("data_modelling")
class BottleneckBlock(keras.layers.Layer):
    """1x1, grouped 3x3 and 1x1 convolutions with batch normalisation and a shortcut.

    (N, H, W, C) to (N, H/stride, W/stride, 2 inner). Xie et al. 2017, arXiv:1611.05431, figure 3c.
    """

    def __init__(self, inner: int, groups: int, stride: int = 1, **options: Any) -> None:
        super().__init__(**options)
        self.inner, self.groups, self.stride = inner, groups, stride
        policy = self.dtype_policy
        self.reduce, self.reduce_norm = convolution(inner, 1, 1, policy)
        self.grouped = GroupedConvolution(inner, groups, stride, dtype=policy)
        self.grouped_norm = BatchNormalization(momentum=0.99, dtype=policy)
        self.expand, self.expand_norm = convolution(2 * inner, 1, 1, policy)
        self.relu = keras.layers.ReLU(dtype=policy)
        self.shortcut: keras.layers.Layer | None = None  # known once the input's channels are

    def build(self, shape: tuple[int | None, ...]) -> None:
        shape = tuple(shape)  # Keras gives a list when it loads a saved network
        wide, out = shape[:-1] + (self.inner,), self.compute_output_shape(shape)
        narrow = out[:-1] + (self.inner,)
        for layer, of in ((self.reduce, shape), (self.grouped, wide), (self.expand, narrow)):
            layer.build(of)
        for norm, of in ((self.reduce_norm, wide), (self.grouped_norm, narrow), (self.expand_norm, out)):
            norm.build(of)
        if self.stride > 1 or shape[-1] != 2 * self.inner:
            self.shortcut, self.shortcut_norm = convolution(2 * self.inner, 1, self.stride, self.dtype_policy)
            self.shortcut.build(shape)
            self.shortcut_norm.build(out)
        self.built = True

    def call(self, x: Any, training: bool = False) -> Any:
        y = self.relu(self.reduce_norm(self.reduce(x), training=training))
        y = self.relu(self.grouped_norm(self.grouped(y), training=training))
        y = self.expand_norm(self.expand(y), training=training)
        if self.shortcut is not None:
            x = self.shortcut_norm(self.shortcut(x), training=training)
        return self.relu(x + y)

    def compute_output_shape(self, shape: tuple[int | None, ...]) -> tuple[int | None, ...]:
        return (shape[0], *(-(-n // self.stride) if n else None for n in shape[1:3]), 2 * self.inner)

    def get_config(self) -> dict[str, Any]:
        return super().get_config() | {"inner": self.inner, "groups": self.groups, "stride": self.stride}


def resnet34(settings: NetworkSettings, dtype: str) -> keras.Sequential:
    """ResNet34 (He et al. 2016, arXiv:1512.03385), photo 0-255 in, (N, edge/32, edge/32, 512) out."""
    return _branch(
        settings,
        dtype,
        lambda stage, stride, name: ResidualBlock(
            WIDTHS[stage], stride, pooled=False, name=name, dtype=dtype
        ),
    )


def resnext50(settings: NetworkSettings, dtype: str) -> keras.Sequential:
    """ResNeXt50 of 32 groups of 4 channels, photo 0-255 in, (N, edge/32, edge/32, 2048) out."""
    return _branch(
        settings,
        dtype,
        lambda stage, stride, name: BottleneckBlock(
            INNER_WIDTHS[stage], CARDINALITY, stride, name=name, dtype=dtype
        ),
    )


def _branch(settings: NetworkSettings, dtype: str, block: Any) -> keras.Sequential:
    """Stem and four stages; block: from the stage's index, stride and name to a layer."""
    stem, norm = convolution(STEM, 7, 2, dtype)
    layers = [
        keras.layers.Rescaling(1 / 127.5, -1, dtype=dtype),
        stem,
        norm,
        keras.layers.ReLU(dtype=dtype),
        keras.layers.MaxPooling2D(3, 2, padding="same", dtype=dtype),
    ]
    for stage, blocks in enumerate(BLOCKS):
        for number in range(blocks):
            stride = 2 if stage > 0 and number == 0 else 1
            layers.append(block(stage, stride, f"stage{stage + 1}_block{number + 1}"))
    return keras.Sequential([keras.Input((settings.edge, settings.edge, 3)), *layers], name=BRANCH)
