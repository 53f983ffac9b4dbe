"""Defines the one table that every data set becomes, and the report of problems in the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.formats.photo_files import is_readable_photo
from data_modelling.inference import diagnoses
from data_modelling.inference.details import DETAIL_PARSERS, Details, encode_details
from data_modelling.inference.errors import FieldError, InputError
from data_modelling.inference.files.csv_table import RowFindings, shortened_list

# image_id: file name without ending. path: see formats.stored_photo. diagnosis: a class code of the task.
# group_id: photos that share it must be in the same part of a split. age: in years, NaN where missing.
# sex, site: as in inference.details, None where missing. source: name of the data set. confirmation: how the
# diagnosis was established; a model never sees it, because lesions confirmed by follow-up are always nevi.
TABLE_COLUMNS = ("image_id", "path", "diagnosis", "group_id", "age", "sex", "site", "source", "confirmation")
TEXT_COLUMNS = tuple(column for column in TABLE_COLUMNS if column != "path")
BENIGN = "benign"  # the diagnosis of a lesion that is only known to be benign


@dataclass(frozen=True)
class DatasetReport:
    """Lists the problems in the files; each entry is an image id, with the value if there is one."""

    rows_without_photo: tuple[str, ...] = ()
    photos_without_row: tuple[str, ...] = ()
    unknown_diagnoses: tuple[str, ...] = ()
    unreadable_photos: tuple[str, ...] = ()
    duplicate_ids: tuple[str, ...] = ()
    values_not_accepted: tuple[str, ...] = ()
    photos_not_in_split: tuple[str, ...] = ()
    repeated_rows: tuple[str, ...] = ()  # equal to an earlier row of the same id; only the earlier row counts
    contradictory_rows: tuple[str, ...] = ()  # different rows of one id; none of them is used
    unused_folders: tuple[str, ...] = ()  # their names are no class; with the number of their photos
    nested_folders: tuple[str, ...] = ()  # inside a class folder, with the number of their photos
    class_folders_without_photos: tuple[str, ...] = ()
    pictures_of_other_formats: tuple[str, ...] = ()  # in class folders; they are not read
    rows_without_details: tuple[str, ...] = ()  # the second csv file, which has the details, lacks them
    split_photos_gone: tuple[str, ...] = ()  # in the split, but without a photo

    def __bool__(self) -> bool:
        """Return whether there is anything to report."""
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        """Return one line for each kind of finding that occurs: its count and its first ten entries."""
        return "\n".join(
            f"{field.name.replace('_', ' ')}: {len(entries)} ({shortened_list(entries)})"
            for field in fields(self)
            if (entries := getattr(self, field.name))
        )


def merge_reports(first: DatasetReport, second: DatasetReport) -> DatasetReport:
    """Return one report with the entries of both."""
    return DatasetReport(
        *(getattr(first, field.name) + getattr(second, field.name) for field in fields(DatasetReport))
    )


def findings_report(findings: RowFindings) -> DatasetReport:
    """Return the findings in the rows of csv files as a report."""
    return DatasetReport(
        repeated_rows=tuple(findings.repeated),
        contradictory_rows=tuple(findings.contradictory),
        rows_without_details=tuple(findings.without_details),
    )


def raise_if_strict(report: DatasetReport, strict: bool) -> None:
    """Raise InputError with the report if it is not empty and `strict` is set."""
    if strict and report:
        raise InputError(f"The data set has problems; correct them or leave out --strict:\n{report}")


def checked_table(
    rows: pd.DataFrame,
    photos: Mapping[str, str],
    codes: Sequence[str],
    photos_twice: Sequence[str] = (),
    strict: bool = False,
    earlier: DatasetReport | None = None,
) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table of the rows that can be used, and the report on the others.

    rows: TABLE_COLUMNS without `path`, as text. photos: path by image id. photos_twice: ids with a second photo. earlier:
    earlier findings, such as those in the csv file. A row is left out if its diagnosis is not one of `codes`, if it has no
    photo, or if its photo cannot be opened. Equal rows of an id count once, and different rows of an id are left out. An
    age, sex or site that is not accepted is read as missing. The report has all of these.

    Raises InputError if no row is left, and with `strict` if there is anything to report.
    """
    # Rows of one id: equal ones count once, and different ones are left out.
    is_repeat = rows.duplicated()
    differs = rows.loc[~is_repeat & rows["image_id"].duplicated(), "image_id"]
    is_contradictory = rows["image_id"].isin(differs)
    found = DatasetReport(
        repeated_rows=tuple(rows.loc[is_repeat & ~is_contradictory, "image_id"]),
        contradictory_rows=tuple(rows.loc[is_contradictory, "image_id"]),
    )
    rows = rows[~(is_repeat | is_contradictory)]
    absent = ~rows["image_id"].isin(list(photos))
    unknown = ~rows["diagnosis"].isin(codes) & ~(absent & (rows["diagnosis"] == ""))
    usable = rows[~(unknown | absent)]
    paths = usable["image_id"].map(photos)
    unreadable = pd.Series([not is_readable_photo(path) for path in paths], index=usable.index, dtype=bool)
    usable = usable.assign(path=paths)[~unreadable].reset_index(drop=True)
    usable, not_accepted = _parse_details(usable)
    report = DatasetReport(
        rows_without_photo=tuple(rows.loc[absent, "image_id"]),
        photos_without_row=tuple(sorted(set(photos) - set(rows["image_id"]))),
        unknown_diagnoses=tuple(_entries(rows[unknown], "diagnosis")),
        unreadable_photos=tuple(rows.loc[unreadable.index[unreadable], "image_id"]),
        duplicate_ids=tuple(photos_twice),
        values_not_accepted=not_accepted,
    )
    report = merge_reports(merge_reports(earlier or DatasetReport(), found), report)
    if len(rows) and len(photos) and absent.all():
        ids, names = (shortened_list(map(repr, some), shown=3) for some in (rows["image_id"], sorted(photos)))
        raise InputError(
            f"No id of the csv belongs to a photo: the csv has {ids}, and the photos are named {names}."
        )
    raise_if_strict(report, strict)
    if usable.empty:
        raise InputError(f"No photo of the data set can be used:\n{report or 'there is none.'}")
    return usable[list(TABLE_COLUMNS)], report


def table_to_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return TEXT_COLUMNS of the table as text, which checked_table reads back to the same values."""
    rows = table[list(TEXT_COLUMNS)].astype(object)
    return rows.where(rows.notna(), "").astype(str)


def class_indices(column: pd.Series, task: str) -> NDArray[np.int64]:
    """Return the indices (N,) that a column of class codes has in the task's logits.

    A lesion that is only known to be benign has the index after the last class, if `benign` is no class of the task.
    """
    codes = diagnoses.class_codes(task)
    indices = {BENIGN: len(codes)} | {code: index for index, code in enumerate(codes)}
    return np.asarray(column.map(indices), np.int64)


def details_per_row(table: pd.DataFrame) -> list[Details]:
    """Return the patient details of each row of a table, None where missing."""
    columns = table[list(DETAIL_PARSERS)].astype(object)
    known = columns.where(columns.notna(), None)
    return [Details(*row) for row in known.itertuples(index=False)]


def encode_table(table: pd.DataFrame) -> NDArray[np.float32]:
    """Return the encoded details (N, DETAILS_WIDTH) of a table's rows; see inference.details."""
    return np.stack([encode_details(details) for details in details_per_row(table)])


def _parse_details(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the rows with parsed age, sex and site, and the values that were not accepted, as text."""
    rows = rows.copy()
    refused: list[str] = []
    for field, parse in DETAIL_PARSERS.items():
        # Many rows share few values, so each value is parsed once.
        parsed: dict[str, float | str | None] = {}
        for text in rows[field].unique():
            try:
                parsed[text] = parse(text)
            except FieldError:
                parsed[text] = None
                refused += _entries(rows[rows[field] == text], field)
        values = [parsed[text] for text in rows[field]]
        rows[field] = np.array(values, np.float64) if field == "age" else pd.Series(values, rows.index, "str")
    return rows, tuple(refused)


def _entries(rows: pd.DataFrame, column: str) -> list[str]:
    """Return a report's entries, such as `ISIC_0024306 age "abc"`."""
    return [f'{row.image_id} {column} "{getattr(row, column)}"' for row in rows.itertuples()]
