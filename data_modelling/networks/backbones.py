"""Builds image branches by name: the custom CNN and ResNet34, with the same interface.

Each branch takes photos (N, edge, edge, 3) with values 0-255, as the photo reader gives them, and returns a feature
map. networks.model adds the same details branch and head to each branch. No branch computes anything at random. The
only random parts of an epoch are the choice and augmentation of its photos, and the dropout before the head.
"""

from collections.abc import Callable

import keras

from data_modelling.networks import cnn
from data_modelling.networks.cnn import BRANCH, ResidualBlock, convolution
from data_modelling.settings import CNN, RESNET, NetworkSettings

STEM_WIDTH = 64  # channels of ResNet34's first convolution; keras.applications has no ResNet34
STAGES = ((64, 3), (128, 4), (256, 6), (512, 3))  # channels and blocks of each stage of ResNet34


def image_branch(settings: NetworkSettings, dtype: str, edge: int | None) -> keras.Sequential:
    """Return the untrained image branch that the settings name. edge: width and height of the photos, None for any."""
    return BRANCH_BUILDERS[settings.name](settings, dtype, edge)


def resnet34(_: NetworkSettings, dtype: str, edge: int | None) -> keras.Sequential:
    """Return ResNet34's image branch (He et al. 2016, arXiv:1512.03385); it outputs (N, edge/32, edge/32, 512)."""
    stem, norm = convolution(STEM_WIDTH, 7, 2, dtype)
    layers = [
        keras.layers.Rescaling(1 / 127.5, -1, dtype=dtype),
        stem,
        norm,
        keras.layers.ReLU(dtype=dtype),
        keras.layers.MaxPooling2D(3, 2, padding="same", dtype=dtype),
    ]
    for stage, (width, blocks) in enumerate(STAGES, 1):
        for block in range(1, blocks + 1):
            stride = 2 if stage > 1 and block == 1 else 1
            name = f"stage{stage}_block{block}"
            layers.append(ResidualBlock(width, stride, pooled=False, name=name, dtype=dtype))
    return keras.Sequential([keras.Input((edge, edge, 3)), *layers], name=BRANCH)


BRANCH_BUILDERS: dict[str, Callable[[NetworkSettings, str, int | None], keras.Sequential]] = {
    CNN: cnn.image_branch,
    RESNET: resnet34,
}
