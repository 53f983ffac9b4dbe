"""Reads extra sets: data sets that train a network together with the data set of a recipe (a file of settings).

A lesion that is only known to be benign keeps the diagnosis `benign`, which stands for any of the benign classes (see
training.loss). Photos of extra sets count only in the metrics of their own source or clinic group (photos of some
clinics). Choices such as thresholds use photos of extra sets only if the recipe names a reference source. This
source gives the class shares for the calibration (see metrics.calibration).
"""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from data_modelling.datasets import external_sources, isic2019
from data_modelling.datasets.data_location import MissingDataError
from data_modelling.datasets.registry import data_set, external_data_sets
from data_modelling.datasets.splits.assignment import TEST, attach_parts, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.datasets.table import BENIGN, DOWNSAMPLED_SUFFIX, DatasetReport
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings

# ISIC 2019 is no external source, but it can be an extra set. If the recipe's own data set is a part of ISIC 2019, as
# HAM10000 is, only the other photos of ISIC 2019 are added.
BESIDE_ITS_OWN = "isic2019"
MELANOMA_OR_BENIGN = "isic2020"  # the task with the classes melanoma and benign; it has no other cancers


def companions(
    settings: Settings, own: pd.DataFrame, data_root: Path | None, splits: Path
) -> tuple[pd.DataFrame, list[str]]:
    """Return the table of the photos of the extra sets in settings.more_photos, and texts that say what was left out.

    The table also has the column `part`. own: the table of the recipe's own data set; its photos are left out of the
    result. Raises InputError for an unknown data set, an absent folder, or a data set that adds no photo.
    """
    known = [record.name for record in external_data_sets()] + [BESIDE_ITS_OWN]
    tables, left_out = [own.iloc[:0]], []
    for name in settings.more_photos:
        if name not in known:
            raise InputError(f"more_photos and unseen_sets may name {', '.join(known)}, not {name!r}.")
        table, report = _load_external(name, data_root, splits)
        table = _photos_not_in([own, *tables], table, name)
        left_out += [f"{name}: {report}"] if report else []
        table["diagnosis"] = _map_to_classes(table["diagnosis"], settings.task)
        no_class = table["diagnosis"].isna()
        if no_class.any():
            left_out.append(f"{name}: {no_class.sum()} photos whose diagnosis is no class of {settings.task}")
        table = attach_parts(table[~no_class], read_split(split_file(splits, name)))
        tables.append(table.reset_index(drop=True))
    return pd.concat(tables, ignore_index=True), left_out


def sources_of_sets(names: Sequence[str]) -> set[str]:
    """Return the sources that the photos of these data sets may have; those of ISIC 2019 come from several sources."""
    folders = {data_set(name).folder for name in names}
    return folders | isic2019.SOURCES if BESIDE_ITS_OWN in names else folders


def _load_external(name: str, data_root: Path | None, splits: Path) -> tuple[pd.DataFrame, DatasetReport]:
    try:
        if name == BESIDE_ITS_OWN:
            table, report = isic2019.load(data_root)
            parts = read_split(split_file(splits, name))
            return table[~table["image_id"].isin(parts.loc[parts["part"] == TEST, "image_id"])], report
        return external_sources.load(data_set(name), data_root, splits, to_train=True)
    except MissingDataError as error:
        raise MissingDataError(
            f"{error} The recipe names this data set in more_photos or unseen_sets; a recipe without these settings, "
            "such as ham10000_alone.toml, does not need it."
        ) from error


def _map_to_classes(diagnoses: pd.Series, task: str) -> list[str | None]:
    """Return the task's class of each diagnosis; for a diagnosis without a class, BENIGN if it is benign, else None."""
    codes: dict[str, str | None] = {}
    for name in diagnoses.unique():
        index = external_sources.class_of(name, task)
        benign = BENIGN if external_sources.flag(name) == "benign" else None
        if task == MELANOMA_OR_BENIGN:
            codes[name] = "melanoma" if name == "MEL" else benign
        else:
            codes[name] = class_codes(task)[index] if index >= 0 else benign
    return [codes[name] for name in diagnoses]


def _photos_not_in(earlier: list[pd.DataFrame], table: pd.DataFrame, name: str) -> pd.DataFrame:
    """Return the rows whose photo is in none of the earlier tables; raise InputError if there is no such row."""
    known = pd.concat([rows["image_id"] for rows in earlier]).str.removesuffix(DOWNSAMPLED_SUFFIX)
    new = table[~table["image_id"].str.removesuffix(DOWNSAMPLED_SUFFIX).isin(known)]
    if new.empty:
        raise InputError(f"{name}: other data sets of the recipe have all its photos; remove it.")
    return new
