"""The data sets at hand, as far as a split needs them: id, group and class of every row of their csv."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pandas as pd

from data_modelling.datasets import ham10000
from data_modelling.datasets.csv_files import read_csv
from data_modelling.datasets.groups import joined_groups
from data_modelling.inference import diagnoses
from data_modelling.inference.errors import InputError

ISIC_2017_LABELS = "ISIC_2017_labels.csv"
ISIC_2019_TRUTH = "ISIC_2019_Training_GroundTruth.csv"
ISIC_2019_METADATA = "ISIC_2019_Training_Metadata.csv"
ISIC_2020_TRUTH = "ISIC_2020_Training_GroundTruth.csv"
ISIC_2020_DUPLICATES = "ISIC_2020_Training_Duplicates.csv"
PAD_UFES_20_LABELS = ("labels.csv", "metadata.csv")  # the second is the official name
# Pairs that show one lesion though their lesion ids differ or are empty, most of them one photo published
# twice with other colours: found by correlating grey thumbnails and their gradients, each then looked at.
ISIC_2017_UNDECLARED_DUPLICATES = Path(__file__).with_name("isic2017_undeclared_duplicates.csv")
DOWNSAMPLED = "_downsampled"  # ISIC 2019's suffix for a photo that was published larger before


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


def _ham10000(root: Path) -> pd.DataFrame:
    return ham10000.read_rows(root)[["image_id", "group_id", "diagnosis"]]


def _isic2017(root: Path) -> pd.DataFrame:
    """Groups by lesion where it is known (669 of 2,150 photos), else the photo alone."""
    labels = read_csv(root / ISIC_2017_LABELS, ("image", "isic2019_class", "lesion_id"))
    groups = joined_groups(labels["image"], labels["lesion_id"], _pairs(ISIC_2017_UNDECLARED_DUPLICATES))
    return _rows(labels["image"], groups, labels["isic2019_class"])


def _isic2019(root: Path) -> pd.DataFrame:
    """Groups by lesion; undeclared duplicates are joined as in the sets from which the photos come."""
    codes = diagnoses.codes("isic2019")
    path = root / ISIC_2019_TRUTH
    truth = read_csv(path, ("image", *codes))
    one_hot = truth[list(codes)].apply(pd.to_numeric, errors="coerce")
    if not (one_hot.isin([0, 1]).to_numpy().all() and (one_hot.sum(axis=1) == 1).all()):
        raise InputError(f"{path} has a row whose classes are not one 1 and else 0; get the file again.")
    metadata = read_csv(root / ISIC_2019_METADATA, ("image", "lesion_id")).set_index("image")
    lesions = truth["image"].map(metadata["lesion_id"]).fillna("")
    pairs = ham10000.undeclared_duplicates() + _pairs(ISIC_2017_UNDECLARED_DUPLICATES)
    groups = joined_groups(original_ids(truth["image"]), lesions, pairs)
    return _rows(truth["image"], groups, one_hot.idxmax(axis=1))


def _isic2020(root: Path) -> pd.DataFrame:
    """Groups by patient; classes benign and malignant."""
    truth = read_csv(root / ISIC_2020_TRUTH, ("image_name", "patient_id", "benign_malignant"))
    pairs = _pairs(root / ISIC_2020_DUPLICATES, ("image_name_1", "image_name_2"))
    groups = joined_groups(truth["image_name"], truth["patient_id"], pairs)
    return _rows(truth["image_name"], groups, truth["benign_malignant"])


def _pad_ufes_20(root: Path) -> pd.DataFrame:
    """Groups by patient; the id is the file name without ending."""
    path = next(root / name for name in PAD_UFES_20_LABELS if (root / name).is_file())
    labels = read_csv(path, ("img_id", "patient_id", "diagnostic"))
    image_ids = labels["img_id"].str.removesuffix(".png")
    return _rows(image_ids, joined_groups(image_ids, labels["patient_id"]), labels["diagnostic"])


def _rows(image_ids: pd.Series, groups: list[str], classes: pd.Series) -> pd.DataFrame:
    return pd.DataFrame({"image_id": image_ids, "group_id": groups, "diagnosis": classes})


def _pairs(path: Path, columns: tuple[str, str] = ("image_id_1", "image_id_2")) -> list[tuple[str, str]]:
    return list(read_csv(path, columns).itertuples(index=False, name=None))


def original_ids(image_ids: pd.Series) -> pd.Series:
    """The ids under which ISIC 2019's photos were published before."""
    return image_ids.str.removesuffix(DOWNSAMPLED)


# In this order: a set that inherits comes after those that it inherits from.
SOURCES = (
    Source("ham10000", ham10000.FOLDER, ham10000.METADATA, _ham10000),
    Source("isic2017", "ISIC_2017", (ISIC_2017_LABELS,), _isic2017),
    Source("isic2019", "ISIC_2019", (ISIC_2019_TRUTH,), _isic2019, inherits=("ham10000", "isic2017")),
    # Its test part is Kaggle's; with 584 malignant photos a part of our own would cost too many.
    Source("isic2020", "ISIC_2020", (ISIC_2020_TRUTH,), _isic2020, locked_test=False),
    Source("pad_ufes_20", "PAD_UFES_20", PAD_UFES_20_LABELS, _pad_ufes_20),
)
