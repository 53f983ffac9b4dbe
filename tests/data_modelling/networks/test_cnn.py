import keras
import numpy as np
import pytest

from data_modelling.networks.cnn import ResidualBlock, image_branch
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
    branch = image_branch(NetworkSettings(edge=32, stem=4, widths=(4, 8), blocks=(2, 1)), "float32")
    assert isinstance(branch, keras.Sequential)
    blocks = [layer.name for layer in branch.layers if isinstance(layer, ResidualBlock)]
    assert blocks == ["stage1_block1", "stage1_block2", "stage2_block1"]
    assert branch.output_shape == (None, 4, 4, 8)
