"""Reads 93 dermoscopic photos of the collections MSK and UDA in the ISIC Archive; ISIC 2019 lists 23 of them too.

Codella et al. 2018, arXiv:1710.05006. The licence is CC-0 for photos of an ISIC challenge; else it is uncertain.
Photos that were stretched to 180 x 180 pixels are left out. Nearly all of these show melanomas, so a network would
learn the stretching instead of the lesion.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets.table import join_groups, read_csv
from data_modelling.inference.files.csv_table import RowFindings

FOLDER = "ISIC_MSK_UDA"
LABELS = "labels.csv"
DETAILS = ("age", "sex", "site")
MARKER = f"{FOLDER}/{LABELS}"  # the file that shows that the data set exists; see data_location
OWN_PROPORTIONS = "original aspect"  # how the column `geometry` begins for photos that were not stretched


def read_rows(root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
    """Return the rows of the photos that were not stretched, as text, under the column names of the table.

    The diagnosis is a class of ISIC 2019. findings: see datasets.table.read_csv.
    """
    columns = ("image", "label", "lesion_id", "geometry", *DETAILS)
    labels = read_csv(root / LABELS, columns, "image", findings, optional=DETAILS, numbers=("age",))
    labels = labels[labels["geometry"].str.startswith(OWN_PROPORTIONS)].reset_index(drop=True)
    groups = join_groups(labels["image"], labels["lesion_id"])
    rows = labels.rename(columns={"image": "image_id", "label": "diagnosis"})
    return rows.assign(group_id=groups, source=FOLDER, confirmation="").drop(
        columns=["lesion_id", "geometry"]
    )
