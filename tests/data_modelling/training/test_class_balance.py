import numpy as np
import pytest
from msgspec import structs

from data_modelling.settings import TrainingSettings
from data_modelling.training.class_balance import (
    MOST_ROUNDS,
    class_loss_weights,
    draw_epoch_rows,
    empirical_prior,
    prior_shift,
    training_prior,
)

LABELS = np.array([0] * 16 + [1] * 4 + [2] * 1)


def training_settings(**values: float) -> TrainingSettings:
    return structs.replace(TrainingSettings(balance=0), **values)


def test_an_unbalanced_epoch_shows_every_row_once() -> None:
    rows = draw_epoch_rows(LABELS, 4, training_settings(), np.random.default_rng(0))
    assert sorted(rows) == list(range(21))
    assert list(rows) != list(range(21))


def test_a_half_balanced_epoch_shows_classes_by_the_roots_of_their_counts() -> None:
    rows = draw_epoch_rows(LABELS, 4, training_settings(balance=0.5), np.random.default_rng(0))
    counts = np.bincount(LABELS[rows], minlength=4)
    assert counts.tolist() == [12, 6, 3, 0]  # 21 x 4/7, 2/7, 1/7
    of_rows = np.bincount(rows, minlength=21)
    assert of_rows[:16].max() == 1
    assert sorted(of_rows[16:20]) == [1, 1, 2, 2]
    assert of_rows[20] == 3


def test_every_epoch_draws_another_rest() -> None:
    rng = np.random.default_rng(0)
    first, second = (set(draw_epoch_rows(LABELS, 4, training_settings(balance=0.5), rng)) for _ in range(2))
    assert first != second


def test_sampled_to_a_number_every_class_has_it() -> None:
    """16 are undersampled to six of them, four and one are oversampled: all are in, some again."""
    sampled = training_settings(photos_a_class=6)
    rows = draw_epoch_rows(LABELS, 4, sampled, np.random.default_rng(0))
    assert np.bincount(LABELS[rows], minlength=4).tolist() == [6, 6, 6, 0]
    of_rows = np.bincount(rows, minlength=21)
    assert of_rows[:16].max() == 1
    assert of_rows[16:20].min() >= 1
    np.testing.assert_allclose(training_prior(LABELS, 4, sampled), (1 / 3, 1 / 3, 1 / 3, 0))


@pytest.mark.parametrize(
    ("balance", "shares"),
    [(0, (16 / 21, 4 / 21, 1 / 21, 0)), (1, (1 / 3, 1 / 3, 1 / 3, 0)), (0.5, (4 / 7, 2 / 7, 1 / 7, 0))],
)
def test_the_training_prior_is_a_power_of_the_counts(balance: float, shares: tuple[float, ...]) -> None:
    np.testing.assert_allclose(training_prior(LABELS, 4, training_settings(balance=balance)), shares)


def test_the_empirical_prior_is_that_of_the_counts() -> None:
    np.testing.assert_allclose(empirical_prior(LABELS, 4), (16 / 21, 4 / 21, 1 / 21, 0))


def test_class_weights_by_hand() -> None:
    """1/count: 16 x 1/16 = 4 x 1/4 = 1 x 1, each class a third of 21; by roots 4, 2 and 1 parts of 7."""
    np.testing.assert_allclose(class_loss_weights(LABELS, 4, 1)[:3], (7 / 16, 7 / 4, 7))
    np.testing.assert_allclose(class_loss_weights(LABELS, 4, 0.5)[:3] * (16, 4, 1), (12, 6, 3))
    np.testing.assert_allclose(class_loss_weights(LABELS, 4, 0), 1)


def test_a_weighted_loss_sees_the_shares_that_drawing_would_show() -> None:
    for power in (0, 0.5, 1):
        np.testing.assert_allclose(
            training_prior(LABELS, 4, training_settings(class_weights=power)),
            training_prior(LABELS, 4, training_settings(balance=power)),
        )


def test_prior_shift_by_hand() -> None:
    shift = prior_shift(np.array([0.5, 0.5, 0.0]), np.array([0.75, 0.25, 0.0]))
    np.testing.assert_allclose(shift, [np.log(1.5), np.log(0.5), 0])


def test_the_prior_shift_gives_the_posterior_under_the_true_prior() -> None:
    """A score under equal shares, corrected to 90:10, by Bayes' rule."""
    likelihood = np.array([0.2, 0.6])
    logits = np.log(likelihood * 0.5) + prior_shift(np.array([0.5, 0.5]), np.array([0.9, 0.1]))
    posterior = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(posterior, [0.18 / 0.24, 0.06 / 0.24])


def test_the_source_of_a_photo_says_nothing_about_its_class() -> None:
    """Two sources of 800 and 200 photos, with a power of 1/2: shares of sqrt(4) to 1 in both classes."""
    labels = np.repeat([0, 1, 0, 1], [700, 100, 50, 150])
    sources = np.repeat(["large", "small"], [800, 200])
    drawn = draw_epoch_rows(
        labels, 2, training_settings(balance=1.0, source_balance=0.5), np.random.default_rng(0), sources
    )
    counts = {
        (label, name): np.sum((labels[drawn] == label) & (sources[drawn] == name))
        for label in (0, 1)
        for name in ("large", "small")
    }
    assert counts == {(0, "large"): 333, (0, "small"): 167, (1, "large"): 333, (1, "small"): 167}


def test_few_photos_of_a_class_in_a_source_are_not_repeated_without_end() -> None:
    labels = np.repeat([0, 0, 1], [500, 2, 500])
    sources = np.repeat(["one", "other", "one"], [500, 2, 500])
    drawn = draw_epoch_rows(
        labels, 2, training_settings(source_balance=1.0), np.random.default_rng(0), sources
    )
    assert np.sum(np.isin(drawn, [500, 501])) == 2 * MOST_ROUNDS


def test_a_class_that_one_source_alone_has_comes_from_it() -> None:
    labels, sources = np.array([0] * 30 + [1] * 10), np.array(["a"] * 20 + ["b"] * 10 + ["b"] * 10)
    drawn = draw_epoch_rows(
        labels, 2, training_settings(source_balance=1.0), np.random.default_rng(0), sources
    )
    assert np.sum(labels[drawn] == 1) == 10
    assert np.sum((labels[drawn] == 0) & (sources[drawn] == "a")) == 15
