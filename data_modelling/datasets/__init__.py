"""Data sets of one schema; a new one is a module with `load` and a line here."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

import pandas as pd

from data_modelling.datasets import class_folders, ham10000, isic2019, isic2019_2020, isic2020, tfrecord
from data_modelling.datasets.table import Report
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings


class Loader(Protocol):
    """`load` of a data set's module: the one table and the report (see datasets.table)."""

    def __call__(
        self, data_root: Path | None = None, strict: bool = False
    ) -> tuple[pd.DataFrame, Report]: ...


class FormatLoader(Protocol):
    """`load` of a format that any data set may have; the settings say which classes and names."""

    def __call__(
        self, settings: Settings, data_root: Path | None = None, strict: bool = False
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
FORMATS: dict[str, FormatLoader] = {"class_folders": class_folders.load, "tfrecord": tfrecord.load}


def load_table(
    settings: Settings, data_root: Path | None = None, strict: bool = False
) -> tuple[pd.DataFrame, Report]:
    """The one table of the data set or format that the settings name, and the report; InputError as they raise."""
    if settings.dataset in FORMATS:
        return FORMATS[settings.dataset](settings, data_root, strict)
    if settings.dataset in DATASETS:
        return DATASETS[settings.dataset](data_root, strict)
    known = ", ".join((*DATASETS, *FORMATS))
    raise InputError(f"dataset must be one of {known}, not {settings.dataset!r}.")
