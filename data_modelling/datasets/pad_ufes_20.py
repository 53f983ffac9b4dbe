"""Reads PAD-UFES-20: phone photos of a dermatological aid programme in Espírito Santo, Brazil.

Pacheco et al. 2020, doi:10.1016/j.dib.2020.106221; CC BY 4.0. The photos are not dermoscopic.
"""

from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets.table import join_groups, read_csv
from data_modelling.inference.files.csv_table import RowFindings

FOLDER = "PAD_UFES_20"
LABELS = ("labels.csv", "metadata.csv")  # the second is the official name
SKIN_TYPE = "fitspatrick"  # as the published csv spells it
SKIN_TYPES = ("I", "II", "III", "IV", "V", "VI")  # Fitzpatrick's types, known for about 60 % of the photos
DIAGNOSES = {"ACK": "AK", "NEV": "NV", "SEK": "BKL"}  # PAD-UFES-20's codes and ISIC 2019's, where they differ
SITES = {
    "arm": "upper extremity",
    "forearm": "upper extremity",
    "thigh": "lower extremity",
    "nose": "head/neck",
    "lip": "head/neck",
}  # for each site that only PAD-UFES-20 names, the name in the other data sets


def read_rows(root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
    """Return the rows of the csv as text, under the column names of datasets.table; the photos are not read.

    The image id is the file name without ending, and a group is a patient. findings: see datasets.table.read_csv.
    """
    details = ("age", "gender", "region")
    columns = ("img_id", "patient_id", "diagnostic", *details)
    labels = read_csv(_labels_path(root), columns, "img_id", findings, optional=details, numbers=("age",))
    return pd.DataFrame(
        {
            "image_id": labels["img_id"],
            "diagnosis": labels["diagnostic"],
            "group_id": join_groups(labels["img_id"], labels["patient_id"]),
            "age": labels["age"],
            "sex": labels["gender"],
            "site": labels["region"].str.lower().replace(SITES),
            "source": FOLDER,
            "confirmation": "",
        }
    )


def read_confirmations(root: Path) -> pd.Series:
    """Return, by image_id, "histopathology" if there was a biopsy, else "consensus" (of dermatologists)."""
    labels = read_csv(_labels_path(root), ("img_id", "biopsed"), "img_id", RowFindings())
    biopsied = (labels["biopsed"].str.lower() == "true").to_numpy()
    return pd.Series(np.where(biopsied, "histopathology", "consensus"), labels["img_id"])


def read_skin_types(root: Path) -> pd.Series:
    """Return the patient's Fitzpatrick type (I to VI) by image_id, or "" if the type is not known."""
    columns = ("img_id", SKIN_TYPE)
    labels = read_csv(_labels_path(root), columns, "img_id", RowFindings(), optional=(SKIN_TYPE,))
    numbers = pd.to_numeric(labels[SKIN_TYPE], errors="coerce")
    return numbers.map(dict(enumerate(SKIN_TYPES, 1))).fillna("").set_axis(labels["img_id"])


def _labels_path(root: Path) -> Path:
    return next(root / name for name in LABELS if (root / name).is_file())
