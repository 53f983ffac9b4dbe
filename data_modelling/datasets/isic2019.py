"""Reads ISIC 2019, training part: 25,331 photos of HAM10000, BCN20000, ISIC 2017, MSK and UDA in eight classes.

Tschandl et al. 2018, Sci Data 5:180161; Codella et al. 2018, arXiv:1710.05006; Combalia et al. 2019,
arXiv:1908.02288; CC BY-NC 4.0.

How the values of the csv files are read:
- The loader finds a photo by its id in the folders of ISIC 2019, HAM10000, ISIC 2017 and ISIC_2019_84px (small copies).
  Some ids end in `_downsampled`, because ISIC 2019 has these photos in a smaller size. Their files may also be named
  by the original id, without this ending. Rows without a photo are counted and left out.
- Age 0 means "not recorded". Most rows with age 0 come from HAM10000, where it means the same.
- No photo has the class UNK (unknown), so no network can learn it from examples (see inference.checks.rejection_score).
- `source` is the data set in which the photo was first published. A lesion id that begins with HAM or BCN means
  HAM10000 or BCN20000. Any other or no lesion id means ISIC 2017, or ISIC_MSK_UDA if ISIC 2017's csv lacks the photo.
"""

import contextlib
from pathlib import Path

import pandas as pd

from data_modelling.datasets import ham10000, isic2017, isic_msk_uda, stored_photos
from data_modelling.datasets.data_location import MissingDataError, find_dataset_folder, find_subfolders
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.datasets.table import (
    DOWNSAMPLED_SUFFIX,
    DatasetReport,
    checked_table,
    findings_report,
    join_groups,
    read_csv,
)
from data_modelling.inference import diagnoses
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings

FOLDER = "ISIC_2019"
GROUND_TRUTH_FILE = "ISIC_2019_Training_GroundTruth.csv"
METADATA = "ISIC_2019_Training_Metadata.csv"
DETAIL_COLUMNS = ("lesion_id", "age_approx", "sex", "anatom_site_general")
# The first folder is in the challenge's archive; the second one is made by hand.
PHOTO_FOLDERS = ("ISIC_2019_Training_Input", "images")
BCN = "BCN_20000"
SOURCE_BY_LESION_PREFIX = {"HAM": ham10000.FOLDER, "BCN": BCN}  # by the beginning of a lesion id
SOURCES = {*SOURCE_BY_LESION_PREFIX.values(), isic2017.FOLDER, isic_msk_uda.FOLDER}


def load(data_root: Path | None = None, strict: bool = False) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table of ISIC 2019 (see datasets.table) in the order of its csv, and the report of problems.

    Raises InputError if a csv file is absent or wrong, or if no photo can be used. With `strict`, any problem raises
    InputError.
    """
    root = find_dataset_folder(data_root, FOLDER, GROUND_TRUTH_FILE)
    findings = RowFindings()
    rows = read_rows(root, findings)
    photos, twice = _photos(root, data_root, rows["image_id"])
    rows["source"] = _sources(rows, data_root)
    codes = diagnoses.learned_class_codes("isic2019")
    return checked_table(rows, photos, codes, twice, strict, findings_report(findings))


def read_rows(root: Path, findings: RowFindings | None = None) -> pd.DataFrame:
    """Return the rows of the two csv files as text, under the column names of the table; the photos are not read.

    A group has all photos of a lesion, even those under another lesion id (the undeclared duplicates of HAM10000 and
    ISIC 2017). A photo with contradictory rows in one of the files is left out. A photo without details is a group by
    itself, unless it is such a duplicate. findings: see datasets.table.read_csv; it gets the photos without details.
    """
    truth = _truth(root / GROUND_TRUTH_FILE, findings)
    details, contradictory = _details(root / METADATA, findings)
    if not truth["image"].isin(details.index).any():
        raise InputError(
            f"No image of {root / GROUND_TRUTH_FILE} is in {root / METADATA}; get both files again."
        )
    truth = truth[~truth["image"].isin(contradictory)].reset_index(drop=True)
    if findings is not None:
        findings.without_details += truth["image"][~truth["image"].isin(details.index)].tolist()
    lesions, age, sex, site = (truth["image"].map(details[name]).fillna("") for name in DETAIL_COLUMNS)
    pairs = ham10000.undeclared_duplicates() + isic2017.undeclared_duplicates()
    return pd.DataFrame(
        {
            "image_id": truth["image"],
            "diagnosis": truth["diagnosis"],
            "group_id": join_groups(original_ids(truth["image"]), lesions, pairs),
            "age": age.mask(age.isin(ham10000.AGE_NOT_RECORDED), ""),
            "sex": sex,
            "site": site,
            "source": lesions.str[:3].map(SOURCE_BY_LESION_PREFIX).fillna(isic2017.FOLDER),
            "confirmation": "",
        }
    )


def _sources(rows: pd.DataFrame, data_root: Path | None) -> pd.Series:
    """Return the source of each row; ISIC_MSK_UDA replaces ISIC 2017 for photos that the csv of ISIC 2017 lacks."""
    try:
        root = find_dataset_folder(data_root, isic2017.FOLDER, isic2017.LABELS)
    except MissingDataError:
        return rows["source"]
    in_isic2017 = original_ids(rows["image_id"]).isin(
        read_csv(root / isic2017.LABELS, ("image",), ids=("image",))["image"]
    )
    return rows["source"].mask(rows["source"].eq(isic2017.FOLDER) & ~in_isic2017, isic_msk_uda.FOLDER)


def outline_paths(data_root: Path | None = None) -> dict[str, str]:
    """Return the paths of the outlines of HAM10000's lesions by image id, or {} if HAM10000 is absent."""
    try:
        return ham10000.outline_paths(data_root)
    except MissingDataError:
        return {}


def original_ids(image_ids: pd.Series) -> pd.Series:
    """Return the ids under which the photos were first published."""
    return image_ids.str.removesuffix(DOWNSAMPLED_SUFFIX)


def _details(path: Path, findings: RowFindings | None) -> tuple[pd.DataFrame, set[str]]:
    """Return DETAIL_COLUMNS by image id, and the image ids whose rows contradict each other."""
    columns = ("image", *DETAIL_COLUMNS)
    details = read_csv(path, columns, "image", findings, numbers=("age_approx",)).set_index("image")
    every_image = read_csv(path, ("image",), ids=("image",))["image"]
    return details, set(every_image) - set(details.index)


def _truth(path: Path, findings: RowFindings | None) -> pd.DataFrame:
    """Return the image id and the diagnosis of every row."""
    codes = list(diagnoses.class_codes("isic2019"))
    truth = read_csv(path, ("image", *codes), "image", findings, numbers=codes)
    one_hot = truth[codes].apply(pd.to_numeric, errors="coerce")
    is_right = one_hot.isin([0, 1]).all(axis=1) & (one_hot.sum(axis=1) == 1)
    if not is_right.all():
        raise InputError(
            f"{path}: each row must have 1 for one class and 0 for all others, but the row of "
            f"{truth['image'][~is_right].iloc[0]} does not; get the file again."
        )
    return pd.DataFrame({"image": truth["image"], "diagnosis": one_hot.idxmax(axis=1)})


def _photos(root: Path, data_root: Path | None, image_ids: pd.Series) -> tuple[dict[str, str], list[str]]:
    """Return the path of each photo by its id in ISIC 2019, and the ids that occur twice in ISIC 2019's own folders.

    If several data sets have copies of a photo, ISIC 2019's own file is used.
    """
    own, twice = find_photos(find_subfolders(root, PHOTO_FOLDERS))
    copies = stored_photos.copies(data_root, stored_photos.ISIC_2019_84PX)
    copies |= find_photos(_other_photo_folders(data_root))[0]  # full-size photos replace the small copies
    by_original = {stem.removesuffix(DOWNSAMPLED_SUFFIX): path for stem, path in (copies | own).items()}
    id_by_original = dict(zip(original_ids(image_ids), image_ids, strict=True))
    return {id_by_original.get(original, original): path for original, path in by_original.items()}, twice


def _other_photo_folders(data_root: Path | None) -> list[Path]:
    """Return the existing folders of HAM10000's and ISIC 2017's photos."""
    folders = []
    with contextlib.suppress(MissingDataError):
        folders += ham10000.photo_folders(find_dataset_folder(data_root, ham10000.FOLDER, *ham10000.METADATA))
    with contextlib.suppress(MissingDataError):
        root = find_dataset_folder(data_root, isic2017.FOLDER, isic2017.LABELS)
        folders += find_subfolders(root, (isic2017.PHOTO_FOLDER,))
    return folders
