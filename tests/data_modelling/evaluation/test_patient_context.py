import numpy as np
import pytest

from data_modelling.evaluation import melanoma as context


def test_others_by_hand():
    """Patient 0 has 1, 2 and 6, patient 1 has 5 alone: others' means 4, 3.5 and 1.5, and for 5 that of all, 3.5."""
    log_odds, patients = np.array([1.0, 2.0, 6.0, 5.0]), np.array([0, 0, 0, 1])
    assert context.mean_of_other_lesions(log_odds, patients).tolist() == [4.0, 3.5, 1.5, 3.5]
    assert context.contextual_log_odds(log_odds, patients, 0.5).tolist() == [-1.0, 0.25, 5.25, 3.25]


@pytest.fixture
def clinic():
    """Patients whose lesions share a level that says nothing: only what stands out of it tells the melanoma."""
    rng = np.random.default_rng(6)
    patients = np.repeat(np.arange(80), 12)
    positive = np.zeros(len(patients), bool)
    positive[rng.choice(len(patients), 60, replace=False)] = True
    log_odds = rng.normal(0, 3, 80)[patients] + rng.normal(0, 1, len(patients)) + 1.5 * positive
    return log_odds, positive, patients, (patients % 5).astype(str)


def test_where_patients_differ_context_helps(clinic):
    found = context.context_metrics(*clinic)
    assert found["difference"]["auc"] > 0.1
    assert found["difference"]["auc_interval"][0] > 0
    assert set(found["shares"]) == set("01234")
    assert min(found["shares"].values()) >= 0.8
    assert found["patients"] == 80


def test_the_share_of_a_fold_is_chosen_without_it(clinic):
    log_odds, positive, patients, parts = clinic
    before = context.context_metrics(log_odds, positive, patients, parts)["shares"]["0"]
    turned = positive.copy()
    turned[parts == "0"] = ~turned[parts == "0"]
    assert context.context_metrics(log_odds, turned, patients, parts)["shares"]["0"] == before


def test_where_patients_are_alike_nothing_is_taken_off():
    positive = np.array([True, False, False, False] * 2)
    log_odds = np.array([5.0, 1, 0, -1, 6, 2, 1, 0])
    assert context.best_context_weight(log_odds, positive, np.repeat([0, 1], 4)) == 0
