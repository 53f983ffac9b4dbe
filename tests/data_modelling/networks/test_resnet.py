from data_modelling.networks import resnet
from data_modelling.settings import NetworkSettings


def test_resnet34_has_its_layers() -> None:
    branch = resnet.resnet34(NetworkSettings(name="resnet34", edge=64), "float32", 64)
    blocks = [layer for layer in branch.layers if type(layer).__name__ == "ResidualBlock"]
    assert [block.width for block in blocks] == [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3
    assert [block.stride for block in blocks].count(2) == 3
    assert branch.output_shape == (None, 2, 2, 512)
