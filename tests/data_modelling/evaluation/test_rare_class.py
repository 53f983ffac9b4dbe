import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from data_modelling.evaluation import rare_class
from data_modelling.evaluation.curves import sensitivity_at_specificity


@pytest.fixture
def asked():
    """Scores with ties, of 300 photos of 60 groups, of which a tenth is positive."""
    rng = np.random.default_rng(4)
    positive = rng.random(300) < 0.1
    score = np.round(rng.normal(0, 1, 300) + 1.2 * positive, 1)
    return score, positive, rng.integers(0, 60, 300)


def test_the_figures_are_those_of_others(asked):
    score, positive, groups = asked
    whole = rare_class.judge(score, positive, np.unique(groups, return_inverse=True)[1]).whole
    assert whole["auc"] == pytest.approx(roc_auc_score(positive, score))
    assert whole["average_precision"] == pytest.approx(average_precision_score(positive, score))
    for at in (0.9, 0.95):
        assert whole[f"sensitivity_at_specificity_{at:g}"] == pytest.approx(
            sensitivity_at_specificity(score, positive, at)
        )


def test_a_weight_is_a_photo_so_many_times(asked):
    score, positive, _ = asked
    times = np.random.default_rng(5).integers(0, 4, len(score))
    weighted = rare_class.in_resamples(score, positive, times[None].astype(float))
    repeated = rare_class.in_resamples(
        np.repeat(score, times), np.repeat(positive, times), np.ones((1, times.sum()))
    )
    for name, values in weighted.items():
        assert values[0] == pytest.approx(repeated[name][0]), name


def test_a_score_against_itself_differs_by_nothing(asked):
    score, positive, groups = asked
    judged = rare_class.judge(score, positive, np.unique(groups, return_inverse=True)[1])
    found = rare_class.difference(judged, judged)
    assert found["auc"] == 0
    assert found["auc_interval"] == [0, 0]


def test_a_perfect_score():
    found = rare_class.judge(np.array([3.0, 2, 1, 0]), np.array([True, True, False, False]), np.arange(4))
    assert found.whole == {
        "auc": 1,
        "average_precision": 1,
        "sensitivity_at_specificity_0.9": 1,
        "sensitivity_at_specificity_0.95": 1,
    }
    assert found.as_json()["auc_interval"] == [1, 1]
