import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import balanced_accuracy_score, roc_auc_score

from data_modelling.metrics import bootstrap, calibration_error, classification


def made(count: int = 300, classes: int = 4, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Labels, and probabilities with many ties."""
    rng = np.random.default_rng(seed)
    labels = rng.integers(0, classes, count)
    scores = np.round(rng.random((count, classes)) + 0.4 * np.eye(classes)[labels], 1) + 0.1
    return labels, scores / scores.sum(axis=1, keepdims=True)


def all_weights(labels: np.ndarray, groups: np.ndarray, count: int) -> np.ndarray:
    return np.concatenate(list(bootstrap.resample_weights(groups, labels, count)))


def test_a_resample_draws_whole_groups_and_as_many_of_each_class_as_there_are() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1])
    groups = np.array([0, 0, 1, 2, 3, 4, 4])
    weights = all_weights(labels, groups, 300)
    assert weights.shape == (300, 7)
    np.testing.assert_array_equal(weights[:, 0], weights[:, 1])
    np.testing.assert_array_equal(weights[:, 5], weights[:, 6])
    np.testing.assert_array_equal(weights[:, [0, 2, 3]].sum(axis=1), 3)  # three groups of class 0
    np.testing.assert_array_equal(weights[:, [4, 5]].sum(axis=1), 2)
    assert len(np.unique(weights, axis=0)) > 5


def test_resamples_are_the_same_every_time() -> None:
    labels, groups = np.array([0, 1, 1]), np.array([0, 1, 2])
    np.testing.assert_array_equal(all_weights(labels, groups, 400), all_weights(labels, groups, 400))


def test_with_weight_one_each_metric_is_its_plain_self() -> None:
    labels, probability = made()
    once = np.ones((1, len(labels)), np.float32)
    decided = probability.argmax(axis=1)
    aucs = classification.class_aucs(labels, probability)
    np.testing.assert_allclose(classification.class_aucs(labels, probability, once)[0], aucs)
    matrix = classification.confusion_counts(labels, decided, 4)
    np.testing.assert_array_equal(classification.confusion_counts(labels, decided, 4, once)[0], matrix)
    assert bootstrap.weighted_mean(decided == labels, once)[0] == pytest.approx(
        classification.accuracy(matrix)
    )
    error = calibration_error.expected_calibration_error
    assert error(labels, probability, weights=once)[0] == pytest.approx(error(labels, probability))


def test_weighted_metrics_agree_with_scikit_learn() -> None:
    labels, probability = made()
    decided = probability.argmax(axis=1)
    weights = all_weights(labels, np.arange(len(labels)) // 2, 5)
    aucs = classification.class_aucs(labels, probability, weights)
    sensitivities = classification.sensitivities(classification.confusion_counts(labels, decided, 4, weights))
    for row, weight in enumerate(weights):
        for label in range(4):
            expected = roc_auc_score(labels == label, probability[:, label], sample_weight=weight)
            assert aucs[row, label] == pytest.approx(expected)
        balanced = balanced_accuracy_score(labels, decided, sample_weight=weight)
        assert sensitivities[row].mean() == pytest.approx(balanced, rel=1e-5)


def test_weights_are_repetitions() -> None:
    """A photo of weight three counts as three copies of it."""
    labels, probability = made(40)
    weight = np.random.default_rng(0).integers(0, 4, 40)
    copies = np.repeat(np.arange(40), weight)
    error = calibration_error.expected_calibration_error
    found = error(labels, probability, weights=weight[None].astype(np.float32))[0]
    assert found == pytest.approx(error(labels[copies], probability[copies]))


def test_a_class_that_was_not_drawn_has_no_metric() -> None:
    labels, probability = np.array([0, 0, 1]), np.array([[0.9, 0.1], [0.6, 0.4], [0.3, 0.7]])
    weights = np.array([[1, 1, 0]], np.float32)
    assert np.isnan(classification.class_aucs(labels, probability, weights)).all()
    matrices = classification.confusion_counts(labels, probability.argmax(axis=1), 2, weights)
    np.testing.assert_array_equal(classification.sensitivities(matrices), [[1, np.nan]])


def test_percentiles_by_hand() -> None:
    assert bootstrap.percentile_interval(np.append(np.arange(1001) / 1000, np.nan)) == pytest.approx(
        (0.025, 0.975)
    )


def test_groups_are_numbered() -> None:
    assert bootstrap.group_indices(pd.Series(["b", "a", "b"])).tolist() == [0, 1, 0]


def test_intervals_hold_the_truth_about_as_often_as_they_say() -> None:
    """Accuracy of 60 lesions with two photos each, which agree: 200 made data sets, true value .7."""
    held = 0
    for seed in range(200):
        right = np.repeat(np.random.default_rng(seed).random(60) < 0.7, 2).astype(float)
        weights = np.concatenate(
            list(bootstrap.resample_weights(np.arange(120) // 2, np.zeros(120, int), 250, seed))
        )
        low, high = bootstrap.percentile_interval(bootstrap.weighted_mean(right, weights))
        held += low <= 0.7 <= high
    assert 0.90 <= held / 200 <= 0.99


def test_the_band_of_a_perfect_score_is_narrow_and_at_the_top() -> None:
    positive = np.repeat([True, False], 20)
    low, high = bootstrap.roc_band(positive.astype(float), positive, np.arange(40), np.array([0.0, 0.5, 1.0]))
    np.testing.assert_array_equal(low, 1)
    np.testing.assert_array_equal(high, 1)


def test_the_band_of_a_useless_score_is_the_diagonal() -> None:
    """All scores are one: the curve is the line from corner to corner in every resample."""
    positive = np.repeat([True, False], 20)
    at = np.array([0.0, 0.25, 1.0])
    for bound in bootstrap.roc_band(np.ones(40), positive, np.arange(40), at):
        np.testing.assert_allclose(bound, at)


def test_the_band_is_about_the_curve_and_wider_for_fewer_lesions() -> None:
    rng = np.random.default_rng(3)
    positive = rng.random(400) < 0.3
    score = rng.normal(0, 1, 400) + positive
    at = np.array([0.2])
    threshold = np.quantile(score[~positive], 0.8)
    low, high = bootstrap.roc_band(score, positive, np.arange(400), at)
    assert low[0] < (score[positive] > threshold).mean() < high[0]
    few_low, few_high = bootstrap.roc_band(score[:100], positive[:100], np.arange(100), at)
    assert few_high[0] - few_low[0] > 1.3 * (high[0] - low[0])


def test_intervals_of_one_question_are_those_of_its_class() -> None:
    """Two classes, a group never of both: the same resamples, the same metric."""
    labels, probability = made(classes=2)
    groups = np.arange(len(labels))
    metrics = bootstrap.bootstrap_metrics(labels, probability, probability.argmax(axis=1), groups)
    of_class = metrics.intervals()
    assert bootstrap.auc_interval(probability[:, 1], labels == 1, groups) == pytest.approx(of_class["auc"][1])
    decided = probability.argmax(axis=1)
    share = bootstrap.share_interval(decided == 1, labels == 1, groups)
    assert share == pytest.approx(of_class["sensitivity"][1], abs=1e-6)

    def balanced_accuracies(weights: np.ndarray) -> np.ndarray:
        matrices = classification.confusion_counts(labels, decided, 2, weights)
        return classification.sensitivities(matrices).mean(axis=1)

    balanced = bootstrap.percentile_interval(bootstrap.resampled(balanced_accuracies, groups, labels))
    assert balanced == pytest.approx(of_class["balanced_accuracy"], abs=1e-6)


def test_patients_with_lesions_of_both_kinds_come_and_go_whole() -> None:
    """Every patient has one positive and one other, in order: no resample can have a worse AUC than 1."""
    score, positive = np.tile([1.0, 0.0], 10), np.tile([True, False], 10)
    assert bootstrap.auc_interval(score, positive, np.repeat(np.arange(10), 2)) == (1.0, 1.0)


def test_a_share_by_the_binomial_distribution() -> None:
    """Half of 100 photos, each a lesion: the root of .25 / 100 on both sides, nearly twice."""
    chosen, everyone = np.arange(100) < 50, np.ones(100, bool)
    low, high = bootstrap.share_interval(chosen, everyone, np.arange(100))
    assert low == pytest.approx(0.5 - 1.96 * 0.05, abs=0.015)
    assert high == pytest.approx(0.5 + 1.96 * 0.05, abs=0.015)


def test_wilsons_interval_by_hand():
    # 8 of 10, z = 1.959964: centre (.8 + .192073) / 1.384146 = .716740, half .226424: [.4902, .9433] (Newcombe 1998).
    low, high = bootstrap.wilson_interval(np.array([8]), np.array([10]))
    assert low[0] == pytest.approx(0.4902, abs=1e-4)
    assert high[0] == pytest.approx(0.9433, abs=1e-4)
    low, high = bootstrap.wilson_interval(np.array([0]), np.array([20]))
    assert low[0] == pytest.approx(0, abs=1e-12)
    assert high[0] == pytest.approx(0.1611, abs=1e-4)
