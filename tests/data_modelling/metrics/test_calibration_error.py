import numpy as np
import pytest

from data_modelling.metrics import calibration_error

# Three photos at .75 of which one is right, one at .95 that is right.
PROBABILITY = np.array([[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.05, 0.95]])
LABELS = np.array([0, 1, 1, 1])


def test_equal_width_by_hand() -> None:
    expected = 3 / 4 * abs(1 / 3 - 0.75) + 1 / 4 * abs(1 - 0.95)
    assert calibration_error.expected_calibration_error(LABELS, PROBABILITY, bins=10) == pytest.approx(
        expected
    )


def test_equal_mass_by_hand() -> None:
    """Two bins of two photos: (.75 right, .75 wrong) and (.75 wrong, .95 right)."""
    expected = (abs(1 - 1.5) + abs(1 - 1.7)) / 4
    assert calibration_error.equal_mass_calibration_error(LABELS, PROBABILITY, bins=2) == pytest.approx(
        expected
    )


def test_classwise_by_hand() -> None:
    """Ten bins. Class 0: .75 three times, one right; .05 once, wrong. Class 1: .25 three times, two right; .95."""
    first = (abs(1 - 2.25) + 0.05) / 4
    second = (abs(2 - 0.75) + 0.05) / 4
    found = calibration_error.classwise_calibration_error(LABELS, PROBABILITY, bins=10)
    assert found == pytest.approx((first + second) / 2)


@pytest.mark.parametrize(("value", "place"), [(0.0, 0), (0.1, 0), (0.1001, 1), (0.95, 9), (1.0, 9)])
def test_a_value_on_an_edge_belongs_below(value: float, place: int) -> None:
    assert calibration_error.equal_width_bins(np.array([value]), 10)[0] == place


def test_bins_of_equal_mass_are_as_full_as_each_other_whatever_the_ties() -> None:
    values = np.array([0.5] * 7 + [0.1, 0.2, 0.9])
    assert np.bincount(calibration_error.equal_mass_bins(values, 3)).tolist() == [4, 3, 3]


def test_certain_and_right_is_perfectly_calibrated() -> None:
    for error in (
        calibration_error.expected_calibration_error,
        calibration_error.equal_mass_calibration_error,
        calibration_error.classwise_calibration_error,
    ):
        assert error(np.array([0, 1]), np.eye(2)) == 0


def test_a_perfect_model_shows_less_error_on_more_photos_and_none_when_certain() -> None:
    rng = np.random.default_rng(0)
    few = rng.dirichlet(np.ones(5), 100)
    many = rng.dirichlet(np.ones(5), 6400)
    of_few, of_many = (calibration_error.errors_of_perfect_model(one, draws=40).mean() for one in (few, many))
    # Chance goes with the root of the number: an eighth for 64 times as many photos.
    assert of_many == pytest.approx(of_few / 8, rel=0.25)
    np.testing.assert_array_equal(calibration_error.errors_of_perfect_model(np.eye(4), draws=3), 0)


def test_labels_of_a_perfect_model_are_drawn_from_its_probabilities() -> None:
    probability = np.tile([0.2, 0.5, 0.3], (2000, 1))
    shares = calibration_error.errors_of_perfect_model(
        probability, lambda labels, _: float((labels == 1).mean()), draws=20
    )
    assert shares.mean() == pytest.approx(0.5, abs=0.01)


def test_bins_of_a_reliability_diagram_give_the_calibration_error() -> None:
    """Of three photos sure of .6 two are right, and one sure of .9 is wrong."""
    labels = np.array([0, 0, 1, 1])
    probability = np.array([[0.6, 0.4]] * 3 + [[0.9, 0.1]])
    (few, *sure), (one, *surest) = calibration_error.reliability_bins(labels, probability)
    assert (few, one) == (3, 1)
    assert (sure, surest) == (pytest.approx([0.6, 2 / 3]), pytest.approx([0.9, 0.0]))
    error = calibration_error.expected_calibration_error(labels, probability)
    assert error == pytest.approx((3 * abs(0.6 - 2 / 3) + 0.9) / 4)
