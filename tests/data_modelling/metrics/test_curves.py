import numpy as np
import pytest
from sklearn.metrics import roc_auc_score

from data_modelling.metrics import curves

# Sorted: 1 .9+ 2 .8- 3 .7+ 4 .6+ 5 .5- 6 .4+ 7 .3- 8 .2+ 9 .1-: five positives, four negatives.
SCORE = np.array([0.9, 0.8, 0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1])
POSITIVE = np.array([1, 0, 1, 1, 0, 1, 0, 1, 0], bool)


def made(count: int = 400) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(4)
    positive = rng.random(count) < 0.2
    return np.round(rng.normal(0, 1, count) + 1.2 * positive, 1), positive


def kaggles(score: np.ndarray, positive: np.ndarray) -> float:
    """As the competition computes it, through the negatives' partial AUC with McClish's correction undone."""
    limit = 0.2
    scaled = roc_auc_score(~positive, -score, max_fpr=limit)
    least = 0.5 * limit**2
    return float(least + (limit - least) / 0.5 * (scaled - 0.5))


def test_partial_areas_by_hand() -> None:
    """Sensitivity .8 is reached at a false positive rate of 2/4 and held to 3/4, then 1 to the end."""
    assert curves.partial_auc_isic(SCORE, POSITIVE) == pytest.approx(0.25 * 0.8 + 0.25 * 1)
    assert curves.partial_auc_kaggle(SCORE, POSITIVE) == pytest.approx(0.25 * 0.2)


def test_kaggles_form_agrees_with_the_competitions_own() -> None:
    assert curves.partial_auc_kaggle(*made()) == pytest.approx(kaggles(*made()))


def test_a_perfect_score_has_areas_of_one_and_a_fifth() -> None:
    positive = np.array([True, False])
    score = np.array([1.0, 0.0])
    assert curves.partial_auc_isic(score, positive) == pytest.approx(1)
    assert curves.partial_auc_kaggle(score, positive) == pytest.approx(0.2)


def test_operating_points_by_hand() -> None:
    assert curves.sensitivity_at_specificity(SCORE, POSITIVE, 0.75) == pytest.approx(3 / 5)
    assert curves.sensitivity_at_specificity(SCORE, POSITIVE, 0.95) == pytest.approx(1 / 5)
    assert curves.specificity_at_sensitivity(SCORE, POSITIVE, 0.8) == pytest.approx(2 / 4)
    assert curves.specificity_at_sensitivity(SCORE, POSITIVE, 0.81) == pytest.approx(1 / 4)


def test_net_benefit_by_hand() -> None:
    """At .6 four are flagged, three rightly: 3/9 - 1/9 x .6/.4. At .05 all are."""
    found = curves.net_benefit(SCORE, POSITIVE, np.array([0.05, 0.6]))
    np.testing.assert_allclose(found, [5 / 9 - 4 / 9 * 0.05 / 0.95, 3 / 9 - 1 / 9 * 1.5])
