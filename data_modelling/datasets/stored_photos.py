"""Finds photos that are stored apart from the rest of their data set, in folders with a list of ids and diagnoses.

ISIC_2019_84px has photos of ISIC 2019 at 84 x 84 pixels; nearly all are from BCN20000 (Combalia et al. 2019,
arXiv:1908.02288). ISIC_2020_extra has further photos of ISIC 2020. The loaders of ISIC 2019 and ISIC 2020 take only
the photos from here. They take diagnoses, details and the split from the files of their own data set.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets.data_location import base_folder, find_subfolders
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.datasets.table import join_groups, read_csv
from data_modelling.inference.files.csv_table import RowFindings

ISIC_2019_84PX, ISIC_2020_EXTRA = "ISIC_2019_84px", "ISIC_2020_extra"
LABELS = "labels.csv"
PHOTO_FOLDER = "images"


def read_rows(root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
    """Return image_id, group_id and diagnosis of every row of the list.

    The diagnosis is "" if a photo is only known to be benign. findings: see datasets.table.read_csv.
    """
    labels = read_csv(root / LABELS, ("image", "label"), "image", findings)
    groups = join_groups(labels["image"], [""] * len(labels))
    return pd.DataFrame({"image_id": labels["image"], "group_id": groups, "diagnosis": labels["label"]})


def copies(data_root: Path | None, folder: str) -> dict[str, str]:
    """Return, by id, the paths of the photos in the data root's subfolder `folder`, or {} if the folder is absent."""
    return find_photos(find_subfolders(base_folder(data_root) / folder, (PHOTO_FOLDER,)))[0]
