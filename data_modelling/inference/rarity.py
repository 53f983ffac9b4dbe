"""Ages and sites of which the model saw so few lesions in training that nobody tested it on them."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from data_modelling.inference.details import OLDEST, SITES, Details
from data_modelling.inference.errors import BundleError

AGE_RARE, SITE_RARE = "age_rare", "site_rare"
BAND = 10  # years
RARE_SHARE = 0.01  # of the training groups: fewer than this in a band or at a site are few
AGES, PLACES, BELOW = "groups_by_age", "groups_by_site", "rare_below"  # in `data` of metadata.json


def band_of(age: float) -> str:
    """The band of an age in years: 0-9, 10-19, and so on; the last one ends with the oldest age."""
    start = min(int(age), OLDEST - 1) // BAND * BAND
    return f"{start}-{start + BAND - 1 if start + BAND < OLDEST else OLDEST}"


BANDS = tuple(band_of(age) for age in range(0, OLDEST, BAND))


def rare_below(groups: int) -> int:
    """From how many training groups on a band or site is not rare; groups: of the whole training data."""
    return math.ceil(RARE_SHARE * groups)


@dataclass(frozen=True)
class Rarity:
    """ages, sites: training groups by band and by site. below: fewer are rare."""

    ages: Mapping[str, int]
    sites: Mapping[str, int]
    below: int

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> Rarity:
        """The counts in a bundle's metadata. Raises BundleError where one is missing."""
        try:
            data = metadata["data"]
            ages = {band: int(data[AGES][band]) for band in BANDS}
            sites = {site: int(data[PLACES][site]) for site in SITES}
            return cls(ages, sites, int(data[BELOW]))
        except (KeyError, TypeError, ValueError) as error:
            raise BundleError(
                f"metadata.json: data must count the training groups by age and site ({AGES}, {PLACES}, {BELOW}); "
                "restore the bundle."
            ) from error

    def reasons(self, details: Details) -> tuple[str, ...]:
        """Which of the details are rare; one that is not known is not."""
        found = []
        if details.age is not None and self.ages[band_of(details.age)] < self.below:
            found.append(AGE_RARE)
        if details.site is not None and self.sites[details.site] < self.below:
            found.append(SITE_RARE)
        return tuple(found)
