"""ISIC 2017 challenge, training and validation part: 2,150 dermoscopic photos.

Codella et al. 2018, arXiv:1710.05006; CC-0. ISIC_2017_labels.csv joins the challenge's labels with the classes and
lesion ids of ISIC 2019. A lesion is known of 669 photos; each of the others is a group by itself.
"""

from pathlib import Path

import pandas as pd

from data_modelling.datasets.csv_files import read_csv, read_pairs
from data_modelling.datasets.groups import joined_groups

FOLDER = "ISIC_2017"
LABELS = "ISIC_2017_labels.csv"
PHOTOS = "images"
# Pairs that show one lesion though their lesion ids differ or are empty, most of them one photo published
# twice with other colours: found by correlating grey thumbnails and their gradients, each then looked at.
UNDECLARED_DUPLICATES = Path(__file__).with_name("isic2017_undeclared_duplicates.csv")


def read_rows(root: Path) -> pd.DataFrame:
    """image_id, group_id and diagnosis, as ISIC 2019 names it, of every row of the csv."""
    labels = read_csv(root / LABELS, ("image", "isic2019_class", "lesion_id"))
    groups = joined_groups(labels["image"], labels["lesion_id"], undeclared_duplicates())
    return pd.DataFrame(
        {"image_id": labels["image"], "group_id": groups, "diagnosis": labels["isic2019_class"]}
    )


def undeclared_duplicates() -> list[tuple[str, str]]:
    """The pairs of image ids that show one lesion though their lesion ids do not say so."""
    return read_pairs(UNDECLARED_DUPLICATES)
