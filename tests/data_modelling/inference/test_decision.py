import numpy as np
import pytest

from data_modelling.inference.decision import (
    calibrated_probabilities,
    cancer_columns,
    melanoma_column,
    predicted_classes,
)


def test_probabilities_by_hand():
    logits = np.log([[1.0, 2.0, 5.0]])
    assert calibrated_probabilities(logits, 1.0) == pytest.approx(np.array([[1 / 8, 2 / 8, 5 / 8]]))


def test_temperature_two_takes_the_square_root_of_the_odds():
    assert calibrated_probabilities(np.log([[1.0, 9.0]]), 2.0) == pytest.approx(np.array([[1 / 4, 3 / 4]]))


def test_large_logits_do_not_overflow_and_float32_is_summed_as_float64():
    probabilities = calibrated_probabilities(np.array([[5000, -5000, 5000]], np.float32), 0.5)
    assert probabilities.dtype == np.float64
    assert probabilities.tolist() == [[0.5, 0.0, 0.5]]


def test_decision_divides_by_the_prior():
    probability = np.array([[0.2, 0.5, 0.3], [0.05, 0.9, 0.05]])
    prior = np.array([0.1, 0.7, 0.2])  # ratios: 2, 0.71, 1.5 and 0.5, 1.29, 0.25
    assert predicted_classes(probability, prior).tolist() == [0, 1]


def test_even_ratios_go_to_the_first_class():
    assert predicted_classes(np.array([[0.2, 0.4]]), np.array([1 / 3, 2 / 3])).tolist() == [0]


def test_cancer_group():
    assert cancer_columns("ham10000").tolist() == [True, False, True, True, False, False, False]
    assert np.flatnonzero(cancer_columns("isic2019")).tolist() == [0, 2, 7]  # MEL, BCC, SCC, not AK


@pytest.mark.parametrize("task", ["ham10000", "isic2019", "isic2020"])
def test_melanoma_is_found_in_every_task(task):
    assert melanoma_column(task) == 0
