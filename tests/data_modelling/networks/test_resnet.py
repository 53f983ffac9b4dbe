import keras
import numpy as np
import pytest

from data_modelling.networks import resnet
from data_modelling.networks.resnet import BottleneckBlock, GroupedConvolution
from data_modelling.settings import NetworkSettings


def by_hand(x: np.ndarray, kernel: np.ndarray, groups: int) -> np.ndarray:
    """The grouped convolution at stride 1, one output at a time."""
    inside = x.shape[-1] // groups
    outside = kernel.shape[-1] // groups
    padded = np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    result = np.zeros((*x.shape[:3], kernel.shape[-1]))
    for out in range(kernel.shape[-1]):
        first = (out // outside) * inside
        for row in range(x.shape[1]):
            for column in range(x.shape[2]):
                patch = padded[:, row : row + 3, column : column + 3, first : first + inside]
                result[:, row, column, out] = (patch * kernel[:, :, :, out]).sum(axis=(1, 2, 3))
    return result


@pytest.mark.parametrize("split", [True, False])
def test_a_grouped_convolution_is_the_one_by_hand_split_or_not(
    monkeypatch: pytest.MonkeyPatch, split: bool
) -> None:
    monkeypatch.setattr(resnet, "_must_split", lambda: split)
    x = np.random.default_rng(0).normal(size=(2, 5, 4, 8)).astype("float32")
    layer = GroupedConvolution(16, groups=4)
    found = np.asarray(layer(x))
    assert layer.kernel.shape == (3, 3, 2, 16)
    np.testing.assert_allclose(found, by_hand(x, np.asarray(layer.kernel), 4), atol=1e-4)


@pytest.mark.parametrize("edge", [6, 7])
def test_a_stride_halves_the_edge_rounding_up_in_both_forms(
    monkeypatch: pytest.MonkeyPatch, edge: int
) -> None:
    x = np.random.default_rng(0).normal(size=(1, edge, edge, 8)).astype("float32")
    layer = GroupedConvolution(8, groups=2, stride=2)
    found = []
    for split in (True, False):
        monkeypatch.setattr(resnet, "_must_split", lambda split=split: split)
        found.append(np.asarray(layer(x)))
    np.testing.assert_allclose(*found, atol=1e-5)
    assert found[0].shape == layer.compute_output_shape(x.shape) == (1, -(-edge // 2), -(-edge // 2), 8)


def test_every_group_is_trained() -> None:
    layer = GroupedConvolution(8, groups=4)
    model = keras.Sequential([keras.Input((4, 4, 8)), layer, keras.layers.GlobalAveragePooling2D()])
    before = np.array(layer.kernel)
    model.compile("sgd", "mse")
    model.train_on_batch(np.random.default_rng(0).normal(size=(2, 4, 4, 8)), np.ones((2, 8)))
    assert (np.abs(np.asarray(layer.kernel) - before).max(axis=(0, 1, 2)) > 0).all()


def test_a_block_is_a_shortcut_and_a_change() -> None:
    """With a change of zero, what is positive comes through as it is."""
    block = BottleneckBlock(4, groups=2)
    x = np.random.default_rng(0).uniform(0.1, 1, (1, 4, 4, 8)).astype("float32")
    block(x)
    assert block.shortcut is None
    block.expand_norm.gamma.assign(np.zeros(8))
    np.testing.assert_allclose(np.asarray(block(x)), x, atol=1e-6)


def test_a_block_comes_back_from_its_settings() -> None:
    block = BottleneckBlock(4, groups=2, stride=2, name="b")
    again = BottleneckBlock.from_config(block.get_config())
    assert again.compute_output_shape((None, 8, 8, 16)) == (None, 4, 4, 8)
    assert (again.groups, again.name) == (2, "b")


def test_resnet34_has_its_layers() -> None:
    branch = resnet.resnet34(NetworkSettings(name="resnet34", edge=64), "float32")
    blocks = [layer for layer in branch.layers if type(layer).__name__ == "ResidualBlock"]
    assert [block.width for block in blocks] == [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3
    assert [block.stride for block in blocks].count(2) == 3
    assert branch.output_shape == (None, 2, 2, 512)
