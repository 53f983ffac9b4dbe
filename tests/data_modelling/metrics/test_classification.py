import numpy as np
import pytest
from sklearn.metrics import (
    average_precision_score,
    balanced_accuracy_score,
    confusion_matrix,
    f1_score,
    log_loss,
    roc_auc_score,
)

from data_modelling.metrics import classification

# Four classes, twelve photos: rows are the truth, columns what was decided.
#            0  1  2  3
#   0        3  1  0  0
#   1        1  2  0  0
#   2        0  0  2  1
#   3        0  1  1  0
TRUTH = np.array([0, 0, 0, 0, 1, 1, 1, 2, 2, 2, 3, 3])
DECIDED = np.array([0, 0, 0, 1, 0, 1, 1, 2, 2, 3, 1, 2])
MATRIX = np.array([[3, 1, 0, 0], [1, 2, 0, 0], [0, 0, 2, 1], [0, 1, 1, 0]])


def made(count: int = 200, classes: int = 5) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(1)
    labels = rng.integers(0, classes, count)
    scores = rng.random((count, classes)) + 0.5 * np.eye(classes)[labels]
    return labels, scores / scores.sum(axis=1, keepdims=True)


def test_confusion_by_hand() -> None:
    np.testing.assert_array_equal(classification.confusion_counts(TRUTH, DECIDED, 4), MATRIX)


def test_sensitivities_specificities_and_accuracies_by_hand() -> None:
    np.testing.assert_allclose(classification.sensitivities(MATRIX), [3 / 4, 2 / 3, 2 / 3, 0])
    np.testing.assert_allclose(
        classification.class_rates(MATRIX)["specificity"], [7 / 8, 7 / 9, 8 / 9, 9 / 10]
    )
    assert classification.balanced_accuracy(MATRIX) == pytest.approx((3 / 4 + 2 / 3 + 2 / 3) / 4)
    assert classification.accuracy(MATRIX) == pytest.approx(7 / 12)


def test_a_class_without_photos_has_no_sensitivity_and_does_not_count() -> None:
    matrix = np.array([[2, 0, 1], [1, 1, 0], [0, 0, 0]])
    assert np.isnan(classification.sensitivities(matrix)[2])
    assert classification.balanced_accuracy(matrix) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_metrics_agree_with_scikit_learn() -> None:
    labels, probability = made()
    decided = probability.argmax(axis=1)
    matrix = classification.confusion_counts(labels, decided, 5)
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, decided))
    assert classification.balanced_accuracy(matrix) == pytest.approx(balanced_accuracy_score(labels, decided))
    assert classification.macro_auc(labels, probability) == pytest.approx(
        roc_auc_score(labels, probability, multi_class="ovr", average="macro")
    )


def test_auc_by_hand() -> None:
    """Positives at .9 and .4, negatives at .5 and .1: three of four pairs in order."""
    probability = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.1, 0.9]])
    assert classification.class_aucs(np.array([0, 0, 1, 1]), probability).tolist() == [0.75, 0.75]


def test_an_absent_class_has_no_auc_and_the_macro_is_of_the_others() -> None:
    labels = np.array([0, 0, 1, 1])
    probability = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]])
    assert classification.macro_auc(labels, probability) == 1
    assert np.isnan(classification.macro_auc(np.array([0, 0]), probability[:2]))


def test_predictive_values_and_f1_by_hand() -> None:
    np.testing.assert_allclose(
        classification.class_rates(MATRIX)["positive_predictive_value"], [3 / 4, 2 / 4, 2 / 3, 0]
    )
    np.testing.assert_allclose(
        classification.class_rates(MATRIX)["negative_predictive_value"], [7 / 8, 7 / 8, 8 / 9, 9 / 11]
    )
    assert classification.macro_f1(MATRIX) == pytest.approx((6 / 8 + 4 / 7 + 4 / 6 + 0) / 4)
    assert classification.macro_f1(MATRIX) == pytest.approx(f1_score(TRUTH, DECIDED, average="macro"))


def test_losses_by_hand() -> None:
    probability = np.array([[0.5, 0.25, 0.25], [0.1, 0.1, 0.8]])
    labels = np.array([0, 1])
    assert classification.negative_log_likelihood(labels, probability) == pytest.approx(
        (np.log(2) + np.log(10)) / 2
    )
    first = 0.5**2 + 0.25**2 + 0.25**2
    second = 0.1**2 + 0.9**2 + 0.8**2
    assert classification.brier_score(labels, probability) == pytest.approx((first + second) / 2)


def test_losses_and_precisions_agree_with_scikit_learn() -> None:
    labels, probability = made()
    assert classification.negative_log_likelihood(labels, probability) == pytest.approx(
        log_loss(labels, probability)
    )
    found = classification.average_precisions(labels, probability)
    of_sklearn = [average_precision_score(labels == one, probability[:, one]) for one in range(5)]
    np.testing.assert_allclose(found, of_sklearn)


def test_an_impossible_truth_costs_much_but_not_infinitely() -> None:
    assert 700 < classification.negative_log_likelihood(np.array([1]), np.array([[1.0, 0.0]])) < 710
