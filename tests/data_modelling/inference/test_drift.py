import math

import numpy as np
import pytest

from data_modelling.inference.drift import ALPHA, FEWEST, MATTERS, compare, quantiles, reference_of
from data_modelling.inference.drift_page import page, sentence
from data_modelling.inference.errors import BundleError

RNG = np.random.default_rng(4)
USUAL = {"light": RNG.normal(170, 20, 4000), "hair": np.where(RNG.random(4000) < 0.9, 0, RNG.random(4000))}
REFERENCE = reference_of({"reference": {name: quantiles(values) for name, values in USUAL.items()}})


def test_distance_of_a_shift_by_hand():
    reference = {"light": np.linspace(0, 1, 101)}
    found = compare(reference, {"light": np.linspace(0.5, 1.5, 1001)})[0]
    # Half of the sample lies above all of the reference; a hundredth is within what quantiles can tell.
    assert found.distance == pytest.approx(0.5, abs=0.011)
    assert found.at_least == pytest.approx(found.distance - math.sqrt(math.log(2 / ALPHA) / 2002))
    assert found.medians == pytest.approx((0.5, 1.0))


@pytest.mark.parametrize("count", [40, 200, 2000])
def test_a_sample_of_the_same_photos_has_not_moved(count):
    rng = np.random.default_rng(count)
    alarms = 0
    for _ in range(50):
        rows = rng.integers(0, 4000, count)
        alarms += any(one.moved for one in compare(REFERENCE, {k: v[rows] for k, v in USUAL.items()}))
    assert alarms == 0


def test_photos_that_are_darker_have():
    found = compare(REFERENCE, {"light": USUAL["light"][:100] * 0.7, "hair": USUAL["hair"][:100]})
    assert [(one.name, one.moved) for one in found] == [("light", True), ("hair", False)]
    assert "is lower" in sentence(found[0])
    assert "100 photos" in sentence(found[0])


def test_many_equal_values_are_compared_by_their_share():
    rng = np.random.default_rng(8)
    same, more = (np.where(rng.random(1000) < share, 0, rng.random(1000)) for share in (0.9, 0.5))
    assert compare(REFERENCE, {"hair": same})[0].distance < MATTERS
    assert compare(REFERENCE, {"hair": more})[0].distance == pytest.approx(0.4, abs=0.05)


def test_of_too_few_photos_nothing_is_said():
    found = compare(REFERENCE, {"light": np.zeros(FEWEST - 1)})
    assert found[0].distance == 1
    assert not found[0].moved
    assert "Too few photos" in page("t", "i", found)


def test_values_that_are_not_known_are_left_out():
    found = compare(REFERENCE, {"light": np.array([np.nan] * 50 + [170.0] * 40), "hair": np.full(90, np.nan)})
    assert {one.name: one.count for one in found} == {"light": 40, "hair": 0}
    assert "Of too few photos known" in page("t", "i", found)


@pytest.mark.parametrize(
    "reference",
    [None, {}, {"light": [1, 2]}, {"light": [*range(100), 3]}, {"light": ["x"] * 101}, {"light": 4}],
)
def test_a_bundle_without_a_whole_reference_is_refused(reference):
    with pytest.raises(BundleError, match="reference"):
        reference_of({"reference": reference})


def test_the_page_is_one_file_without_anything_from_elsewhere():
    found = compare(REFERENCE, {"light": USUAL["light"][:100] * 0.7})
    text = page("What <moved>", "100 photos", found, ["one & two"])
    assert "What &lt;moved&gt;" in text
    assert "one &amp; two" in text
    assert text.count("<svg") == text.count("</svg>") == 1
    assert not any(word in text for word in ("http:", "https:", "<script", "url("))
