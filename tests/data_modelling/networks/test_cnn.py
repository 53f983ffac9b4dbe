from pathlib import Path

import keras
import numpy as np
import pytest

from data_modelling.networks.cnn import (
    PlainBlock,
    ResidualBlock,
    fold_normalisation,
    image_branch,
    multiply_adds,
)
from data_modelling.networks.normalisation import BatchNormalization
from data_modelling.settings import NetworkSettings


@pytest.mark.parametrize(
    ("width", "stride", "shape"), [(4, 1, (1, 8, 8, 4)), (6, 1, (1, 8, 8, 6)), (6, 2, (1, 4, 4, 6))]
)
def test_a_block_gives_the_shape_it_announces(width: int, stride: int, shape: tuple[int, ...]) -> None:
    block = ResidualBlock(width, stride)
    photo = np.ones((1, 8, 8, 4), "float32")
    assert tuple(block(photo).shape) == shape
    assert block.compute_output_shape((1, 8, 8, 4)) == shape


def test_a_block_whose_second_normalisation_is_zero_passes_its_input_on() -> None:
    block = ResidualBlock(4)
    photo = np.random.default_rng(0).uniform(0, 1, (1, 6, 6, 4)).astype("float32")
    block(photo)
    block.second_norm.gamma.assign(np.zeros(4))
    np.testing.assert_allclose(np.asarray(block(photo)), photo, atol=1e-6)  # relu(0 + x), x >= 0


def test_the_image_branch_is_a_sequential_of_as_many_blocks_as_set() -> None:
    branch = image_branch(NetworkSettings(stem=4, widths=(4, 8), blocks=(2, 1)), "float32", 32)
    assert isinstance(branch, keras.Sequential)
    blocks = [layer.name for layer in branch.layers if isinstance(layer, ResidualBlock)]
    assert blocks == ["stage1_block1", "stage1_block2", "stage2_block1"]
    assert branch.output_shape == (None, 4, 4, 8)


def test_a_plain_block_whose_second_normalisation_is_zero_passes_nothing_on() -> None:
    block = PlainBlock(4)
    photo = np.ones((1, 6, 6, 4), "float32")
    block(photo)
    block.second_norm.gamma.assign(np.zeros(4))
    np.testing.assert_allclose(np.asarray(block(photo)), 0, atol=1e-6)


@pytest.mark.parametrize("block", ["residual", "plain"])
def test_multiply_adds_are_those_of_the_layers(block: str) -> None:
    """Counted a second way: outputs of each convolution times its kernel's inputs."""
    settings = NetworkSettings(edge=32, stem=4, widths=(4, 8), blocks=(2, 1), block=block, kernel=5)
    counted = 16 * 16 * 4 * 3 * 9  # the stem
    for layer in image_branch(settings, "float32", 32).layers:
        if isinstance(layer, PlainBlock):
            inner = [layer.first, layer.second, getattr(layer, "shortcut", None)]
            places = layer.output.shape[1] * layer.output.shape[2]
            counted += sum(places * int(np.prod(one.kernel.shape)) for one in inner if one is not None)
    assert multiply_adds(settings) == counted


def test_a_saved_plain_network_answers_as_before(tmp_path: Path) -> None:
    settings = NetworkSettings(edge=32, stem=4, widths=(4, 8), blocks=(1, 1), block="plain")
    branch = image_branch(settings, "float32", 32)
    photo = np.random.default_rng(0).uniform(0, 255, (1, 32, 32, 3)).astype("float32")
    branch.save(tmp_path / "branch.keras")
    again = keras.saving.load_model(tmp_path / "branch.keras", compile=False)
    np.testing.assert_allclose(np.asarray(again(photo)), np.asarray(branch(photo)), atol=1e-6)


def test_a_block_saved_when_squeeze_was_an_option_is_still_read() -> None:
    block = PlainBlock.from_config(PlainBlock(4, stride=2).get_config() | {"squeeze": 0})
    assert (block.width, block.stride) == (4, 2)


def randomise(branch: keras.Sequential) -> None:
    """Give every normalisation values that a training could give it, some of them below 0."""
    rng = np.random.default_rng(0)
    for layer in branch._flatten_layers():
        if isinstance(layer, BatchNormalization):
            size = layer.gamma.shape[0]
            layer.gamma.assign(rng.normal(0.5, 0.5, size))
            layer.beta.assign(rng.normal(0, 0.2, size))
            layer.moving_mean.assign(rng.normal(0, 0.3, size))
            layer.moving_variance.assign(rng.uniform(0.2, 2, size))


@pytest.mark.parametrize("block", ["residual", "plain"])
def test_folded_normalisation_changes_no_output_but_for_the_rounding(block: str) -> None:
    """Every kernel then fits into float16."""
    settings = NetworkSettings(edge=32, stem=4, widths=(8, 12), blocks=(1, 2), block=block)
    branch = image_branch(settings, "float32", 32)
    randomise(branch)
    photo = np.random.default_rng(1).uniform(0, 255, (6, 32, 32, 3)).astype("float32")
    before = np.asarray(branch(photo))
    fold_normalisation(keras.Sequential([branch]))
    kernels = [value for value in branch.weights if len(value.shape) == 4]
    assert len(kernels) == (9 if block == "residual" else 7)
    for kernel in kernels:
        values = np.asarray(kernel)
        np.testing.assert_array_equal(values.astype(np.float16).astype(np.float32), values)
    np.testing.assert_allclose(np.asarray(branch(photo)), before, atol=0.01)
