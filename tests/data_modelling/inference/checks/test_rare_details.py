import pytest

from data_modelling.inference.checks.rare_details import (
    TEN_YEAR_BANDS,
    RareDetails,
    age_band,
    rare_threshold,
)
from data_modelling.inference.details import SITES, Details
from data_modelling.inference.errors import BundleError

DATA = {
    "groups_by_age": dict.fromkeys(TEN_YEAR_BANDS, 64) | {"0-9": 63},
    "groups_by_site": dict.fromkeys(SITES, 64) | {"palms/soles": 3},
    "rare_below": 64,
}


@pytest.mark.parametrize(
    ("age", "band"),
    [(0, "0-9"), (9.9, "0-9"), (10, "10-19"), (109.5, "100-109"), (110, "110-120"), (120, "110-120")],
)
def test_every_age_has_a_band(age, band):
    assert age_band(age) == band
    assert band in TEN_YEAR_BANDS


def test_under_one_in_a_hundred_groups_is_rare():
    assert [rare_threshold(groups) for groups in (100, 6332, 50)] == [1, 64, 1]


@pytest.mark.parametrize(
    ("details", "reasons"),
    [
        (Details(), ()),
        (Details(age=10, site="torso"), ()),
        (Details(age=9), ("age_rare",)),
        (Details(age=5, site="palms/soles"), ("age_rare", "site_rare")),
    ],
)
def test_what_is_rare(details, reasons):
    assert RareDetails.from_metadata({"data": DATA}).reasons(details) == reasons


@pytest.mark.parametrize("name", DATA)
def test_counts_that_are_missing(name):
    with pytest.raises(BundleError, match="must count the training groups"):
        RareDetails.from_metadata({"data": {key: value for key, value in DATA.items() if key != name}})
