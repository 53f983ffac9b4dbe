import numpy as np
import pandas as pd
import pytest

from data_modelling.inference.decision import calibrated_probabilities, predicted_classes
from data_modelling.metrics import calibration
from data_modelling.metrics.predictions import prediction_table

SHARES = np.array([0.8, 0.15, 0.05])


def calibrated(count: int = 20_000) -> tuple[np.ndarray, np.ndarray]:
    """Logits whose softmax is true: labels are drawn from it."""
    rng = np.random.default_rng(0)
    scores = rng.normal(0, 2, (count, 3)) + np.log(SHARES)
    cumulative = calibrated_probabilities(scores, 1.0).cumsum(axis=1)
    return scores, (rng.random((count, 1)) > cumulative).sum(axis=1)


def test_the_temperature_of_logits_that_are_three_times_too_sure_is_three() -> None:
    scores, labels = calibrated()
    assert calibration.best_temperature(scores, labels) == pytest.approx(1, abs=0.03)
    assert calibration.best_temperature(3 * scores, labels) == pytest.approx(3, abs=0.1)


def test_for_true_probabilities_the_class_shares_give_the_best_balanced_decision() -> None:
    scores, labels = calibrated()
    probability = calibrated_probabilities(scores, 1.0)
    actual = np.bincount(labels) / len(labels)
    prior = calibration.best_decision_prior(probability, labels, actual)
    assert prior.sum() == pytest.approx(1)
    np.testing.assert_allclose(prior, actual, atol=0.06)

    def balanced(decided: np.ndarray) -> float:
        return float(np.mean([(decided[labels == one] == one).mean() for one in range(3)]))

    assert balanced(predicted_classes(probability, prior)) > balanced(probability.argmax(axis=1)) + 0.05


def test_a_class_that_is_absent_gets_no_zero_prior() -> None:
    prior = calibration.best_decision_prior(
        np.full((4, 3), 1 / 3), np.array([0, 0, 0, 1]), np.array([0.75, 0.25, 0])
    )
    assert (prior > 0).all()


@pytest.mark.parametrize(
    ("sensitivity", "threshold"),
    [(1.0, 0.1), (0.9, 0.2), (0.85, 0.2), (0.8, 0.3), (0.1, 1.0)],  # ten positives at .1, .2, ... 1
)
def test_thresholds_by_hand(sensitivity: float, threshold: float) -> None:
    score = np.concatenate([np.arange(1, 11) / 10, np.full(5, 0.55)])
    positive = np.arange(15) < 10
    assert calibration.sensitivity_threshold(score, positive, sensitivity) == pytest.approx(threshold)


def test_without_positives_no_score_reaches_the_threshold() -> None:
    assert calibration.sensitivity_threshold(np.array([0.2, 0.9]), np.zeros(2, bool), 0.9) == 1.0


def test_choices_are_made_for_the_photo_alone_and_the_temperature_for_both() -> None:
    rng = np.random.default_rng(2)
    count = 400
    labels = rng.integers(0, 7, count)
    logits = {"photo": rng.normal(0, 1, (count, 7)) + 2 * np.eye(7)[labels]}
    logits["both"] = logits["photo"] * 4
    codes = np.array(["MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC"])
    facts = dict.fromkeys(("group_id", "part", "source", "age", "sex", "site", "confirmation"), "0")
    table = pd.DataFrame({"image_id": np.arange(count).astype(str), "diagnosis": codes[labels], **facts})
    predictions = prediction_table(table, logits, "ham10000")
    found = calibration.choose_calibration(predictions, "ham10000", np.full(7, 1 / 7), 0.9)
    alone, both = (calibration.best_temperature(logits[mode], labels) for mode in ("photo", "both"))
    assert alone < found.temperature < both
    probability = calibrated_probabilities(logits["photo"], found.temperature)
    melanoma = labels == 0
    assert (probability[melanoma, 0] >= found.melanoma_threshold).mean() == pytest.approx(0.9, abs=0.02)
    cancer = np.isin(labels, (0, 2, 3))
    group = probability[:, [0, 2, 3]].sum(axis=1)
    assert (group[cancer] >= found.cancer_threshold).mean() == pytest.approx(0.9, abs=0.01)
