import numpy as np
import pytest

from data_modelling.inference.decision import NEVER_WIDE, WideSetRule
from data_modelling.safety import prediction_sets
from tests.data_modelling.safety.test_conformal import predictions

TASK = "ham10000"  # MEL 0, NV 1, BCC 2, AKIEC 3, BKL 4, DF 5, VASC 6
EVEN = np.full(7, 1 / 7)


def held(*sets: tuple[int, ...]) -> np.ndarray:
    return np.array([[label in one for label in range(7)] for one in sets])


def test_the_rule_that_leaves_out_the_wrong_ones_is_found() -> None:
    """Ten photos; the two that are decided wrong have the sets with two cancer classes beside a nevus."""
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    decided = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 0])
    sets = [(0,)] * 3 + [(0, 1, 2)] + [(1,)] * 5 + [(0, 1, 3)]
    nobody = np.zeros(10, bool)
    rule = prediction_sets.choose_wide_rule(labels, decided, held(*sets), nobody, TASK)
    assert rule == WideSetRule(None, 2)  # the laxest of those that leave out the same photos
    more = held(*sets[:-3], (0, 1, 2), (0, 1, 2), (0, 1, 3))  # four of ten are more than a fifth
    assert prediction_sets.choose_wide_rule(labels, decided, more, nobody, TASK) == NEVER_WIDE


def test_a_rule_under_which_fewer_melanomas_are_found_is_none() -> None:
    """To leave out the melanoma that is found would make the rest better on average, but not for melanoma."""
    labels = np.array([0, 0, 1, 1, 1, 1, 1, 4, 4, 4])
    decided = np.array([0, 1, 1, 1, 1, 1, 1, 4, 4, 1])
    sets = [(0, 1, 2), (0, 1)] + [(1,)] * 5 + [(4,)] * 2 + [(2, 3, 4)]
    found = prediction_sets.choose_wide_rule(labels, decided, held(*sets), np.zeros(10, bool), TASK)
    answered = ~found.holds(held(*sets), np.array([1, 0, 1, 1, 0, 0, 0], bool))
    assert prediction_sets.melanoma_sensitivity(labels[answered], decided[answered], TASK) >= 0.5


def test_photos_that_are_refused_anyway_count() -> None:
    labels = np.array([0, 0, 0, 0, 1, 1, 1, 1, 1, 1])
    decided = np.array([0, 0, 0, 1, 1, 1, 1, 1, 1, 0])
    sets = held(*[(0,)] * 3, (0, 1, 2), *[(1,)] * 5, (0, 1, 3))
    refused = np.arange(10) == 4
    assert prediction_sets.choose_wide_rule(labels, decided, sets, refused, TASK) == NEVER_WIDE


@pytest.mark.parametrize(
    ("rule", "words"),
    [
        (WideSetRule(4, None), "has at least 4 classes"),
        (WideSetRule(None, 2), "has at least 2 cancer classes and one other class"),
        (
            WideSetRule(5, 2),
            "has at least 5 classes, or has at least 2 cancer classes and one other class",
        ),
    ],
)
def test_a_rule_in_words(rule: WideSetRule, words: str) -> None:
    assert prediction_sets.describe_rule(rule) == words


def test_what_the_bundle_gets() -> None:
    table = predictions(count=1400)
    found = prediction_sets.fit_operating_point(table, TASK, 1.0, EVEN)
    assert set(found["wide"]) == {"classes", "cancer_classes"}
    assert found["share_refused_or_wide"] <= prediction_sets.MAX_WIDE_SHARE
    assert found["balanced_accuracy_of_answered"] > found["balanced_accuracy_of_all"]
    answered = f"{found['balanced_accuracy_of_answered']:.3f}".removeprefix("0")
    assert f"balanced accuracy is {answered} instead of ." in found["reason"]
    table["refusals"] = np.where(np.arange(len(table)) % 3 == 0, "photo_foreign", None)
    found = prediction_sets.fit_operating_point(table, TASK, 1.0, EVEN)
    assert found["wide"] == {"classes": None, "cancer_classes": None}
    assert found["share_refused"] == pytest.approx(1 / 3, abs=0.001)
    assert found["reason"].startswith("Only an empty set is wide")
