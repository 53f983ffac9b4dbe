"""ISIC 2019 and ISIC 2020 together, in ISIC 2019's classes: what the nine-class target for melanoma is trained on.

Of most benign lesions of ISIC 2020 no more is known than that (27,124 rows say `unknown`): their diagnosis is
`benign`, which stands for any of the benign classes (see training.loss).
"""

from dataclasses import fields
from pathlib import Path

import pandas as pd

from data_modelling.datasets import isic2019, isic2020
from data_modelling.datasets.roots import find_root
from data_modelling.datasets.table import BENIGN, Report, checked_table
from data_modelling.inference import diagnoses


def load(data_root: Path | None = None, strict: bool = False) -> tuple[pd.DataFrame, Report]:
    """Both as the one table (see datasets.table), ISIC 2019 first, and the report on both; InputError as they."""
    table, report = isic2019.load(data_root, strict)
    root = find_root(data_root, isic2020.FOLDER, *isic2020.TRUTH)
    rows = isic2020.read_rows(root)
    rows["diagnosis"] = isic2020.in_classes_of_2019(rows["named"])
    codes = (*diagnoses.learned("isic2019"), BENIGN)
    more, further = checked_table(rows, isic2020.photos(root), codes, (), strict)
    return pd.concat([table, more], ignore_index=True), _together(report, further)


def _together(one: Report, other: Report) -> Report:
    return Report(*(getattr(one, field.name) + getattr(other, field.name) for field in fields(Report)))
