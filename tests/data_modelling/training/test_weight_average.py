import keras
import numpy as np
import pytest

from data_modelling.training.weight_average import AVERAGING_INTERVAL, WeightAverage

STEPS = 20  # of an epoch
LATE = 10**6  # a step at which the decay is the one that is set


def dense(value: float) -> keras.Model:
    network = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, use_bias=False)])
    network.set_weights([np.full((2, 1), value)])
    return network


def average(decay: float) -> tuple[WeightAverage, keras.Model]:
    """An average that began at 0, of a network that is 1 since."""
    network = dense(0.0)
    made = WeightAverage(dense(7.0), network, decay, STEPS)
    network.set_weights([np.ones((2, 1))])
    return made, made.averaged


def test_the_average_begins_with_the_networks_weights_and_follows_them_with_the_decay_that_is_set() -> None:
    made, averaged = average(0.995)
    np.testing.assert_array_equal(averaged.get_weights()[0], 0)
    made.update(LATE, steps=1)
    np.testing.assert_allclose(averaged.get_weights()[0], 1 - 0.995, atol=1e-6)


def test_the_average_moves_every_few_steps_as_if_it_moved_at_each() -> None:
    """Eight steps with a network that stays as it is: the distance shrinks by the product of the steps' decays."""
    made, averaged = average(0.9)
    made.update(LATE, steps=8)
    np.testing.assert_allclose(averaged.get_weights()[0], 1 - 0.9**8, rtol=1e-5)


def test_the_first_steps_are_averaged_less() -> None:
    made, averaged = average(0.995)
    made.update(0, steps=1)
    np.testing.assert_allclose(averaged.get_weights()[0], 1 - 1 / 10, rtol=1e-6)


def test_every_step_of_an_epoch_counts_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made, _ = average(0.9)
    counted = []
    monkeypatch.setattr(made, "update", lambda step, steps: counted.append((step, steps)))
    for step in range(2 * STEPS):
        made.follow(step)
    assert [steps for _, steps in counted] == [AVERAGING_INTERVAL, AVERAGING_INTERVAL, 4] * 2
    assert sum(steps for _, steps in counted) == 2 * STEPS
    assert counted[-1][0] == 2 * STEPS - 1
