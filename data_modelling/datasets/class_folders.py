"""Class folders: a folder of photos for each class code, with or without `photos.csv`.

`python -m data_modelling.prepare` writes them with the csv, whose columns are the one table's without `path`:
read back, table and photos are those of the data set that they were made from. Folders of somebody's own need no
csv: the folder is the diagnosis, the file name the id, details are not known, and every photo is its own group.
"""

import sys
from pathlib import Path

import pandas as pd

from data_modelling.datasets.csv_files import read_csv
from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.roots import MissingDataError, base_folder, first_place
from data_modelling.datasets.rows import NOTED, TEXT_COLUMNS
from data_modelling.datasets.table import Report, checked_table
from data_modelling.inference import diagnoses
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings

FOLDER = "class_folders"
PHOTOS = "photos.csv"


def load(
    settings: Settings, data_root: Path | None = None, strict: bool = False
) -> tuple[pd.DataFrame, Report]:
    """The class folders of the settings' task as the one table, and the report.

    They lie in the data root or in its subfolder `class_folders`. Raises InputError when there is none, when
    `data_modelling.prepare` has not finished them, when a photo stands in another folder than its row says, and as
    checked_table does.
    """
    codes = diagnoses.codes(settings.task)
    root = _root(data_root, codes)
    photos: dict[str, str] = {}
    classes: dict[str, str] = {}
    twice: list[str] = []
    for code in codes:
        found, again = photos_in([root / code] if (root / code).is_dir() else [])
        twice += [*again, *(image_id for image_id in found if image_id in photos)]
        photos = found | photos
        classes = dict.fromkeys(found, code) | classes
    rows = _rows(root, classes)
    return checked_table(rows, photos, codes, twice, strict)


def _root(data_root: Path | None, codes: tuple[str, ...]) -> Path:
    base = base_folder(data_root)
    place = first_place(base, FOLDER, lambda one: any((one / code).is_dir() for code in codes))
    if place is not None:
        return place
    raise MissingDataError(
        f"Neither {base} nor {base / FOLDER} has a folder named by a class ({', '.join(codes)}); make them with "
        "`python -m data_modelling.prepare --to class_folders`."
    )


def _rows(root: Path, classes: dict[str, str]) -> pd.DataFrame:
    """The csv's rows, or rows of what the folders alone say."""
    if (root / PHOTOS).is_file():
        rows = read_csv(root / PHOTOS, TEXT_COLUMNS)
        _refuse_other_folders(root, rows, classes)
        return rows
    if (root / NOTED).is_file():
        raise InputError(
            f"{root} is not finished: it has {NOTED}, but not {PHOTOS}, which is written last; go on with "
            "`python -m data_modelling.prepare --resume`."
        )
    print(
        f"warning: {root} has no {PHOTOS}: which photos show one lesion or patient is not known, nor age, sex "
        "and site; a split by photo flatters the figures.",
        file=sys.stderr,
    )
    rows = pd.DataFrame({"image_id": sorted(classes)})
    rows["diagnosis"] = rows["image_id"].map(classes)
    rows["group_id"] = rows["image_id"]
    rows[["age", "sex", "site", "confirmation"]] = ""
    rows["source"] = root.name
    return rows[list(TEXT_COLUMNS)]


def _refuse_other_folders(root: Path, rows: pd.DataFrame, classes: dict[str, str]) -> None:
    folder = rows["image_id"].map(classes)
    other = rows[folder.notna() & (folder != rows["diagnosis"])]
    if len(other):
        first = other.iloc[0]
        raise InputError(
            f"{root / PHOTOS} says {first['diagnosis']} of {first['image_id']}, which stands in the folder "
            f"{classes[first['image_id']]}; {len(other)} photos differ: mend the csv or move them."
        )
