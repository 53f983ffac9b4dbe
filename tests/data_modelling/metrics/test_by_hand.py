"""Tests of every metric of the card on one case that can be worked out on paper: four classes, twelve photos.

The decided class has .7, the others .1 each. Rows are the truth, columns what was decided:
           0  1  2  3
  0        3  1  0  0
  1        1  2  0  0
  2        0  0  2  1
  3        0  1  1  0
"""

import numpy as np
import pytest

from data_modelling.metrics import calibration_error, classification, curves

TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3])
DECIDED = np.array([0, 0, 0, 1, 0, 1, 1, 2, 2, 3, 1, 2])
PROBABILITY = np.full((12, 4), 0.1) + 0.6 * np.eye(4)[DECIDED]
MATRIX = classification.confusion_counts(TRUTH, DECIDED, 4)
# Class 0 as a question of its own: of four photos at .7 three are of it, of eight at .1 one is.
SCORE, POSITIVE = PROBABILITY[:, 0], TRUTH == 0


def test_metrics_of_the_decision() -> None:
    assert classification.balanced_accuracy(MATRIX) == pytest.approx((3 / 4 + 2 / 3 + 2 / 3 + 0) / 4)
    np.testing.assert_allclose(classification.sensitivities(MATRIX), [3 / 4, 2 / 3, 2 / 3, 0])
    np.testing.assert_allclose(
        classification.class_rates(MATRIX)["specificity"], [7 / 8, 7 / 9, 8 / 9, 9 / 10]
    )
    np.testing.assert_allclose(
        classification.class_rates(MATRIX)["positive_predictive_value"], [3 / 4, 2 / 4, 2 / 3, 0]
    )
    np.testing.assert_allclose(
        classification.class_rates(MATRIX)["negative_predictive_value"], [7 / 8, 7 / 8, 8 / 9, 9 / 11]
    )
    assert classification.macro_f1(MATRIX) == pytest.approx((6 / 8 + 4 / 7 + 4 / 6 + 0) / 4)


def test_aucs() -> None:
    """Pairs in order, ties half: class 0 has 3 x 7 and (3 x 1 + 1 x 7) / 2 of 4 x 8."""
    by_hand = [(21 + 5) / 32, (14 + (4 + 7) / 2) / 27, (16 + (2 + 8) / 2) / 27, (2 * 9) / 2 / 20]
    found = classification.class_aucs(TRUTH, PROBABILITY)
    np.testing.assert_allclose(found, by_hand)
    assert classification.macro_auc(TRUTH, PROBABILITY) == pytest.approx(sum(by_hand) / 4)


def test_average_precisions() -> None:
    """The share found at .7 times what is right there, then the rest times the share of all."""
    by_hand = [
        3 / 4 * 3 / 4 + 1 / 4 * 4 / 12,
        2 / 3 * 2 / 4 + 1 / 3 * 3 / 12,
        2 / 3 * 2 / 3 + 1 / 3 * 3 / 12,
        2 / 12,
    ]
    found = classification.average_precisions(TRUTH, PROBABILITY)
    np.testing.assert_allclose(found, by_hand)


def test_losses() -> None:
    """Seven are right, five wrong: then the truth has .1 and the decided class .7."""
    likelihood = (7 * np.log(1 / 0.7) + 5 * np.log(10)) / 12
    assert classification.negative_log_likelihood(TRUTH, PROBABILITY) == pytest.approx(likelihood)
    right, wrong = 0.3**2 + 3 * 0.1**2, 0.9**2 + 0.7**2 + 2 * 0.1**2
    assert classification.brier_score(TRUTH, PROBABILITY) == pytest.approx((7 * right + 5 * wrong) / 12)


def test_calibration_errors() -> None:
    """All are sure of .7. In two bins of six photos four and three are right."""
    assert calibration_error.expected_calibration_error(TRUTH, PROBABILITY) == pytest.approx(
        abs(7 / 12 - 0.7)
    )
    equal_mass = (abs(4 - 4.2) + abs(3 - 4.2)) / 12
    assert calibration_error.equal_mass_calibration_error(TRUTH, PROBABILITY, 2) == pytest.approx(equal_mass)
    by_class = [
        abs(3 - 4 * 0.7) + abs(1 - 8 * 0.1),
        abs(2 - 4 * 0.7) + abs(1 - 8 * 0.1),
        abs(2 - 3 * 0.7) + abs(1 - 9 * 0.1),
        abs(0 - 1 * 0.7) + abs(2 - 11 * 0.1),
    ]
    found = calibration_error.classwise_calibration_error(TRUTH, PROBABILITY)
    assert found == pytest.approx(sum(by_class) / 4 / 12)


def test_partial_areas() -> None:
    """The curve runs from (1/8, 3/4) to (1, 1) and is at .8 where the false positive rate is .3."""
    assert curves.partial_auc_isic(SCORE, POSITIVE) == pytest.approx((0.8 + 1) / 2 * 0.7)
    assert curves.partial_auc_kaggle(SCORE, POSITIVE) == pytest.approx(0.2 / 2 * 0.7)


def test_rates_at_rates() -> None:
    assert curves.sensitivity_at_specificity(SCORE, POSITIVE, 0.85) == pytest.approx(3 / 4)
    assert curves.sensitivity_at_specificity(SCORE, POSITIVE, 0.9) == 0
    assert curves.specificity_at_sensitivity(SCORE, POSITIVE, 0.75) == pytest.approx(7 / 8)
    assert curves.specificity_at_sensitivity(SCORE, POSITIVE, 0.8) == 0


def test_decision_curve() -> None:
    """At .5 four are flagged, three rightly; at .05 all are."""
    found = curves.net_benefit(SCORE, POSITIVE, np.array([0.05, 0.5]))
    np.testing.assert_allclose(found, [4 / 12 - 8 / 12 * 0.05 / 0.95, 3 / 12 - 1 / 12])
