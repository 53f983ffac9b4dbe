import numpy as np
import pytest
from PIL import Image

from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.checks.gate import LesionDetector, load_lesion_detector
from data_modelling.inference.checks.image_features import FEATURE_COUNT, measure_image_features
from data_modelling.inference.decision import NO_CANCER_CLASS
from data_modelling.inference.photo.reader import read_photo
from data_modelling.inference.predictor import Predictor
from data_modelling.safety.degradation import encode_png
from data_modelling.safety.foreign_pictures import read_pictures, read_sources
from data_modelling.safety.synthetic_pictures import draw_picture
from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def served_predictor() -> Predictor:
    return Predictor(load_bundle(PROJECT / "DATA" / "models" / "ham10000"))


def test_the_score_is_that_of_a_network_with_one_hidden_layer() -> None:
    """Worked by hand: units 2x - 1 and y + 3, cut off at 0; the score is 4 a - b + 0.5."""
    hidden = np.array([[2, 0], [0, 1], [-1, 3]], np.float32)
    detector = LesionDetector(hidden, np.array([4, -1, 0.5], np.float32), 0.0)
    features = np.array([[1, 1], [0, -9], [np.nan, 1], [1, np.inf]])
    assert detector.score(features)[:2].tolist() == [4 * 1 - 4 + 0.5, 0.5]
    assert np.isnan(detector.score(features)[2:]).all()
    assert float(detector.score(features[0])) == 0.5


def test_the_shipped_detector_fits_the_image_features() -> None:
    detector = load_lesion_detector()
    assert detector.hidden.shape == (FEATURE_COUNT + 1, len(detector.output) - 1)


@pytest.mark.parametrize("name", ["text pages", "shapes", "tables", "fabric"])
def test_foreign_pictures_are_above_its_threshold(name: str) -> None:
    detector = load_lesion_detector()
    pictures = [read_photo(draw_picture(name, number), 128) for number in range(1000, 1012)]
    scores = [float(detector.score(measure_image_features(picture))) for picture in pictures]
    assert sum(score > detector.threshold for score in scores) >= 8  # of 12


def test_lesion_photos_are_below_its_threshold() -> None:
    """The examples of the page, which are CC-0 photos of ISIC 2017."""
    detector = load_lesion_detector()
    paths = sorted((PROJECT / "app" / "static").rglob("ISIC_*.jpg"))
    assert paths
    for path in paths:
        assert detector.score(measure_image_features(read_photo(path.read_bytes(), 128))) < detector.threshold


@pytest.mark.parametrize("name", ["carpet", "fabric", "wood", "noise", "plots"])
def test_no_foreign_picture_gets_the_all_clear(name: str, served_predictor: Predictor) -> None:
    statuses = [
        served_predictor.answer(draw_picture(name, number), dermatoscope=True).status
        for number in range(2000, 2005)
    ]
    assert NO_CANCER_CLASS not in statuses


def test_neither_do_the_sample_photos_of_packages(served_predictor: Predictor) -> None:
    """Flowers and a temple of scikit-learn; Grace Hopper's face, and a cat where scikit-image is there."""
    sources = [source for source in read_sources() if source.package in {"sklearn", "matplotlib", "skimage"}]
    pictures = read_pictures(sources, PROJECT / "DATA" / "foreign", 256).pixels
    assert len(pictures) >= 4
    for picture in pictures:
        assert (
            served_predictor.answer(encode_png(Image.fromarray(picture)), dermatoscope=True).status
            != NO_CANCER_CLASS
        )
