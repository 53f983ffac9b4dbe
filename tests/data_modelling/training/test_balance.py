from dataclasses import replace

import numpy as np

from data_modelling.settings import TrainingSettings
from data_modelling.training.balance import epoch_rows
from data_modelling.training.shares import shown_shares

LABELS = np.array([0] * 16 + [1] * 4 + [2] * 1)


def answer(**values: float) -> TrainingSettings:
    return replace(TrainingSettings(balance=0), **values)


def test_an_unbalanced_epoch_shows_every_row_once() -> None:
    rows = epoch_rows(LABELS, 4, answer(), np.random.default_rng(0))
    assert sorted(rows) == list(range(21))
    assert list(rows) != list(range(21))


def test_a_half_balanced_epoch_shows_classes_by_the_roots_of_their_counts() -> None:
    rows = epoch_rows(LABELS, 4, answer(balance=0.5), np.random.default_rng(0))
    counts = np.bincount(LABELS[rows], minlength=4)
    assert counts.tolist() == [12, 6, 3, 0]  # 21 x 4/7, 2/7, 1/7
    of_rows = np.bincount(rows, minlength=21)
    assert of_rows[:16].max() == 1
    assert sorted(of_rows[16:20]) == [1, 1, 2, 2]
    assert of_rows[20] == 3


def test_every_epoch_draws_another_rest() -> None:
    rng = np.random.default_rng(0)
    first, second = (set(epoch_rows(LABELS, 4, answer(balance=0.5), rng)) for _ in range(2))
    assert first != second


def test_sampled_to_a_number_every_class_has_it() -> None:
    """16 are undersampled to six of them, four and one are oversampled: all are in, some again."""
    sampled = answer(photos_a_class=6)
    rows = epoch_rows(LABELS, 4, sampled, np.random.default_rng(0))
    assert np.bincount(LABELS[rows], minlength=4).tolist() == [6, 6, 6, 0]
    of_rows = np.bincount(rows, minlength=21)
    assert of_rows[:16].max() == 1
    assert of_rows[16:20].min() >= 1
    np.testing.assert_allclose(shown_shares(LABELS, 4, sampled), (1 / 3, 1 / 3, 1 / 3, 0))
