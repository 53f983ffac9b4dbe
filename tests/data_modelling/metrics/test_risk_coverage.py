import numpy as np

from data_modelling.metrics.classification import selective_risks

# Twelve photos of two classes, the first the surest; 1, 6, 7 and 12 are decided wrong.
LABELS = np.array([0, 1, 0, 1, 0, 1, 0, 1, 0, 1, 0, 1])
WRONG = np.isin(np.arange(12), (0, 5, 6, 11))
DECIDED = np.where(WRONG, 1 - LABELS, LABELS)
SURE = np.linspace(0.95, 0.6, 12)
PROBABILITY = np.stack([np.where(LABELS == 0, SURE, 1 - SURE), np.where(LABELS == 0, 1 - SURE, SURE)], axis=1)


def test_risks_by_hand() -> None:
    """Of the first six two are wrong, of the first ten three: one more of class 0 than of class 1."""
    error, balanced = selective_risks(LABELS, PROBABILITY, DECIDED, np.array([0.5, 10 / 12, 1.0]))
    np.testing.assert_allclose(error, [2 / 6, 3 / 10, 4 / 12])
    np.testing.assert_allclose(balanced[1:], [(2 / 5 + 1 / 5) / 2, (2 / 6 + 2 / 6) / 2])
    assert np.isnan(balanced[0])  # three photos of each class are too few


def test_a_class_that_is_absent_does_not_count() -> None:
    three = np.concatenate([PROBABILITY, np.zeros((12, 1))], axis=1)
    np.testing.assert_allclose(selective_risks(LABELS, three, DECIDED, np.array([1.0]))[1], 1 / 3)


def test_at_least_one_photo_is_answered() -> None:
    assert selective_risks(LABELS, PROBABILITY, DECIDED, np.array([0.001]))[0].tolist() == [1.0]
