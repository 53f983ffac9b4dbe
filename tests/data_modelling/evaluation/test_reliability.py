import numpy as np
import pytest

from data_modelling.evaluation import reliability

# Three photos at .75 of which one is right, one at .95 that is right.
PROBABILITY = np.array([[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.05, 0.95]])
LABELS = np.array([0, 1, 1, 1])


def test_equal_width_by_hand() -> None:
    expected = 3 / 4 * abs(1 / 3 - 0.75) + 1 / 4 * abs(1 - 0.95)
    assert reliability.expected_calibration_error(LABELS, PROBABILITY, bins=10) == pytest.approx(expected)


def test_equal_mass_by_hand() -> None:
    """Two bins of two photos: (.75 right, .75 wrong) and (.75 wrong, .95 right)."""
    expected = (abs(1 - 1.5) + abs(1 - 1.7)) / 4
    assert reliability.equal_mass_calibration_error(LABELS, PROBABILITY, bins=2) == pytest.approx(expected)


def test_classwise_by_hand() -> None:
    """Ten bins. Class 0: .75 three times, one right; .05 once, wrong. Class 1: .25 three times, two right; .95."""
    first = (abs(1 - 2.25) + 0.05) / 4
    second = (abs(2 - 0.75) + 0.05) / 4
    found = reliability.classwise_calibration_error(LABELS, PROBABILITY, bins=10)
    assert found == pytest.approx((first + second) / 2)


@pytest.mark.parametrize(("value", "place"), [(0.0, 0), (0.1, 0), (0.1001, 1), (0.95, 9), (1.0, 9)])
def test_a_value_on_an_edge_belongs_below(value: float, place: int) -> None:
    assert reliability.equal_width(np.array([value]), 10)[0] == place


def test_bins_of_equal_mass_are_as_full_as_each_other_whatever_the_ties() -> None:
    values = np.array([0.5] * 7 + [0.1, 0.2, 0.9])
    assert np.bincount(reliability.equal_mass(values, 3)).tolist() == [4, 3, 3]


def test_certain_and_right_is_perfectly_calibrated() -> None:
    for error in (
        reliability.expected_calibration_error,
        reliability.equal_mass_calibration_error,
        reliability.classwise_calibration_error,
    ):
        assert error(np.array([0, 1]), np.eye(2)) == 0


def test_a_perfect_model_shows_less_error_on_more_photos_and_none_when_certain() -> None:
    rng = np.random.default_rng(0)
    few = rng.dirichlet(np.ones(5), 100)
    many = rng.dirichlet(np.ones(5), 6400)
    of_few, of_many = (reliability.of_a_perfect_model(one, draws=40).mean() for one in (few, many))
    # Chance goes with the root of the number: an eighth for 64 times as many photos.
    assert of_many == pytest.approx(of_few / 8, rel=0.25)
    np.testing.assert_array_equal(reliability.of_a_perfect_model(np.eye(4), draws=3), 0)


def test_labels_of_a_perfect_model_are_drawn_from_its_probabilities() -> None:
    probability = np.tile([0.2, 0.5, 0.3], (2000, 1))
    shares = reliability.of_a_perfect_model(
        probability, lambda labels, _: float((labels == 1).mean()), draws=20
    )
    assert shares.mean() == pytest.approx(0.5, abs=0.01)
