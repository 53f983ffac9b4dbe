"""Finds rare details: a patient's age or body site that too few training groups (lesions or patients) have.

The model learned too little about rare details, so they forbid the status "no cancer class stands out".
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_modelling.inference.details import MAX_AGE, SITES, Details
from data_modelling.inference.errors import BundleError

AGE_RARE, SITE_RARE = "age_rare", "site_rare"
AGE_BAND_YEARS = 10
RARE_SHARE = 0.01  # an age band or site with a smaller share of the training groups is rare
# Keys in `data` of metadata.json.
AGE_COUNTS_KEY, SITE_COUNTS_KEY, RARE_BELOW_KEY = "groups_by_age", "groups_by_site", "rare_below"


def age_band(age: float) -> str:
    """Return the band of an age in years: 0-9, 10-19, and so on; the last band ends with MAX_AGE."""
    start = min(int(age), MAX_AGE - 1) // AGE_BAND_YEARS * AGE_BAND_YEARS
    return f"{start}-{start + AGE_BAND_YEARS - 1 if start + AGE_BAND_YEARS < MAX_AGE else MAX_AGE}"


TEN_YEAR_BANDS = tuple(age_band(age) for age in range(0, MAX_AGE, AGE_BAND_YEARS))


def rare_threshold(groups: int) -> int:
    """Return the number of training groups below which an age band or site is rare. groups: their total number."""
    return math.ceil(RARE_SHARE * groups)


@dataclass(frozen=True)
class RareDetails:
    """Counts the training groups by age band and by site. A band or site with fewer groups than `below` is rare."""

    ages: Mapping[str, int]
    sites: Mapping[str, int]
    below: int

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> RareDetails:
        """Return the counts in a bundle's metadata; raise BundleError if a count is missing or is no number."""
        try:
            data = metadata["data"]
            ages = {band: int(data[AGE_COUNTS_KEY][band]) for band in TEN_YEAR_BANDS}
            sites = {site: int(data[SITE_COUNTS_KEY][site]) for site in SITES}
            return cls(ages, sites, int(data[RARE_BELOW_KEY]))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"metadata.json: data must count the training groups by age and site ({AGE_COUNTS_KEY}, {SITE_COUNTS_KEY}, {RARE_BELOW_KEY}); "
                "restore the bundle."
            ) from error

    def reasons(self, details: Details) -> tuple[str, ...]:
        """Return the reason codes of the rare details; an unknown detail is not rare."""
        codes = []
        if details.age is not None and self.ages[age_band(details.age)] < self.below:
            codes.append(AGE_RARE)
        if details.site is not None and self.sites[details.site] < self.below:
            codes.append(SITE_RARE)
        return tuple(codes)
