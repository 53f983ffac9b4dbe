"""Reads HAM10000: 10,015 dermoscopic photos of 7,470 lesions in seven classes.

Tschandl, Rosendahl and Kittler 2018, Sci Data 5:180161, doi:10.1038/sdata.2018.161; CC BY-NC 4.0.

How the values of the csv are read:
- Age 0.0 (39 rows) is read as "not recorded", like the 57 empty ages. The reason is that 5 of the 39 photos
  show a benign keratosis, which newborns do not have. All known ages are multiples of five years.
- Sex "unknown" (57 rows) and site "unknown" (234 rows) are read as missing.
- In each of 20 pairs, two photos show one lesion under two lesion ids (Abhishek, Jain and Hamarneh 2025, Sci Data
  12:196, doi:10.1038/s41597-025-04382-5). A download of HAM10000 lacks the list of pairs, so the list is beside this
  module. The photos of both lesion ids are in one group.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets.data_location import MissingDataError, find_dataset_folder, find_subfolders
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.datasets.table import (
    DatasetReport,
    checked_table,
    findings_report,
    join_groups,
    read_csv,
    read_pairs,
)
from data_modelling.inference import diagnoses
from data_modelling.inference.files.csv_table import RowFindings

FOLDER = "HAM10000"
# Possible names of the csv: the usual name, the name on the server Dataverse, the name of Dataverse's converted copy.
METADATA = ("HAM10000_metadata.csv", "HAM10000_metadata", "HAM10000_metadata.tab")
METADATA_COLUMNS = ("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")
PHOTO_FOLDER = "HAM10000_images_part_1_and_2"
OUTLINE_FOLDER = "HAM10000_segmentations_lesion"
# The folder of outlines may also have the name of Dataverse's archive.
OTHER_OUTLINE_FOLDERS = ("HAM10000_segmentations_lesion_tschandl",)
OUTLINE_ENDING = "_segmentation"  # after the image id
DATAVERSE_PHOTO_FOLDERS = ("HAM10000_images_part_1", "HAM10000_images_part_2")
UNDECLARED_DUPLICATES = Path(__file__).with_name("ham10000_undeclared_duplicates.csv")
AGE_NOT_RECORDED = ("0", "0.0")


def load(data_root: Path | None = None, strict: bool = False) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table of HAM10000 (see datasets.table) in the order of its csv, and the report of problems.

    Raises InputError if the data is absent, if the csv lacks a column, or if no photo can be used. With `strict`, any
    problem raises InputError.
    """
    root = find_dataset_folder(data_root, FOLDER, *METADATA)
    photos, twice = find_photos(photo_folders(root))
    findings = RowFindings()
    rows = read_rows(root, findings)
    codes = diagnoses.class_codes("ham10000")
    return checked_table(rows, photos, codes, twice, strict, findings_report(findings))


def read_rows(root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
    """Return the rows of the csv as text, under the column names of the table; the photos are not read.

    findings: see datasets.table.read_csv.
    """
    metadata = read_csv(metadata_file(root), METADATA_COLUMNS, "image_id", findings, numbers=("age",))
    return pd.DataFrame(
        {
            "image_id": metadata["image_id"],
            "diagnosis": metadata["dx"].str.upper(),  # the codes are HAM10000's abbreviations in capitals
            "group_id": join_groups(metadata["image_id"], metadata["lesion_id"], undeclared_duplicates()),
            "age": metadata["age"].mask(metadata["age"].isin(AGE_NOT_RECORDED), ""),
            "sex": metadata["sex"],
            "site": metadata["localization"],
            "source": FOLDER,
            "confirmation": metadata["dx_type"],
        }
    )


def undeclared_duplicates() -> list[tuple[str, str]]:
    """Return the 20 pairs of image ids; both photos of a pair show one lesion, but their lesion ids differ."""
    return read_pairs(UNDECLARED_DUPLICATES)


def outline_paths(data_root: Path | None = None) -> dict[str, str]:
    """Return the paths of the lesions' outlines by image id (Tschandl et al. 2020, doi:10.1038/s41591-020-0942-0).

    Each outline is a PNG as large as its photo, white where the lesion is. Outlines are a separate download: the result
    is empty when they are absent. Raises InputError when HAM10000 itself is absent.
    """
    root = find_dataset_folder(data_root, FOLDER, *METADATA)
    paths, _ = find_photos(find_subfolders(root, (OUTLINE_FOLDER, *OTHER_OUTLINE_FOLDERS)))
    return {stem.removesuffix(OUTLINE_ENDING): path for stem, path in paths.items()}


def metadata_file(root: Path) -> Path:
    """Return the path of the csv under the name that it has in `root`."""
    return next(root / name for name in METADATA if (root / name).is_file())


def photo_folders(root: Path) -> list[Path]:
    """Return the folder of all photos, or else Dataverse's two folders; raise MissingDataError if none is there."""
    folders = find_subfolders(root, (PHOTO_FOLDER,)) or find_subfolders(root, DATAVERSE_PHOTO_FOLDERS)
    if not folders:
        raise MissingDataError(
            f"{root} has neither {PHOTO_FOLDER} nor {' and '.join(DATAVERSE_PHOTO_FOLDERS)}; "
            "put HAM10000's photos there as DATA/README.md says."
        )
    return folders
