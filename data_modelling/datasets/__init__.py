"""Data sets of one schema; a new one is a module with `load` and a line here."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pandas as pd

from data_modelling.datasets import ham10000, isic2019, isic2019_2020, isic2020
from data_modelling.datasets.table import Report


class Loader(Protocol):
    """`load` of a data set's module: the one table and the report (see datasets.table)."""

    def __call__(
        self, data_root: Path | None = None, strict: bool = False
    ) -> tuple[pd.DataFrame, Report]: ...


DATASETS: dict[str, Loader] = {
    "ham10000": ham10000.load,
    "isic2019": isic2019.load,
    "isic2020": isic2020.load,
    "isic2019_2020": isic2019_2020.load,
}
# What the photos of a group share, where it is not the lesion.
GROUPED_BY: dict[str, str] = {"isic2020": "patient"}
# Lesion outlines by image id of the data sets that have any (see ham10000.outlines).
OUTLINES: dict[str, Callable[[Path | None], dict[str, str]]] = {
    "ham10000": ham10000.outlines,
    "isic2019": isic2019.outlines,
}
