import numpy as np
import pytest

from data_modelling.metrics.calibration import (
    best_decision_prior,
    best_temperature,
    reference_weights,
    sensitivity_threshold,
)


def test_each_source_has_the_reference_shares_and_all_count_equally() -> None:
    """Source a has 3 photos of class 0 and 1 of class 1, source b 1 and 1; c has class 0 alone. Shares .6 and .4."""
    labels = np.array([0, 0, 0, 1, 0, 1, 0, 0])
    sources = np.array(["a"] * 4 + ["b"] * 2 + ["c"] * 2)
    weights = reference_weights(labels, sources, np.array([0.6, 0.4, 0.0]))
    # A source weighs 8/3: in a, .6 is divided among three photos.
    expected = np.array([0.2, 0.2, 0.2, 0.4, 0.6, 0.4, 0.5, 0.5]) * 8 / 3
    np.testing.assert_allclose(weights, expected)
    assert weights.mean() == pytest.approx(1)


def test_weights_of_two_mean_the_same_as_photos_twice() -> None:
    rng = np.random.default_rng(0)
    scores, labels = rng.normal(0, 2, (300, 3)), rng.integers(0, 3, 300)
    weights = rng.integers(1, 3, 300).astype(float)
    twice = np.repeat(np.arange(300), weights.astype(int))
    assert best_temperature(scores, labels, weights) == pytest.approx(
        best_temperature(scores[twice], labels[twice]), rel=1e-4
    )
    probability = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    shares = np.array([0.5, 0.3, 0.2])
    np.testing.assert_allclose(
        best_decision_prior(probability, labels, shares, weights),
        best_decision_prior(probability[twice], labels[twice], shares),
    )
    positive = labels == 1
    assert sensitivity_threshold(scores[:, 1], positive, 0.9, weights) == sensitivity_threshold(
        scores[twice, 1], positive[twice], 0.9
    )
