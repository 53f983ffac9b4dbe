"""Lists the available photos of a data set, each with its part of the split."""

from collections.abc import Callable
from pathlib import Path

import pandas as pd

from data_modelling.datasets import ham10000
from data_modelling.datasets.data_location import find_dataset_folder, find_subfolders
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.datasets.isic2020 import PHOTO_FOLDERS
from data_modelling.datasets.registry import data_set
from data_modelling.datasets.splits.assignment import TEST, attach_known_parts, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.datasets.table import print_warning

WarningHandler = Callable[[str], None]


def split_photos(
    name: str, data_root: Path | None, splits: Path, tell: WarningHandler = print_warning
) -> pd.DataFrame:
    """Return a table of a data set's available photos, including the locked test.

    It has the columns image_id, group_id, diagnosis, path and part (of the split). Photos that the split lacks are left
    out; `tell` is called with a sentence that counts them. Raises InputError if the data or its split is absent.
    """
    source = data_set(name)
    root = find_dataset_folder(data_root, source.folder, *source.markers)
    if name == "ham10000":
        table = ham10000.load(root)[0][["image_id", "group_id", "diagnosis", "path"]]
    else:
        rows = source.split_rows(root)
        paths = find_photos(find_subfolders(root, PHOTO_FOLDERS)[:1])[0]
        table = rows.assign(path=rows["image_id"].map(paths)).dropna(subset="path")
    known, not_in_split = attach_known_parts(table, read_split(split_file(splits, name)))
    if not_in_split:
        tell(f"{source.folder}: {len(not_in_split)} photos are left out, because its split lacks them.")
    return known


def development_photos(
    name: str, data_root: Path | None, splits: Path, tell: WarningHandler = print_warning
) -> pd.DataFrame:
    """Return the same as `split_photos` without the locked test."""
    table = split_photos(name, data_root, splits, tell)
    return table[table["part"] != TEST].reset_index(drop=True)
