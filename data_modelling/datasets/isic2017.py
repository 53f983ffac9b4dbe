"""Reads the diagnoses and details of the 2,150 dermoscopic photos in ISIC 2017's training and validation parts.

Codella et al. 2018, arXiv:1710.05006; CC-0. The diagnoses are in ISIC_2017_labels.csv, which is not a published file:
datasets.download.isic2017_labels makes it from the csv files of ISIC 2019. Only 669 photos have a lesion id. Each
other photo is a group by itself, unless it is in one of the pairs in UNDECLARED_DUPLICATES.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets.table import join_groups, read_csv, read_pairs
from data_modelling.inference.files.csv_table import RowFindings

FOLDER = "ISIC_2017"
LABELS = "ISIC_2017_labels.csv"
PHOTO_FOLDER = "images"
DETAILS = ("age", "sex", "site")
# Pairs of photos of one lesion with different or empty lesion ids. Most pairs are one photo in two colour versions.
# We found the pairs by correlating grey thumbnails and gradients, and checked them by eye.
UNDECLARED_DUPLICATES = Path(__file__).with_name("isic2017_undeclared_duplicates.csv")


def read_rows(root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
    """Return the rows of the csv as text, under the column names of the table; the photos are not read.

    The diagnosis is a class of ISIC 2019. findings: see datasets.table.read_csv.
    """
    columns = ("image", "isic2019_class", "lesion_id", *DETAILS)
    labels = read_csv(root / LABELS, columns, "image", findings, optional=DETAILS, numbers=("age",))
    groups = join_groups(labels["image"], labels["lesion_id"], undeclared_duplicates())
    rows = labels.rename(columns={"image": "image_id", "isic2019_class": "diagnosis"})
    return rows.assign(group_id=groups, source=FOLDER, confirmation="").drop(columns="lesion_id")


def read_confirmations(root: Path) -> pd.Series:
    """Return how the diagnosis of each photo was confirmed, by image_id (Codella et al. 2018, section 2.1).

    All melanomas were confirmed by histopathology; for the other photos, the way of confirming is not on record.
    """
    rows = read_rows(root)
    is_melanoma = (rows["diagnosis"] == "MEL").to_numpy()
    return pd.Series(np.where(is_melanoma, "histopathology", "not_on_record"), rows["image_id"])


def undeclared_duplicates() -> list[tuple[str, str]]:
    """Return pairs of image ids; both photos of a pair show one lesion although their lesion ids do not say so."""
    return read_pairs(UNDECLARED_DUPLICATES)
