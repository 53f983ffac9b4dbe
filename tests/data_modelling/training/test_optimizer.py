"""The optimisers: which variables Muon changes, and its step against a singular value decomposition."""

import keras
import numpy as np
import pytest

from data_modelling.settings import TrainingSettings
from data_modelling.training.optimizer import ConvolutionMuon, build_optimizer


def kernel_of(shape: tuple[int, ...], seed: int = 0) -> keras.Variable:
    return keras.Variable(np.random.default_rng(seed).normal(size=shape).astype("float32"))


@pytest.mark.parametrize("shape", [(3, 3, 4, 8), (1, 1, 16, 8), (1, 1, 4, 24)])
def test_a_step_of_muon_is_a_matrix_whose_singular_values_are_all_near_one(shape: tuple[int, ...]) -> None:
    """The five iterations bring each singular value between .68 and 1.13 (Jordan et al. 2024); vectors are kept."""
    optimizer = ConvolutionMuon(0.5, weight_decay=None, adam_weight_decay=None)
    variable, gradient = kernel_of(shape), kernel_of(shape, 1)
    before = np.array(variable)
    optimizer.build([variable])
    optimizer.apply_gradients([(gradient, variable)])
    rows = int(np.prod(shape[:-1]))
    step = (before - np.array(variable)).reshape(rows, shape[-1])
    left, _, right = np.linalg.svd(np.array(gradient).reshape(rows, shape[-1]), full_matrices=False)
    values = np.diag(left.T @ step @ right.T) / (0.5 * 0.2 * np.sqrt(max(rows, shape[-1])))
    assert (values > 0.6).all()
    assert (values < 1.25).all()
    remainder = left.T @ step @ right.T - np.diag(np.diag(left.T @ step @ right.T))
    assert np.abs(remainder).max() < 1e-4


def test_the_iteration_on_the_small_matrix_gives_what_keras_gives() -> None:
    muon, matrix = ConvolutionMuon(), kernel_of((576, 64))
    expected = keras.optimizers.Muon().zeropower_via_newtonschulz5(matrix, 5)
    assert np.allclose(muon.zeropower_via_newtonschulz5(matrix, 5), expected, atol=1e-5)


@pytest.mark.parametrize("shape", [(3, 3, 3, 8), (16, 4), (8,)])
def test_colour_kernels_dense_kernels_and_biases_get_the_step_of_adamw(shape: tuple[int, ...]) -> None:
    """The first step of AdamW has the size of the learning rate in each component."""
    optimizer = ConvolutionMuon(0.5, weight_decay=None, adam_weight_decay=None)
    variable, gradient = kernel_of(shape), np.sign(kernel_of(shape, 1))
    before = np.array(variable)
    optimizer.build([variable])
    optimizer.apply_gradients([(gradient, variable)])
    assert np.allclose(before - np.array(variable), 0.5 * gradient, atol=1e-4)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_the_learning_rate_warms_up_and_falls_to_nothing(name: str) -> None:
    settings = TrainingSettings(optimizer=name, epochs=10, warmup_epochs=2.0, learning_rate=0.01)
    schedule = build_optimizer(settings, steps=5)._learning_rate
    rates = [float(schedule(step)) for step in (0, 5, 10, 30, 50)]
    assert rates == pytest.approx([0.0001, 0.00505, 0.01, 0.005, 0.0], abs=1e-6)


def test_kernels_decay_and_biases_do_not() -> None:
    """Without a gradient, a kernel shrinks by the learning rate times the weight decay."""
    optimizer = build_optimizer(TrainingSettings(optimizer="muon", weight_decay=0.5, warmup_epochs=0.0), 5)
    kernel = keras.Variable(np.ones((3, 3, 4, 8), "float32"), name="kernel")
    bias = keras.Variable(np.ones(8, "float32"), name="bias")
    optimizer.build([kernel, bias])
    optimizer.apply_gradients([(np.zeros((3, 3, 4, 8), "float32"), kernel), (np.zeros(8, "float32"), bias)])
    assert np.allclose(kernel, 1 - 0.002 * 0.5, atol=1e-6)
    assert np.array_equal(bias, np.ones(8))
