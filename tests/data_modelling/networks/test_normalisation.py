"""Held against Keras's own layer on the same numbers."""

from pathlib import Path

import keras
import numpy as np
import pytest

from data_modelling.networks.normalisation import BatchNormalization

RNG = np.random.default_rng(0)
MAP = RNG.normal(3, 2, (6, 5, 4, 3)).astype("float32")
GAMMA, BETA = np.array([0.5, 1, 2], "float32"), np.array([-1, 0, 1], "float32")


def both(dtype: str) -> list[keras.layers.Layer]:
    """Keras's layer and ours, with the same weights."""
    layers = [
        kind(momentum=0.9, dtype=dtype) for kind in (keras.layers.BatchNormalization, BatchNormalization)
    ]
    for layer in layers:
        layer.build(MAP.shape)
        layer.gamma.assign(GAMMA)
        layer.beta.assign(BETA)
    return layers


def values(tensor: object) -> np.ndarray:
    return np.asarray(keras.ops.cast(tensor, "float32"))


@pytest.mark.parametrize(("dtype", "close"), [("mixed_bfloat16", 0.03), ("float32", 1e-5)])
def test_training_gives_what_keras_gives(dtype: str, close: float) -> None:
    """Two steps: outputs, and mean and variance as they move. bfloat16 has eight bits of mantissa."""
    theirs, ours = both(dtype)
    photo = keras.ops.cast(MAP, theirs.compute_dtype)
    for _ in range(2):
        expected, found = (layer(photo, training=True) for layer in (theirs, ours))
        assert found.dtype == expected.dtype
        np.testing.assert_allclose(values(found), values(expected), atol=close)
    for name in ("moving_mean", "moving_variance"):
        np.testing.assert_allclose(values(getattr(ours, name)), values(getattr(theirs, name)), rtol=0.01)


def test_mean_and_variance_by_hand() -> None:
    """From 0 and 1, a tenth of the way to those of the map as bfloat16 has it; the variance is the biased one."""
    _, ours = both("mixed_bfloat16")
    photo = keras.ops.cast(MAP, "bfloat16")
    ours(photo, training=True)
    seen = values(photo)
    np.testing.assert_allclose(values(ours.moving_mean), 0.1 * seen.mean(axis=(0, 1, 2)), rtol=1e-3)
    np.testing.assert_allclose(values(ours.moving_variance), 0.9 + 0.1 * seen.var(axis=(0, 1, 2)), rtol=1e-3)


def test_what_is_frozen_or_asked_stays_as_it_is() -> None:
    _, ours = both("mixed_bfloat16")
    photo = keras.ops.cast(MAP, "bfloat16")
    ours(photo, training=False)
    ours.trainable = False
    frozen = values(ours(photo, training=True))
    np.testing.assert_array_equal(values(ours.moving_mean), 0)
    np.testing.assert_allclose(frozen, MAP / np.sqrt(1.001) * GAMMA + BETA, atol=0.1)


def test_gradients_are_those_of_keras() -> None:
    tensorflow = pytest.importorskip("tensorflow")
    weight = RNG.normal(size=MAP.shape).astype("float32")
    found = []
    for layer in both("mixed_bfloat16"):
        photo = tensorflow.constant(MAP)
        with tensorflow.GradientTape() as tape:
            tape.watch(photo)
            out = tensorflow.cast(layer(tensorflow.cast(photo, "bfloat16"), training=True), "float32")
            loss = tensorflow.reduce_sum(out * weight)
        found.append([values(part) for part in tape.gradient(loss, [photo, layer.gamma, layer.beta])])
    for expected, ours in zip(*found, strict=True):
        np.testing.assert_allclose(ours, expected, atol=0.03 * np.abs(expected).max())


def test_a_saved_network_answers_as_before(tmp_path: Path) -> None:
    network = keras.Sequential([keras.Input((5, 4, 3)), BatchNormalization(dtype="float32")])
    network.layers[0].moving_mean.assign(BETA)
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", compile=False)
    np.testing.assert_allclose(np.asarray(again(MAP)), np.asarray(network(MAP)), atol=1e-6)
