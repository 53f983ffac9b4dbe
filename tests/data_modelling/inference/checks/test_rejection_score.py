import json
import math

import numpy as np
import pytest

from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.checks.rejection_score import (
    MAX_DISTANCE,
    RejectionScore,
    clip_distance,
    entropy,
)
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import BundleError
from data_modelling.inference.predictor import Predictor
from tests.app.conftest import photo
from tests.app.tiny_bundle import make_tiny_bundle

WEIGHTS = {"weights": {"bias": -1.0, "distance": 0.5, "entropy": 2.0}}


def test_the_probability_is_that_of_the_score():
    """Two classes learned, logits log 3 and 0: .75 and .25, entropy .5623; score -1 + .5 * 2 + 2 * .5623 = 1.1247."""
    unknown = RejectionScore(-1.0, 0.5, 2.0, learned=2)
    logits = unknown.completed(np.array([[math.log(3), 0.0, 99.0]]), np.array([2.0]), temperature=1.0)
    probability = np.exp(logits[0]) / np.exp(logits[0]).sum()
    assert probability[2] == pytest.approx(1 / (1 + math.exp(-1.124670)), abs=1e-6)
    assert probability[0] / probability[1] == pytest.approx(3)


def test_the_temperature_is_the_softmaxs():
    unknown = RejectionScore(0.3, 0.0, 0.0, learned=2)
    logits = unknown.completed(np.array([[4.0, 1.0, 0.0]]), np.array([0.0]), temperature=2.5)
    probability = np.exp(logits[0] / 2.5) / np.exp(logits[0] / 2.5).sum()
    assert probability[2] == pytest.approx(1 / (1 + math.exp(-0.3)))


def test_entropy_of_equal_and_of_certain_classes():
    assert entropy(np.zeros((1, 8)), 1.7)[0] == pytest.approx(math.log(8))
    assert entropy(np.array([[500.0, 0.0, 0.0]]), 1.0)[0] == pytest.approx(0)


def test_what_cannot_be_measured_is_as_far_as_can_be():
    assert clip_distance(np.array([1.5, np.nan, np.inf, 1e9])).tolist() == [
        1.5,
        MAX_DISTANCE,
        MAX_DISTANCE,
        MAX_DISTANCE,
    ]


def test_tasks_whose_classes_all_have_photos_need_no_weights():
    assert RejectionScore.from_metadata({}, "ham10000") is None
    assert RejectionScore.from_metadata({"unknown": WEIGHTS}, "isic2019") == RejectionScore(
        -1.0, 0.5, 2.0, learned=8
    )


@pytest.mark.parametrize(
    "metadata", [{}, {"unknown": {}}, {"unknown": {"weights": {"bias": "x", "distance": 1, "entropy": 1}}}]
)
def test_without_weights_there_is_no_answer(metadata):
    with pytest.raises(BundleError, match=r"unknown\.weights must have numbers for bias, distance, entropy"):
        RejectionScore.from_metadata(metadata, "isic2019")


def test_an_answer_has_nine_columns_that_sum_to_one(tmp_path):
    """The tiny bundle gives none of the classes 1 / (1 + e); the others share the rest as without it."""
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "nine", task="isic2019")))
    seven = Predictor(load_bundle(make_tiny_bundle(tmp_path / "seven")))
    answer, seven_answer = predictor.answer(photo("red")), seven.answer(photo("red"))
    assert tuple(answer.probabilities) == class_codes("isic2019")
    assert sum(answer.probabilities.values()) == pytest.approx(1)
    odds = {code: answer.probabilities[code] / answer.probabilities["MEL"] for code in ("NV", "DF", "VASC")}
    expected = {code: seven_answer.probabilities[code] / seven_answer.probabilities["MEL"] for code in odds}
    assert odds == pytest.approx(expected)
    assert answer.probabilities["UNK"] == pytest.approx(1 / (1 + math.e))


def test_what_fits_no_class_is_never_answered_with_no_cancer_class(tmp_path):
    """UNK has 1 / (1 + e) = .27 in any photo; its decision prior decides how much it counts."""
    folder = make_tiny_bundle(tmp_path / "nine", task="isic2019")
    usual = Predictor(load_bundle(folder)).answer(photo("lime"), dermatoscope=True)
    assert (usual.status, usual.decision) == ("no_cancer_class", "NV")
    metadata = json.loads((folder / "metadata.json").read_text())
    metadata["decision_prior"] |= {"UNK": 0.001}
    (folder / "metadata.json").write_text(json.dumps(metadata))
    write_checksums(folder)
    answer = Predictor(load_bundle(folder)).answer(photo("lime"), dermatoscope=True)
    assert (answer.status, answer.decision, answer.reasons) == ("uncertain", "UNK", ("none_of_classes",))
    concern = Predictor(load_bundle(folder)).answer(photo("red"))
    assert (concern.status, concern.decision) == ("higher_concern", "UNK")


def test_a_heat_map_is_of_the_classes_learned(tmp_path):
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "nine", task="isic2019")))
    heatmap = predictor.answer(photo("red"), explain=("heatmap",)).explanation["heatmap"]
    assert tuple(heatmap["classes"]) == class_codes("isic2019")[:8]
