"""Reads labelled photos of external sources (data sets other than the model's own), for evaluation or training.

Diagnoses are classes of ISIC 2019; its actinic keratosis (AK) and squamous cell carcinoma (SCC) are one class in
HAM10000. A lesion that is only known to be benign has the diagnosis `benign`. Photos of a locked test, which only the
final evaluation may use, are never included.
"""

import hashlib
from dataclasses import replace
from pathlib import Path

import pandas as pd

from data_modelling.datasets.data_location import find_dataset_folder, find_subfolders
from data_modelling.datasets.formats.photo_files import find_photos
from data_modelling.datasets.isic2020 import PHOTO_FOLDERS
from data_modelling.datasets.registry import DataSet
from data_modelling.datasets.splits.assignment import TEST, attach_known_parts, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.datasets.table import BENIGN, DatasetReport, checked_table, findings_report
from data_modelling.inference.diagnoses import TASKS, Flag, class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings

FINE = {diagnosis.code: diagnosis.flag for diagnosis in TASKS["isic2019"]}  # flag, such as cancer, by code
MERGED_CLASSES = {"AK": "AKIEC", "SCC": "AKIEC"}  # two classes of ISIC 2019 are one class of HAM10000


def load(
    source: DataSet, data_root: Path | None, splits: Path, to_train: bool = False
) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the photos of a source, without its locked test, as one table (see datasets.table), and the report.

    to_train: whether the photos train a network. If so, the source's finest diagnoses are used, and the number of
    `benign` photos has no limit (see registry.ExternalSource). Photos that the split lacks are reported and left out.
    Raises MissingDataError if the source is absent, and InputError like the loaders of the data sets.
    """
    if (external := source.external) is None:
        raise InputError(
            f"{source.name} cannot be read beside another data set, because its record in the registry has no field `external`."
        )
    root = find_dataset_folder(data_root, source.folder, *source.markers)
    photos, twice = find_photos(find_subfolders(root, PHOTO_FOLDERS)[:1])
    findings = RowFindings()
    rows = source.read_rows(root, findings)
    if to_train and external.finer_diagnoses:
        rows["diagnosis"] = external.finer_diagnoses(rows)
    rows["diagnosis"] = rows["diagnosis"].replace(dict(external.diagnoses))
    # A source may be incomplete, so rows without a photo are not reported.
    rows = rows[rows["image_id"].isin(list(photos))]
    rows, not_in_split = attach_known_parts(rows, read_split(split_file(splits, source.name)))
    rows = rows[rows["part"] != TEST]
    rows = rows if to_train else _limit_benign(rows, external.benign_at_most)
    paths = {image_id: photos[image_id] for image_id in rows["image_id"]}
    table, report = checked_table(rows, paths, (*FINE, BENIGN), twice, earlier=findings_report(findings))
    return table, replace(report, photos_not_in_split=not_in_split)


def flag(diagnosis: str) -> Flag:
    """Return the flag, such as cancer, of a diagnosis in the table that `load` returns."""
    return "benign" if diagnosis == BENIGN else FINE[diagnosis]


def class_of(diagnosis: str, task: str) -> int:
    """Return the index of a diagnosis among a task's classes, or -1 if no class fits, as for `benign` in ham10000."""
    codes = class_codes(task)
    code = diagnosis if diagnosis in codes else MERGED_CLASSES.get(diagnosis)
    return codes.index(code) if code in codes else -1


def _limit_benign(rows: pd.DataFrame, benign_at_most: int | None) -> pd.DataFrame:
    """Return the rows with at most `benign_at_most` benign photos (None: all), chosen by a hash of their ids."""
    benign = rows.loc[rows["diagnosis"] == BENIGN, "image_id"]
    if benign_at_most is None or len(benign) <= benign_at_most:
        return rows
    by_draw = sorted(benign, key=lambda image_id: hashlib.sha256(image_id.encode()).digest())
    return rows[~rows["image_id"].isin(by_draw[benign_at_most:])]
