import keras
import numpy as np
import pytest

from data_modelling.ensembling import ways
from data_modelling.inference.decision import probabilities
from data_modelling.networks.combined import MeanOfProbabilities, MeanOfRanks

PARTS = np.repeat(["0", "1"], 1000)


@pytest.fixture
def members():
    """A model that knows the three classes, and one that guesses; logits of 2,000 photos and their labels."""
    rng = np.random.default_rng(9)
    labels = rng.integers(0, 3, 2000)
    knows = rng.normal(0, 1, (2000, 3)) + 2 * np.eye(3)[labels]
    return [knows, rng.normal(0, 1, (2000, 3))], labels


def test_the_mean_of_probabilities_by_hand():
    """.8 and .4 at a temperature of 1 and 2: the second's logits are halved."""
    one, other = np.log([[0.8, 0.2]]), 2 * np.log([[0.4, 0.6]])
    found = ways.fit_mean([1.0, 2.0]).logits([one, other])
    assert probabilities(found, 1.0)[0].tolist() == pytest.approx([0.6, 0.4])


def test_weights_go_to_the_model_that_knows(members):
    given, labels = members
    way = ways.fit_weights(given, labels, [1.0, 1.0])
    assert sum(way.weights) == pytest.approx(1)
    assert way.weights[0] > 0.9


def test_weights_are_those_with_the_least_loss(members):
    given, labels = members
    way = ways.fit_weights(given, labels, [1.0, 1.0])
    at = np.linspace(0, 1, 401)
    p = [probabilities(one, 1.0)[np.arange(2000), labels] for one in given]
    losses = [-np.log(weight * p[0] + (1 - weight) * p[1]).mean() for weight in at]
    assert way.weights[0] == pytest.approx(at[np.argmin(losses)], abs=0.01)


def test_ranks_by_hand():
    """Log odds 0 to 499, of which a photo of 249.5 reaches half; scales of the models do not matter."""
    log_odds = np.arange(500.0)
    logits = np.stack([log_odds, np.zeros(500)], axis=1)
    way = ways.fit_rank([logits, 10 * logits], (log_odds > 300).astype(int) * -1 + 1)
    rank = way.rank([np.array([[249.5, 0.0]]), np.array([[2495.0, 0.0]])])
    assert rank[0] == pytest.approx(0.5, abs=0.003)
    extremes = way.rank([np.array([[-9.0, 0], [9e9, 0]])] * 2)
    assert 0 < extremes[0] < 0.002
    assert 0.998 < extremes[1] < 1


def test_crossed_predictions_are_fitted_on_the_other_part(members):
    given, labels = members
    found = ways.crossed("weights", given, labels, [1.0, 1.0], PARTS)
    rest = PARTS == "1"
    way = ways.fit_weights([one[rest] for one in given], labels[rest], [1.0, 1.0])
    np.testing.assert_allclose(found[~rest], way.logits([one[~rest] for one in given]))


def test_layers_say_what_the_ways_say(members):
    given, labels = members
    way = ways.fit_weights(given, labels, [1.3, 0.7])
    layer = MeanOfProbabilities(way.temperatures, way.weights)
    said = keras.ops.convert_to_numpy(layer([one.astype("float32") for one in given]))
    np.testing.assert_allclose(said, way.logits(given), atol=1e-4)
    two = [one[:, :2] for one in given]
    rank = ways.fit_rank(two, labels.clip(0, 1))
    again = MeanOfRanks.from_config(MeanOfRanks(rank.steps, rank.scale, rank.bias).get_config())
    said = keras.ops.convert_to_numpy(again([one.astype("float32") for one in two]))
    close = np.abs(said - rank.logits(two)).max(axis=1) < 1e-3
    assert close.mean() > 0.99  # a log odds at a step may fall to its other side in float32
