from pathlib import Path

import keras
import numpy as np
import pytest

from data_modelling.inference.details import DETAILS_WIDTH, Details, encode_details
from data_modelling.networks.model import build_network
from data_modelling.settings import Settings, read_settings

CONFIGS = Path(__file__).resolve().parents[3] / "data_modelling" / "configs"


@pytest.fixture(scope="module")
def settings() -> Settings:
    return read_settings(CONFIGS / "smoke.toml")


@pytest.fixture(scope="module")
def network(settings: Settings) -> keras.Model:
    keras.utils.set_random_seed(3)
    return build_network(settings)


def inputs(count: int, edge: int) -> dict[str, np.ndarray]:
    rng = np.random.default_rng(5)
    return {
        "photo": rng.uniform(0, 255, (count, edge, edge, 3)).astype("float32"),
        "details": np.stack([encode_details(Details(age=10.0 * n, sex="female")) for n in range(count)]),
    }


def outputs(network: keras.Model, batch: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    return {name: np.asarray(value) for name, value in network.predict_on_batch(batch).items()}


def test_outputs_have_the_shapes_that_others_rely_on(network: keras.Model) -> None:
    found = outputs(network, inputs(2, 32))
    assert {name: value.shape for name, value in found.items()} == {
        "logits": (2, 7),
        "feature_map": (2, 4, 4, 24),  # 32 pixels halved by the stem and by two stages
        "embedding": (2, 24),
    }


def test_the_embedding_is_the_mean_of_the_feature_map(network: keras.Model) -> None:
    found = outputs(network, inputs(2, 32))
    np.testing.assert_allclose(found["embedding"], found["feature_map"].mean(axis=(1, 2)), atol=1e-5)


def test_logits_are_linear_in_the_embedding_plus_a_term_of_the_details_alone(network: keras.Model) -> None:
    batch = inputs(3, 32)
    found = outputs(network, batch)
    kernel, bias = network.get_layer("head").get_weights()
    term = found["logits"] - (found["embedding"] @ kernel + bias)
    other_photo = outputs(network, batch | {"photo": 255 - batch["photo"]})
    other_term = other_photo["logits"] - (other_photo["embedding"] @ kernel + bias)
    np.testing.assert_allclose(term, other_term, atol=1e-4)
    assert np.abs(term[0] - term[2]).max() > 1e-3  # other details, other term


def test_the_map_of_a_class_sums_to_its_share_of_the_logit(network: keras.Model) -> None:
    """The class activation map is exact: its mean is the photo's part of the logit."""
    found = outputs(network, inputs(1, 32))
    kernel, _ = network.get_layer("head").get_weights()
    activation = found["feature_map"] @ kernel
    np.testing.assert_allclose(activation.mean(axis=(1, 2)), found["embedding"] @ kernel, atol=1e-5)


def test_a_saved_network_answers_as_before(network: keras.Model, tmp_path: Path) -> None:
    network.save(tmp_path / "n.keras")
    again = keras.saving.load_model(tmp_path / "n.keras", compile=False)
    batch = inputs(2, 32)
    np.testing.assert_array_equal(outputs(network, batch)["logits"], outputs(again, batch)["logits"])


def test_the_saved_network_holds_nothing_random_but_dropout(network: keras.Model) -> None:
    layers = [layer for layer in network._flatten_layers() if type(layer).__name__.startswith("Random")]
    assert layers == []
    batch = inputs(2, 32)
    np.testing.assert_array_equal(outputs(network, batch)["logits"], outputs(network, batch)["logits"])


def test_a_network_built_for_bfloat16_has_the_same_weights_and_float32_outputs(settings: Settings) -> None:
    exact, fast = build_network(settings), build_network(settings, "mixed_bfloat16")
    fast.set_weights(exact.get_weights())
    batch = inputs(2, 32)
    found = outputs(fast, batch)
    assert {value.dtype for value in found.values()} == {np.dtype("float32")}
    np.testing.assert_allclose(found["logits"], outputs(exact, batch)["logits"], atol=0.1)


@pytest.mark.parametrize("name", ["ham10000"])
def test_the_committed_recipe_stays_under_two_million_parameters(name: str) -> None:
    network = build_network(read_settings(CONFIGS / f"{name}.toml"))
    assert network.count_params() <= 2_000_000
    assert {end.name: end.shape[1:] for end in network.inputs}["details"] == (DETAILS_WIDTH,)
