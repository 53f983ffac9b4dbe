from dataclasses import replace

import numpy as np
import pytest

from data_modelling.settings import TrainingSettings
from data_modelling.training.shares import actual_shares, shown_shares, weights_a_class

LABELS = np.array([0] * 16 + [1] * 4 + [2] * 1)


def answer(**values: float) -> TrainingSettings:
    return replace(TrainingSettings(balance=0), **values)


@pytest.mark.parametrize(
    ("balance", "shares"),
    [(0, (16 / 21, 4 / 21, 1 / 21, 0)), (1, (1 / 3, 1 / 3, 1 / 3, 0)), (0.5, (4 / 7, 2 / 7, 1 / 7, 0))],
)
def test_shares_are_powers_of_the_counts(balance: float, shares: tuple[float, ...]) -> None:
    np.testing.assert_allclose(shown_shares(LABELS, 4, answer(balance=balance)), shares)


def test_actual_shares_are_the_counts() -> None:
    np.testing.assert_allclose(actual_shares(LABELS, 4), (16 / 21, 4 / 21, 1 / 21, 0))


def test_class_weights_by_hand() -> None:
    """1/count: 16 x 1/16 = 4 x 1/4 = 1 x 1, each class a third of 21; by roots 4, 2 and 1 parts of 7."""
    np.testing.assert_allclose(weights_a_class(LABELS, 4, 1)[:3], (7 / 16, 7 / 4, 7))
    np.testing.assert_allclose(weights_a_class(LABELS, 4, 0.5)[:3] * (16, 4, 1), (12, 6, 3))
    np.testing.assert_allclose(weights_a_class(LABELS, 4, 0), 1)


def test_a_weighted_loss_sees_the_shares_that_drawing_would_show() -> None:
    for power in (0, 0.5, 1):
        np.testing.assert_allclose(
            shown_shares(LABELS, 4, answer(class_weights=power)),
            shown_shares(LABELS, 4, answer(balance=power)),
        )
