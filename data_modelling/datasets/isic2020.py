"""ISIC 2020 challenge (SIIM), training part: 33,126 dermoscopic photos of 2,056 patients, 584 of them melanomas.

Rotemberg et al. 2021, doi:10.34970/2020-ds01; CC BY-NC 4.0. The csv is read as the challenge or Kaggle gives it.

A group is a patient; the 425 pairs of one photo under two ids, which the challenge published later, are joined.
Age 0 (two rows) is missing, as in the other sets. Rows without a photo are counted and left out.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets.csv_files import read_csv, read_pairs
from data_modelling.datasets.groups import joined_groups
from data_modelling.datasets.ham10000 import AGE_NOT_RECORDED
from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.roots import find_root
from data_modelling.datasets.table import BENIGN, Report, checked_table
from data_modelling.inference import diagnoses

FOLDER = "ISIC_2020"
TRUTH = ("ISIC_2020_Training_GroundTruth.csv", "train.csv")  # the second is Kaggle's name
DUPLICATES = "ISIC_2020_Training_Duplicates.csv"
COLUMNS = (
    "image_name",
    "patient_id",
    "sex",
    "age_approx",
    "anatom_site_general_challenge",
    "diagnosis",
    "benign_malignant",
)
PHOTOS = ("images", "jpeg/train", "train")  # by hand; Kaggle's, of which `train` holds DICOM files
CLASSES = {"malignant": "melanoma", "benign": "benign"}  # all malignant rows are melanomas

# ISIC 2020's words for the classes of ISIC 2019; the rest are benign lesions of no class or of an unknown one.
CLASSES_OF_2019 = {
    "melanoma": "MEL",
    "nevus": "NV",
    "seborrheic keratosis": "BKL",
    "lichenoid keratosis": "BKL",
    "solar lentigo": "BKL",
    "lentigo NOS": "BKL",
}


def load(data_root: Path | None = None, strict: bool = False) -> tuple[pd.DataFrame, Report]:
    """ISIC 2020 as the one table (see datasets.table) with the classes melanoma and benign, and the report.

    Raises InputError as the loaders of the other data sets do.
    """
    root = find_root(data_root, FOLDER, *TRUTH)
    rows = read_rows(root)
    rows["diagnosis"] = rows["diagnosis"].map(CLASSES).fillna(rows["diagnosis"])
    return checked_table(rows, photos(root), diagnoses.codes("isic2020"), (), strict)


def read_rows(root: Path) -> pd.DataFrame:
    """The csv's rows under the names of the one table, as text; the photos are not looked at.

    Groups by patient, the duplicate pairs joined. The diagnosis is `benign` or `malignant`; what the csv says more
    of a benign lesion is in `named`: `nevus`, `seborrheic keratosis`, ..., mostly `unknown`.
    """
    truth = read_csv(truth_file(root), COLUMNS)
    pairs = read_pairs(root / DUPLICATES, ("image_name_1", "image_name_2"))
    return pd.DataFrame(
        {
            "image_id": truth["image_name"],
            "diagnosis": truth["benign_malignant"],
            "group_id": joined_groups(truth["image_name"], truth["patient_id"], pairs),
            "age": truth["age_approx"].mask(truth["age_approx"].isin(AGE_NOT_RECORDED), ""),
            "sex": truth["sex"],
            "site": truth["anatom_site_general_challenge"],
            "source": FOLDER,
            "confirmation": "",
            "named": truth["diagnosis"],
        }
    )


def in_classes_of_2019(named: pd.Series) -> pd.Series:
    """The csv's diagnoses as classes of ISIC 2019; `benign` for lesions of none of them or of which no more is known."""
    return named.map(CLASSES_OF_2019).where(named.isin(list(CLASSES_OF_2019)), BENIGN)


def photos(root: Path) -> dict[str, str]:
    """Path of each photo at hand by its id; of one that is there as JPEG and as DICOM, the JPEG."""
    found: dict[str, str] = {}
    for name in PHOTOS:
        if (root / name).is_dir():
            found = photos_in([root / name])[0] | found
    return found


def truth_file(root: Path) -> Path:
    """The csv under the name that it has there."""
    return next(root / name for name in TRUTH if (root / name).is_file())
