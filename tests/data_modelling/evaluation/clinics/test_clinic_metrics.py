import numpy as np
import pytest

from data_modelling.evaluation.clinics.clinic_metrics import (
    ClinicAnswers,
    adjust_to_shares,
    clinic_metrics,
    clinic_row,
)

TASK = "isic2020"  # melanoma and benign, so that values can be worked out by hand
EVEN = np.array([0.5, 0.5])


def two_class_answers(
    melanoma_scores: list[float], benign_scores: list[float], statuses: list[str] | None = None
) -> ClinicAnswers:
    """One photo a lesion, with its melanoma probability; decided at .5."""
    scores = np.array(melanoma_scores + benign_scores)
    labels = np.array([0] * len(melanoma_scores) + [1] * len(benign_scores))
    return ClinicAnswers(
        labels,
        np.stack([scores, 1 - scores], axis=1),
        (scores < 0.5).astype(np.int64),
        np.arange(len(scores)),
        np.array(statuses or ["uncertain"] * len(scores)),
    )


def test_auc_and_balanced_accuracy_by_hand() -> None:
    # Of 10 x 10 pairs, the melanoma at .3 ranks below four benign photos at .4, all others rank above: 96 of 100.
    answers = two_class_answers([0.9] * 9 + [0.3], [0.4] * 4 + [0.1] * 6)
    metrics = clinic_metrics(answers, TASK, EVEN)
    assert metrics["melanoma_auc"]["value"] == pytest.approx(0.96)
    assert metrics["macro_auc"]["value"] == pytest.approx(0.96)
    assert metrics["balanced_accuracy"]["value"] == pytest.approx((0.9 + 1.0) / 2)
    assert metrics["melanoma_auc"]["low"] < 0.96 < metrics["melanoma_auc"]["high"]


def test_shares_of_statuses_by_hand() -> None:
    statuses = ["no_cancer_class"] * 2 + ["refused"] * 3 + ["uncertain"] * 5
    metrics = clinic_metrics(two_class_answers([0.9] * 10, [0.1] * 10, statuses * 2), TASK, EVEN)
    assert metrics["refused"]["value"] == pytest.approx(6 / 20)
    assert (
        metrics["all_clear_melanoma"]["value"] == metrics["all_clear_benign"]["value"] == pytest.approx(0.2)
    )
    assert metrics["refused"]["low"] < 0.3 < metrics["refused"]["high"]


def test_a_share_of_none_still_has_a_width() -> None:
    metrics = clinic_metrics(two_class_answers([0.9] * 10, [0.1] * 10), TASK, EVEN)
    # Wilson's bound for 0 of 10 is z^2 / (n + z^2) = 3.8415 / 13.8415.
    assert metrics["all_clear_melanoma"] == {
        "value": 0.0,
        "low": 0.0,
        "high": pytest.approx(0.2775, abs=1e-4),
    }


def test_a_group_with_few_lesions_lacks_what_it_cannot_say() -> None:
    answers = two_class_answers([0.9] * 9, [0.1] * 30)
    assert set(clinic_metrics(answers, TASK, EVEN)) == {"refused", "all_clear_benign"}
    row = clinic_row("PAD", "phones", answers, TASK)
    assert row == {"group": "PAD", "name": "phones", "photos": 39, "lesions": 39, "melanomas": 9}


def test_photos_of_one_lesion_count_as_one_lesion() -> None:
    answers = two_class_answers([0.9] * 20, [0.1] * 20)
    shared = ClinicAnswers(
        answers.labels, answers.probability, answers.decisions, np.arange(40) // 4, answers.statuses
    )
    assert set(clinic_metrics(shared, TASK, EVEN)) == {"refused"}  # five lesions of each class
    assert clinic_row("X", "x", shared, TASK)["lesions"] == 10


def test_probabilities_follow_other_class_shares() -> None:
    # .5 and .5 for even classes are, where one class is four times as frequent, .8 and .2.
    adjusted = adjust_to_shares(np.array([[0.5, 0.5], [0.2, 0.8]]), np.array([0.8, 0.2]), EVEN)
    np.testing.assert_allclose(adjusted, [[0.8, 0.2], [0.5, 0.5]])


def test_calibration_error_as_it_is_and_for_own_shares() -> None:
    # 40 of 50 photos are melanomas and all get .5: right in 80 % (the tie goes to the first class), sure of 50 %.
    answers = two_class_answers([0.5] * 40, [0.5] * 10)
    metrics = clinic_metrics(answers, TASK, EVEN)
    assert metrics["ece"]["value"] == pytest.approx(0.3)
    assert metrics["ece_own_shares"]["value"] == pytest.approx(0.0, abs=1e-6)


def test_classes_without_photos_do_not_count() -> None:
    # Of seven classes only MEL and NV have photos: each AUC is 1, each sensitivity 1.
    labels = np.repeat([0, 1], 10)
    probability = np.full((20, 7), 0.02)
    probability[np.arange(20), labels] = 0.88
    answers = ClinicAnswers(labels, probability, labels, np.arange(20), np.array(["uncertain"] * 20))
    metrics = clinic_metrics(answers, "ham10000", np.full(7, 1 / 7))
    assert metrics["macro_auc"]["value"] == metrics["balanced_accuracy"]["value"] == 1.0
