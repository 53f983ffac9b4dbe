import numpy as np
import pytest

from data_modelling.inference.checks.image_features import FEATURE_COUNT
from data_modelling.inference.checks.photo_checks import OriginDetector, known_sources, load_origin_detector

SOURCES = ("HAM10000", "ISIC_2017", "PAD_UFES_20")


@pytest.fixture
def detector():
    """The first three values of the image features are the three scores, as long as they are above zero."""
    hidden, output = np.zeros((FEATURE_COUNT + 1, 3), np.float32), np.zeros((4, 3), np.float32)
    hidden[:3], output[:3] = np.eye(3), np.eye(3)
    return OriginDetector(SOURCES, hidden, output, 0.5, {"HAM10000": 0.7, "HAM10000+ISIC_2017": 0.4})


def looking(*shares):
    """Looks for which the detector gives these shares."""
    features = np.zeros(FEATURE_COUNT, np.float32)
    features[: len(shares)] = np.log(np.array(shares)) + 10
    return features


def test_shares_are_those_of_the_scores(detector):
    assert detector.shares(looking(0.2, 0.3, 0.5)) == pytest.approx([0.2, 0.3, 0.5])


def test_unlike_are_the_sources_that_the_model_was_not_trained_on(detector):
    assert detector.judge(looking(0.2, 0.3, 0.5), ["HAM10000"]) == (True, True)
    assert detector.judge(looking(0.2, 0.5, 0.3), ["ISIC_2017", "HAM10000"]) == (False, False)
    assert detector.judge(looking(0.2, 0.39, 0.41), ["ISIC_2017", "HAM10000"]) == (False, True)


def test_a_set_made_of_known_sources_is_known():
    assert known_sources(SOURCES, ["ISIC_2019"]) == ("HAM10000", "ISIC_2017")


def test_of_unknown_training_photos_nothing_is_said(detector):
    assert detector.judge(looking(0.2, 0.1, 0.7), ["generated lesions"]) == (True, False)


def test_what_cannot_be_measured_counts_as_both(detector):
    features = looking(0.9, 0.05, 0.05)
    features[0] = np.nan
    assert detector.judge(features, ["HAM10000"]) == (True, True)


def test_the_detector_of_this_program_fits_the_image_features():
    detector = load_origin_detector()
    assert detector.hidden.shape[0] == FEATURE_COUNT + 1
    assert detector.output.shape == (detector.hidden.shape[1] + 1, len(detector.sources))
    assert detector.shares(np.zeros(FEATURE_COUNT)).sum() == pytest.approx(1)
    assert "HAM10000" in detector.unlike_thresholds
