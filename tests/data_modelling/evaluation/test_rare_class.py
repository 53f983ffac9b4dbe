import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from data_modelling.evaluation import melanoma
from data_modelling.metrics import curves


@pytest.fixture
def asked():
    """Scores with ties, of 300 photos of 60 groups, of which a tenth is positive."""
    rng = np.random.default_rng(4)
    positive = rng.random(300) < 0.1
    score = np.round(rng.normal(0, 1, 300) + 1.2 * positive, 1)
    return score, positive, rng.integers(0, 60, 300)


def test_the_metrics_are_those_of_others(asked):
    score, positive, groups = asked
    whole = melanoma.rare_class_metrics(score, positive, np.unique(groups, return_inverse=True)[1]).whole
    assert whole["auc"] == pytest.approx(roc_auc_score(positive, score))
    assert whole["average_precision"] == pytest.approx(average_precision_score(positive, score))
    for at in (0.9, 0.95):
        assert whole[f"sensitivity_at_specificity_{at:g}"] == pytest.approx(
            curves.sensitivity_at_specificity(score, positive, at)
        )


def test_a_weight_is_a_photo_so_many_times(asked):
    score, positive, _ = asked
    times = np.random.default_rng(5).integers(0, 4, len(score))
    copies = np.repeat(score, times), np.repeat(positive, times)
    for metric in (curves.binary_auc, curves.average_precision):
        weighted = metric(score, positive, times[None].astype(float))
        assert weighted[0] == pytest.approx(metric(*copies))
    weighted = curves.sensitivity_at_specificity(score, positive, 0.9, times[None].astype(float))
    assert weighted[0] == pytest.approx(curves.sensitivity_at_specificity(*copies, 0.9))


def test_a_score_against_itself_differs_by_nothing(asked):
    score, positive, groups = asked
    judged = melanoma.rare_class_metrics(score, positive, np.unique(groups, return_inverse=True)[1])
    found = judged.less(judged, ["auc"]).as_json(["auc"])
    assert found["auc"] == 0
    assert found["auc_interval"] == [0, 0]


def test_a_perfect_score():
    found = melanoma.rare_class_metrics(
        np.array([3.0, 2, 1, 0]), np.array([True, True, False, False]), np.arange(4)
    )
    assert found.whole == {
        "auc": 1,
        "average_precision": 1,
        "sensitivity_at_specificity_0.9": 1,
        "sensitivity_at_specificity_0.95": 1,
    }
    assert found.as_json(["auc"])["auc_interval"] == [1, 1]
