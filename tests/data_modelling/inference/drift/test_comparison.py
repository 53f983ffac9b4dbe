import math

import numpy as np
import pytest

from data_modelling.inference.drift.comparison import (
    ALPHA,
    MIN_DISTANCE,
    MIN_VALUES,
    compare_with_reference,
    quantiles,
    reference_quantiles,
)
from data_modelling.inference.drift.page import drift_page, drift_sentence
from data_modelling.inference.errors import BundleError
from tests.conftest import PROJECT

RNG = np.random.default_rng(4)
USUAL = {"light": RNG.normal(170, 20, 4000), "hair": np.where(RNG.random(4000) < 0.9, 0, RNG.random(4000))}
REFERENCE = reference_quantiles({"reference": {name: quantiles(values) for name, values in USUAL.items()}})


def test_distance_of_a_shift_by_hand():
    reference = {"light": np.linspace(0, 1, 101)}
    drift = compare_with_reference(reference, {"light": np.linspace(0.5, 1.5, 1001)})[0]
    # Half of the sample lies above all of the reference; a hundredth is within what quantiles can tell.
    assert drift.distance == pytest.approx(0.5, abs=0.011)
    assert drift.at_least == pytest.approx(drift.distance - math.sqrt(math.log(2 / ALPHA) / 2002))
    assert drift.medians == pytest.approx((0.5, 1.0))


@pytest.mark.parametrize("count", [40, 200, 2000])
def test_a_sample_of_the_same_photos_has_not_moved(count):
    rng = np.random.default_rng(count)
    alarms = 0
    for _ in range(50):
        rows = rng.integers(0, 4000, count)
        alarms += any(
            drift.moved for drift in compare_with_reference(REFERENCE, {k: v[rows] for k, v in USUAL.items()})
        )
    assert alarms == 0


def test_photos_that_are_darker_have():
    drifts = compare_with_reference(
        REFERENCE, {"light": USUAL["light"][:100] * 0.7, "hair": USUAL["hair"][:100]}
    )
    assert [(drift.name, drift.moved) for drift in drifts] == [("light", True), ("hair", False)]
    assert "is lower" in drift_sentence(drifts[0])
    assert "100 photos" in drift_sentence(drifts[0])


def test_many_equal_values_are_compared_by_their_share():
    rng = np.random.default_rng(8)
    same, more = (np.where(rng.random(1000) < share, 0, rng.random(1000)) for share in (0.9, 0.5))
    assert compare_with_reference(REFERENCE, {"hair": same})[0].distance < MIN_DISTANCE
    assert compare_with_reference(REFERENCE, {"hair": more})[0].distance == pytest.approx(0.4, abs=0.05)


def test_of_too_few_photos_nothing_is_said():
    drifts = compare_with_reference(REFERENCE, {"light": np.zeros(MIN_VALUES - 1)})
    assert drifts[0].distance == 1
    assert not drifts[0].moved
    assert "There are too few photos" in drift_page("t", "i", drifts)


def test_values_that_are_not_known_are_left_out():
    drifts = compare_with_reference(
        REFERENCE, {"light": np.array([np.nan] * 50 + [170.0] * 40), "hair": np.full(90, np.nan)}
    )
    assert {drift.name: drift.count for drift in drifts} == {"light": 40, "hair": 0}
    assert "known for too few photos" in drift_page("t", "i", drifts)


@pytest.mark.parametrize(
    "reference",
    [None, {}, {"light": [1, 2]}, {"light": [*range(100), 3]}, {"light": ["x"] * 101}, {"light": 4}],
)
def test_a_bundle_without_a_whole_reference_is_refused(reference):
    with pytest.raises(BundleError, match="reference"):
        reference_quantiles({"reference": reference})


def test_the_page_is_one_file_without_anything_from_elsewhere():
    drifts = compare_with_reference(REFERENCE, {"light": USUAL["light"][:100] * 0.7})
    text = drift_page("What <moved>", "100 photos", drifts, ["one & two"])
    assert "What &lt;moved&gt;" in text
    assert "one &amp; two" in text
    assert text.count("<svg") == text.count("</svg>") == 1
    assert not any(word in text for word in ("http:", "https:", "<script", "url("))


def test_the_document_says_how_many_photos_are_needed():
    assert f"at least {MIN_VALUES} photos" in (PROJECT / "docs" / "api.md").read_text()
