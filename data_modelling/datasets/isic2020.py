"""Reads the challenge ISIC 2020 (SIIM): 33,126 dermoscopic training photos of 2,056 patients; 584 show melanomas.

Rotemberg et al. 2021, doi:10.34970/2020-ds01; CC BY-NC 4.0. Both the challenge's csv and Kaggle's csv can be read.

425 photos have two ids. The challenge later published these pairs of ids; the split keeps each pair together. Age 0
(two rows) means "not recorded", as in the other data sets. Rows without a photo are counted and left out.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets import stored_photos
from data_modelling.datasets.data_location import find_dataset_folder, find_subfolders
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.datasets.ham10000 import AGE_NOT_RECORDED
from data_modelling.datasets.table import (
    BENIGN,
    DatasetReport,
    checked_table,
    findings_report,
    join_groups,
    read_csv,
    read_pairs,
)
from data_modelling.inference import diagnoses
from data_modelling.inference.files.csv_table import RowFindings

FOLDER = "ISIC_2020"
GROUND_TRUTH_FILES = ("ISIC_2020_Training_GroundTruth.csv", "train.csv")  # the second is Kaggle's name
DUPLICATES = "ISIC_2020_Training_Duplicates.csv"
GROUND_TRUTH_COLUMNS = (
    "image_name",
    "patient_id",
    "sex",
    "age_approx",
    "anatom_site_general_challenge",
    "diagnosis",
    "benign_malignant",
)
# The last two are Kaggle's; `train` has DICOM files. Other external sources, such as PAD_UFES_20, have only `images`.
PHOTO_FOLDERS = ("images", "jpeg/train", "train")
CLASS_BY_LABEL = {"malignant": "melanoma", "benign": "benign"}  # all malignant rows are melanomas

# ISIC 2020's words for ISIC 2019's classes. Any other word means a benign lesion of another or an unknown class.
ISIC2019_CLASS_BY_DIAGNOSIS = {
    "melanoma": "MEL",
    "nevus": "NV",
    "seborrheic keratosis": "BKL",
    "lichenoid keratosis": "BKL",
    "solar lentigo": "BKL",
    "lentigo NOS": "BKL",
}


def load(data_root: Path | None = None, strict: bool = False) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table of ISIC 2020 with the classes melanoma and benign (see datasets.table), and the report.

    Raises InputError like the loaders of the other data sets.
    """
    root = find_dataset_folder(data_root, FOLDER, *GROUND_TRUTH_FILES)
    findings = RowFindings()
    rows = read_rows(root, findings)
    rows["diagnosis"] = rows["diagnosis"].map(CLASS_BY_LABEL).fillna(rows["diagnosis"])
    codes = diagnoses.class_codes("isic2020")
    return checked_table(rows, photo_paths(root, data_root), codes, (), strict, findings_report(findings))


def read_rows(root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
    """Return the rows of the csv as text, under the column names of the table; the photos are not read.

    A group is a patient, or several patients who share a photo with two ids. The diagnosis is `benign` or `malignant`.
    `named` is the diagnosis in words, such as `nevus`; mostly it is `unknown`. findings: see datasets.table.read_csv.
    """
    truth = read_csv(truth_file(root), GROUND_TRUTH_COLUMNS, "image_name", findings, numbers=("age_approx",))
    pairs = read_pairs(root / DUPLICATES, ("image_name_1", "image_name_2"))
    return pd.DataFrame(
        {
            "image_id": truth["image_name"],
            "diagnosis": truth["benign_malignant"],
            "group_id": join_groups(truth["image_name"], truth["patient_id"], pairs),
            "age": truth["age_approx"].mask(truth["age_approx"].isin(AGE_NOT_RECORDED), ""),
            "sex": truth["sex"],
            "site": truth["anatom_site_general_challenge"],
            "source": FOLDER,
            "confirmation": "",
            "named": truth["diagnosis"],
        }
    )


def map_to_isic2019_classes(named: pd.Series) -> pd.Series:
    """Return the class of ISIC 2019 for each of the csv's diagnoses, or `benign` if a diagnosis has no such class."""
    return named.map(ISIC2019_CLASS_BY_DIAGNOSIS).where(named.isin(list(ISIC2019_CLASS_BY_DIAGNOSIS)), BENIGN)


def photo_paths(root: Path, data_root: Path | None = None) -> dict[str, str]:
    """Return the path of each available photo by its id: the JPEG file if there are a JPEG and a DICOM file.

    The further photos in ISIC_2020_extra are included if that folder is in the data root.
    """
    paths: dict[str, str] = {}
    for folder in find_subfolders(root, PHOTO_FOLDERS):
        paths = find_photos([folder])[0] | paths
    return stored_photos.copies(data_root, stored_photos.ISIC_2020_EXTRA) | paths


def truth_file(root: Path) -> Path:
    """Return the path of the ground truth in `root`; its name is one of GROUND_TRUTH_FILES."""
    return next(root / name for name in GROUND_TRUTH_FILES if (root / name).is_file())
