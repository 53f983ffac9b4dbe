"""Defines clinic groups (photo sources of the same clinics), to test a network on a group that it never saw."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets import ham10000, isic2017, isic_msk_uda, pad_ufes_20
from data_modelling.datasets.isic2019 import BCN

# The group of each source. ISIC 2020 mixes clinics of several of these groups and is therefore in no group.
CLINIC_BY_SOURCE = {
    ham10000.FOLDER: "HAM10000",
    isic2017.FOLDER: "MSK",
    isic_msk_uda.FOLDER: "MSK",
    BCN: "BCN",
    pad_ufes_20.FOLDER: "PAD",
}
CLINIC_NAMES = {
    "HAM10000": "Vienna and Queensland (HAM10000)",
    "MSK": "Memorial Sloan Kettering and others (ISIC 2017, MSK, UDA)",
    "BCN": "Barcelona (BCN20000)",
    "PAD": "phone photos, Espírito Santo (PAD-UFES-20)",
}


def clinic_groups(sources: pd.Series) -> pd.Series:
    """Return the clinic group of each source name, or "" for a source that is in no group."""
    return sources.map(CLINIC_BY_SOURCE).fillna("")


def clinics_or_sources(sources: pd.Series) -> NDArray[np.str_]:
    """Return the clinic group of each source name, (N,), or the source itself if it is in no group."""
    groups = clinic_groups(sources)
    return groups.where(groups != "", sources).to_numpy(str)
