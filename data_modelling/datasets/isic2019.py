"""ISIC 2019 challenge, training part: 25,331 dermoscopic photos of HAM10000, BCN20000 and ISIC 2017 in eight classes.

Tschandl et al. 2018, Sci Data 5:180161; Codella et al. 2018, arXiv:1710.05006; Combalia et al. 2019,
arXiv:1908.02288; CC BY-NC 4.0.

How its values are read:
- A photo is found by its id wherever it lies: in ISIC 2019's own folder, in HAM10000's and in ISIC 2017's, under
  the id that it was published under before as well, which has no `_downsampled` at its end. Rows without a photo
  are counted and left out.
- Age 0 is missing, as in HAM10000, from which these rows come.
- UNK has no photo: nobody can learn it from examples (see inference.unknown).
- `source` is the set in which a photo was published first, as its lesion id tells; a lesion id that is empty or
  `MSK...` is of the photos of ISIC 2017.
"""

import contextlib
from pathlib import Path

import pandas as pd

from data_modelling.datasets import ham10000, isic2017
from data_modelling.datasets.csv_files import read_csv
from data_modelling.datasets.groups import joined_groups
from data_modelling.datasets.photo_files import photos_in
from data_modelling.datasets.roots import MissingDataError, find_root
from data_modelling.datasets.table import Report, checked_table
from data_modelling.inference import diagnoses
from data_modelling.inference.errors import InputError

FOLDER = "ISIC_2019"
TRUTH = "ISIC_2019_Training_GroundTruth.csv"
METADATA = "ISIC_2019_Training_Metadata.csv"
DETAILS = ("lesion_id", "age_approx", "sex", "anatom_site_general")
PHOTOS = ("ISIC_2019_Training_Input", "images")  # as the challenge's archive has it, or by hand
DOWNSAMPLED = "_downsampled"  # suffix of a photo that was published larger before
SOURCES = {"HAM": ham10000.FOLDER, "BCN": "BCN_20000"}  # by the beginning of a lesion id


def load(data_root: Path | None = None, strict: bool = False) -> tuple[pd.DataFrame, Report]:
    """ISIC 2019 as the one table (see datasets.table), in the order of its csv, and the report.

    Raises InputError when the csv files are not there or wrong, no photo can be used, or, with `strict`, when
    there is anything to report.
    """
    root = find_root(data_root, FOLDER, TRUTH)
    rows = read_rows(root)
    photos, twice = _photos(root, data_root, rows["image_id"])
    return checked_table(rows, photos, diagnoses.learned("isic2019"), twice, strict)


def read_rows(root: Path) -> pd.DataFrame:
    """The rows of the two csv files under the names of the one table, as text; the photos are not looked at.

    Groups by lesion; undeclared duplicates are joined as in the sets from which the photos come.
    """
    truth = _truth(root / TRUTH)
    details = read_csv(root / METADATA, ("image", *DETAILS)).drop_duplicates("image").set_index("image")
    lesions, age, sex, site = (truth["image"].map(details[name]).fillna("") for name in DETAILS)
    pairs = ham10000.undeclared_duplicates() + isic2017.undeclared_duplicates()
    return pd.DataFrame(
        {
            "image_id": truth["image"],
            "diagnosis": truth["diagnosis"],
            "group_id": joined_groups(original_ids(truth["image"]), lesions, pairs),
            "age": age.mask(age.isin(ham10000.AGE_NOT_RECORDED), ""),
            "sex": sex,
            "site": site,
            "source": lesions.str[:3].map(SOURCES).fillna(isic2017.FOLDER),
            "confirmation": "",
        }
    )


def outlines(data_root: Path | None = None) -> dict[str, str]:
    """Paths of the outlines of HAM10000's lesions, whose photos have the same ids here; none when it is not there."""
    try:
        return ham10000.outlines(data_root)
    except MissingDataError:
        return {}


def original_ids(image_ids: pd.Series) -> pd.Series:
    """The ids under which the photos were published before."""
    return image_ids.str.removesuffix(DOWNSAMPLED)


def _truth(path: Path) -> pd.DataFrame:
    """Image and diagnosis of every row."""
    codes = list(diagnoses.codes("isic2019"))
    truth = read_csv(path, ("image", *codes))
    one_hot = truth[codes].apply(pd.to_numeric, errors="coerce")
    if not (one_hot.isin([0, 1]).to_numpy().all() and (one_hot.sum(axis=1) == 1).all()):
        raise InputError(f"{path} has a row whose classes are not one 1 and else 0; get the file again.")
    return pd.DataFrame({"image": truth["image"], "diagnosis": one_hot.idxmax(axis=1)})


def _photos(root: Path, data_root: Path | None, image_ids: pd.Series) -> tuple[dict[str, str], list[str]]:
    """Path of each photo by its id here, and the ids that ISIC 2019's own folders have twice.

    A photo that several data sets have is taken from the first: they are copies of one.
    """
    own, twice = photos_in([root / name for name in PHOTOS if (root / name).is_dir()])
    others, _ = photos_in(_folders_of_others(data_root))
    by_original = {stem.removesuffix(DOWNSAMPLED): path for stem, path in (others | own).items()}
    named = dict(zip(original_ids(image_ids), image_ids, strict=True))
    return {named.get(original, original): path for original, path in by_original.items()}, twice


def _folders_of_others(data_root: Path | None) -> list[Path]:
    """The folders of HAM10000's and ISIC 2017's photos that are there."""
    folders = []
    with contextlib.suppress(MissingDataError):
        folders += ham10000.photo_folders(find_root(data_root, ham10000.FOLDER, *ham10000.METADATA))
    with contextlib.suppress(MissingDataError):
        folders.append(find_root(data_root, isic2017.FOLDER, isic2017.LABELS) / isic2017.PHOTOS)
    return [folder for folder in folders if folder.is_dir()]
