import numpy as np
import pytest
from sklearn.metrics import balanced_accuracy_score, confusion_matrix, roc_auc_score

from data_modelling.evaluation import metrics

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
    np.testing.assert_array_equal(metrics.confusion(TRUTH, DECIDED, 4), MATRIX)


def test_sensitivities_specificities_and_accuracies_by_hand() -> None:
    np.testing.assert_allclose(metrics.sensitivities(MATRIX), [3 / 4, 2 / 3, 2 / 3, 0])
    np.testing.assert_allclose(metrics.specificities(MATRIX), [7 / 8, 7 / 9, 8 / 9, 9 / 10])
    assert metrics.balanced_accuracy(MATRIX) == pytest.approx((3 / 4 + 2 / 3 + 2 / 3) / 4)
    assert metrics.accuracy(MATRIX) == pytest.approx(7 / 12)


def test_a_class_without_photos_has_no_sensitivity_and_does_not_count() -> None:
    matrix = np.array([[2, 0, 1], [1, 1, 0], [0, 0, 0]])
    assert np.isnan(metrics.sensitivities(matrix)[2])
    assert metrics.balanced_accuracy(matrix) == pytest.approx((2 / 3 + 1 / 2) / 2)


def test_figures_agree_with_scikit_learn() -> None:
    labels, probability = made()
    decided = probability.argmax(axis=1)
    matrix = metrics.confusion(labels, decided, 5)
    np.testing.assert_array_equal(matrix, confusion_matrix(labels, decided))
    assert metrics.balanced_accuracy(matrix) == pytest.approx(balanced_accuracy_score(labels, decided))
    assert metrics.macro_auc(labels, probability) == pytest.approx(
        roc_auc_score(labels, probability, multi_class="ovr", average="macro")
    )


def test_auc_by_hand() -> None:
    """Positives at .9 and .4, negatives at .5 and .1: three of four pairs in order."""
    probability = np.array([[0.9, 0.1], [0.4, 0.6], [0.5, 0.5], [0.1, 0.9]])
    assert metrics.class_aucs(np.array([0, 0, 1, 1]), probability) == {0: 0.75, 1: 0.75}


def test_an_absent_class_has_no_auc_and_the_macro_is_of_the_others() -> None:
    labels = np.array([0, 0, 1, 1])
    probability = np.array([[0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.2, 0.7, 0.1], [0.1, 0.8, 0.1]])
    assert metrics.macro_auc(labels, probability) == 1
    assert np.isnan(metrics.macro_auc(np.array([0, 0]), probability[:2]))


def test_calibration_error_by_hand() -> None:
    """Ten bins: three photos at .75 of which one is right, one at .95 that is right."""
    probability = np.array([[0.75, 0.25], [0.75, 0.25], [0.75, 0.25], [0.05, 0.95]])
    labels = np.array([0, 1, 1, 1])
    expected = 3 / 4 * abs(1 / 3 - 0.75) + 1 / 4 * abs(1 - 0.95)
    assert metrics.expected_calibration_error(labels, probability, bins=10) == pytest.approx(expected)


def test_certain_and_right_is_perfectly_calibrated() -> None:
    assert metrics.expected_calibration_error(np.array([0, 1]), np.eye(2)) == 0
