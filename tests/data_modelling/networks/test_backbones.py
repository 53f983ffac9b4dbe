import gc
from pathlib import Path

import keras
import numpy as np
import pytest
from msgspec import structs
from tqdm import tqdm

from data_modelling.inference.details import Details, encode_details
from data_modelling.inference.onnx_runtime import onnxruntime
from data_modelling.networks import backbones
from data_modelling.networks.onnx import export_onnx
from data_modelling.settings import CNN, NETWORKS, NetworkSettings, Settings, read_settings
from data_modelling.training.batches import Examples
from data_modelling.training.trainer import Trainer
from tests.conftest import PROJECT

EDGE = 32  # pixels: the smallest, for speed
# What is trained in the image branch: torchvision states 21,797,672 for its network, with a layer of 1,000 classes.
PARAMETERS = {"resnet34": 21_797_672 - 513_000}


def settings_for(name: str, edge: int = EDGE) -> Settings:
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    # Without weight decay, which changes weights that no gradient reaches.
    training = structs.replace(settings.training, batch=8, weight_decay=0.0)
    values = NetworkSettings(name=name, edge=edge, details_units=8)
    return structs.replace(settings, network=values, training=training)


def examples(edge: int = EDGE) -> Examples:
    """Photos of large patches: photos of noise are all alike, and their small differences are all that is left."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 256, (8, 4, 4, 3), dtype=np.uint8).repeat(edge // 4, 1).repeat(edge // 4, 2)
    details = np.stack([encode_details(Details(age=10.0 * number, sex="male")) for number in range(8)])
    return Examples(pixels, np.arange(8), np.arange(8) % 7, details)


def outputs(network: keras.Model, part: Examples) -> dict[str, np.ndarray]:
    """Layer by layer, which for one batch is faster than compiling."""
    inputs = {"photo": part.pixels.astype("float32"), "details": part.details}
    return {name: np.asarray(value) for name, value in network(inputs, training=False).items()}


def train_save_and_export(name: str, folder: Path) -> None:
    """A step of training; then Keras and ONNX, made from the saved file, give the same outputs."""
    part = examples()
    expected = train_and_save(name, part, folder / "network.keras")
    gc.collect()  # the converter needs all the memory there is for the largest
    export_onnx(folder / "network.keras", folder / "network.onnx")
    session = onnxruntime.InferenceSession(folder / "network.onnx")
    inputs = {"photo": part.pixels.astype("float32"), "details": part.details}
    for output, value in zip(session.get_outputs(), session.run(None, inputs), strict=True):
        np.testing.assert_allclose(value, expected[output.name], atol=1e-4)


def train_and_save(name: str, part: Examples, target: Path) -> dict[str, np.ndarray]:
    """The outputs of a network that trained one step, after it was saved."""
    run = Trainer(settings_for(name), part, part)
    tame(run.network.network)
    check_inside(name, run.network.network.get_layer(backbones.BRANCH))
    weights = run.network.network.trainable_weights
    before = [np.array(weight) for weight in weights]
    with tqdm(disable=True) as bar:
        run.train_epoch(bar)
    assert np.isfinite(run.early_stopping.progress.history[0]["loss"])
    # A bias before a normalisation has no gradient; every kernel has.
    still = [
        new.path
        for old, new in zip(before, weights, strict=True)
        if new.path.endswith("kernel") and np.array_equal(old, np.array(new))
    ]
    assert still == []
    network = run.best_network()
    network.save(target)
    expected = outputs(network, part)
    check_head(network, expected, part)
    return expected


def tame(network: keras.Model) -> None:
    """Bring a new network near to what a trained one is, before its one step.

    New ones are ill-conditioned: with the statistics of batch normalisation still at their start, or with residual
    blocks as strong as their shortcuts, float32 alone is off by 1e-4 (ResNet34), in Keras as in
    ONNX, compared with float64. So the statistics are this batch's
    at once, and the blocks weak (by 1e-5 and 2e-5 off then), as Goyal et al. 2017 start them, arXiv:1706.02677;
    they start at 0, where no kernel has a gradient.
    """
    for layer in network._flatten_layers():
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.momentum = 0.0
        if hasattr(layer, "second_norm"):  # of a ResidualBlock
            layer.second_norm.gamma.assign(np.full(layer.second_norm.gamma.shape, 0.1))


def check_inside(name: str, branch: keras.Sequential) -> None:
    """Published size, scaling of 0-255 inside, nothing random even in training."""
    layers = branch.layers
    assert sum(int(np.prod(weight.shape)) for weight in branch.trainable_weights) == PARAMETERS[name]
    first = next(layer for layer in layers if isinstance(layer, keras.layers.Rescaling))
    assert 0.98 <= 255 * first.scale + first.offset <= 1.02
    assert not [layer for layer in layers if type(layer).__name__.startswith(("Random", "Lambda"))]
    assert {layer.rate for layer in layers if isinstance(layer, keras.layers.Dropout)} <= {0.0}


def check_head(network: keras.Model, found: dict[str, np.ndarray], part: Examples) -> None:
    """Linear in the mean of the feature map, plus a term of the details alone."""
    np.testing.assert_allclose(found["embedding"], found["feature_map"].mean(axis=(1, 2)), atol=1e-4)
    kernel, bias = network.get_layer("head").get_weights()
    term = np.asarray(network.get_layer("details_branch")(part.details))
    np.testing.assert_allclose(found["logits"], found["embedding"] @ kernel + bias + term, atol=1e-4)


@pytest.mark.parametrize("name", [name for name in NETWORKS if name != CNN])
def test_every_other_network_trains_saves_and_agrees_with_onnx(name: str, tmp_path: Path) -> None:
    train_save_and_export(name, tmp_path)


def test_every_name_of_a_recipe_has_a_builder() -> None:
    assert set(NETWORKS) == set(backbones.BRANCH_BUILDERS)


def test_for_bfloat16_the_whole_branch_computes_so_and_the_policy_outside_stays() -> None:
    branch = backbones.image_branch(settings_for("resnet34").network, "mixed_bfloat16", EDGE)
    assert {layer.compute_dtype for layer in branch.layers} == {"bfloat16"}
    assert keras.config.dtype_policy().name == "float32"


def test_resnet34_has_its_layers() -> None:
    branch = backbones.resnet34(NetworkSettings(name="resnet34", edge=64), "float32", 64)
    blocks = [layer for layer in branch.layers if type(layer).__name__ == "ResidualBlock"]
    assert [block.width for block in blocks] == [64] * 3 + [128] * 4 + [256] * 6 + [512] * 3
    assert [block.stride for block in blocks].count(2) == 3
    assert branch.output_shape == (None, 2, 2, 512)
