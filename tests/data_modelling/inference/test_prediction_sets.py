import numpy as np
import pytest

from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import BundleError
from data_modelling.inference.modes import PHOTO_AND_DETAILS, PHOTO_ONLY
from data_modelling.inference.prediction_sets import PredictionSets, WideSetRule, set_members

CODES = class_codes("ham10000")  # MEL, NV, BCC, AKIEC, BKL, DF, VASC
CANCER = np.array([True, False, True, True, False, False, False])
PROBABILITY = np.array([0.3, 0.4, 0.05, 0.05, 0.1, 0.06, 0.04])


def metadata(photo=0.1, both=0.2, wide=(None, None)):
    """The same threshold for every class, half of it at 95 %."""
    by_input = {PHOTO_ONLY: photo, PHOTO_AND_DETAILS: both}
    return {
        "prediction_sets": {
            given: {"90": dict.fromkeys(CODES, value), "95": dict.fromkeys(CODES, value / 2)}
            for given, value in by_input.items()
        },
        "operating_point": {"wide": {"classes": wide[0], "cancer_classes": wide[1]}},
    }


def sets(**changes):
    return PredictionSets.from_metadata(metadata(**changes), "ham10000")


def test_a_class_at_its_threshold_is_in_the_set():
    inside = set_members(np.array([[0.2, 0.5, 0.3]]), np.array([0.2, 0.6, 0.1]))
    assert inside.tolist() == [[True, False, True]]


@pytest.mark.parametrize(
    ("with_details", "of_90", "of_95"),
    [
        (False, ("NV", "MEL", "BKL"), ("NV", "MEL", "BKL", "DF", "BCC", "AKIEC")),
        (True, ("NV", "MEL"), ("NV", "MEL", "BKL")),
    ],
)
def test_sets_by_input_the_most_probable_class_first(with_details, of_90, of_95):
    photo_sets = sets().of(PROBABILITY, with_details)
    assert photo_sets.by_level == {"90": of_90, "95": of_95}
    assert photo_sets.as_json()["90"] == {"classes": list(of_90), "size": len(of_90)}


def inside(*held):
    return np.array([[code in held for code in CODES]])


@pytest.mark.parametrize(
    ("rule", "held", "wide"),
    [
        (WideSetRule(None, None), CODES, False),
        (WideSetRule(None, None), (), True),
        (WideSetRule(3, None), ("MEL", "NV"), False),
        (WideSetRule(3, None), ("MEL", "NV", "DF"), True),
        (WideSetRule(None, 2), ("MEL", "BCC", "AKIEC"), False),  # three cancer classes alone say something
        (WideSetRule(None, 2), ("MEL", "BCC", "NV"), True),
        (WideSetRule(None, 2), ("MEL", "NV", "BKL", "DF"), False),
        (WideSetRule(4, 2), ("MEL", "NV", "BKL", "DF"), True),
    ],
)
def test_when_a_set_says_nothing_useful(rule, held, wide):
    assert rule.holds(inside(*held), CANCER).tolist() == [wide]


def test_the_set_at_90_decides():
    assert sets(wide=(3, None)).of(PROBABILITY, with_details=False).is_wide
    assert not sets(wide=(4, None)).of(PROBABILITY, with_details=False).is_wide


def test_metadata_that_lacks_something():
    for spoilt in (
        {},
        metadata(photo=2),
        metadata(photo=float("nan")),
        metadata(wide=(0, None)),
        metadata(wide=(True, None)),
        metadata() | {"operating_point": {}},
        metadata() | {"prediction_sets": metadata()["prediction_sets"] | {PHOTO_AND_DETAILS: {"90": {}}}},
        metadata() | {"prediction_sets": "none"},
    ):
        with pytest.raises(BundleError, match="restore the bundle"):
            PredictionSets.from_metadata(spoilt, "ham10000")
