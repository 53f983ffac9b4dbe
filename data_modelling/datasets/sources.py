"""The data sets at hand, as far as a split needs them: id, group and class of every row of their csv."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_modelling.datasets import ham10000, isic2017, isic2019, isic2020
from data_modelling.datasets.csv_files import read_csv
from data_modelling.datasets.groups import joined_groups

PAD_UFES_20_LABELS = ("labels.csv", "metadata.csv")  # the second is the official name


@dataclass(frozen=True)
class Source:
    """A data set that is split.

    name: of the split's file. folder, markers: where it is found (see datasets.roots). read: from its
    folder to the columns image_id, group_id, diagnosis. locked_test: whether the split has one. inherits:
    names of the splits whose photos keep their part.
    """

    name: str
    folder: str
    markers: tuple[str, ...]
    read: Callable[[Path], pd.DataFrame]
    locked_test: bool = True
    inherits: tuple[str, ...] = ()


def _needed(read_rows: Callable[[Path], pd.DataFrame]) -> Callable[[Path], pd.DataFrame]:
    """Of a data set's rows what a split needs."""
    return lambda root: read_rows(root)[["image_id", "group_id", "diagnosis"]]


def _pad_ufes_20(root: Path) -> pd.DataFrame:
    """Groups by patient; the id is the file name without ending."""
    path = next(root / name for name in PAD_UFES_20_LABELS if (root / name).is_file())
    labels = read_csv(path, ("img_id", "patient_id", "diagnostic"))
    image_ids = labels["img_id"].str.removesuffix(".png")
    groups = joined_groups(image_ids, labels["patient_id"])
    return pd.DataFrame({"image_id": image_ids, "group_id": groups, "diagnosis": labels["diagnostic"]})


# In this order: a set that inherits comes after those that it inherits from.
SOURCES = (
    Source("ham10000", ham10000.FOLDER, ham10000.METADATA, _needed(ham10000.read_rows)),
    Source("isic2017", isic2017.FOLDER, (isic2017.LABELS,), isic2017.read_rows),
    Source(
        "isic2019",
        isic2019.FOLDER,
        (isic2019.TRUTH,),
        _needed(isic2019.read_rows),
        inherits=("ham10000", "isic2017"),
    ),
    # Its test part is Kaggle's; with 584 malignant photos a part of our own would cost too many.
    Source("isic2020", isic2020.FOLDER, isic2020.TRUTH, _needed(isic2020.read_rows), locked_test=False),
    Source("pad_ufes_20", "PAD_UFES_20", PAD_UFES_20_LABELS, _pad_ufes_20),
)
