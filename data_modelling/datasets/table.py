"""Reads the csv files of data sets; defines the table that every data set becomes, and the report of problems."""

import sys
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, fields
from functools import cache
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from data_modelling.datasets.formats.photo_files import is_readable_photo
from data_modelling.inference import diagnoses
from data_modelling.inference.details import DETAIL_PARSERS, NOT_KNOWN, Details, encode_details
from data_modelling.inference.errors import FieldError, InputError
from data_modelling.inference.files.csv_table import (
    RowFindings,
    distinct_rows,
    read_csv_table,
    shortened_list,
)

# image_id: file name without ending. path: see formats.stored_photo. diagnosis: a class code of the task, or BENIGN.
# group_id: photos that share it must be in the same part of a split. age: in years, NaN where missing.
# sex, site: as in inference.details, None where missing. source: name of the data set. confirmation: how the
# diagnosis was established; a model never sees it, as it hints at the diagnosis (follow-up always means nevus).
TABLE_COLUMNS = ("image_id", "path", "diagnosis", "group_id", "age", "sex", "site", "source", "confirmation")
TEXT_COLUMNS = tuple(column for column in TABLE_COLUMNS if column != "path")
BENIGN = "benign"  # the diagnosis of a lesion that is only known to be benign
# How a photo's id ends in ISIC 2019 if the photo was first published in a larger size.
DOWNSAMPLED_SUFFIX = "_downsampled"


@dataclass(frozen=True)
class DatasetReport:
    """Lists the problems in the files; each entry names an image or a folder, sometimes with a value or a count."""

    rows_without_photo: tuple[str, ...] = ()
    photos_without_row: tuple[str, ...] = ()
    unknown_diagnoses: tuple[str, ...] = ()
    unreadable_photos: tuple[str, ...] = ()
    duplicate_ids: tuple[str, ...] = ()
    values_not_accepted: tuple[str, ...] = ()
    photos_not_in_split: tuple[str, ...] = ()
    repeated_rows: tuple[str, ...] = ()  # equal to an earlier row of the same id; only the earlier row counts
    contradictory_rows: tuple[str, ...] = ()  # different rows of one id; none of them is used
    unused_folders: tuple[str, ...] = ()  # their photos are not used; each with the number of its photos
    nested_folders: tuple[str, ...] = ()  # they are inside a class folder; each with the number of its photos
    class_folders_without_photos: tuple[str, ...] = ()
    pictures_of_other_formats: tuple[str, ...] = ()  # unread pictures in class folders, counted by folder
    rows_without_details: tuple[str, ...] = ()  # photos of ISIC 2019 that its csv of details lacks
    split_photos_gone: tuple[str, ...] = ()  # ids that the split has, but that have no photo

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


def read_csv(
    path: Path,
    columns: Sequence[str],
    key: str = "",
    findings: RowFindings | None = None,
    *,
    optional: Sequence[str] = (),
    aliases: Mapping[str, Sequence[str]] | None = None,
    ids: Sequence[str] = (),
    numbers: Sequence[str] = (),
) -> pd.DataFrame:
    """Return the named columns of a csv file as text, without blanks around a cell; a missing cell is "".

    key: the column of image ids, which identify the rows; "" if rows may repeat. Equal rows of one id count once;
    different rows of one id are all left out. `findings` collects these ids; without `findings`, warnings on standard
    error name them. The other parameters are those of inference.files.csv_table.read_csv_table.

    Raises InputError when the file is absent, cannot be read, lacks a column or has no row.
    """
    if not path.exists():
        raise InputError(f"{path} is missing; DATA/README.md tells how to get it.")
    id_columns = (*ids, key) if key else ids
    table = read_csv_table(path, columns, optional=optional, aliases=aliases, ids=id_columns, numbers=numbers)
    if not len(table):
        raise InputError(f"{path} has no rows; get the file again, see DATA/README.md.")
    for note in table.notes:
        print_warning(note)
    frame = pd.DataFrame(table.columns, dtype="str")
    if not key:
        return frame
    indices, of_this_file = distinct_rows(table, key)
    if findings is None:
        for sentence in of_this_file.sentences():
            print_warning(f"{table.path}: {sentence}.")
    else:
        findings.repeated += of_this_file.repeated
        findings.contradictory += of_this_file.contradictory
    return frame if len(indices) == len(frame) else frame.iloc[indices].reset_index(drop=True)


def read_pairs(path: Path, columns: tuple[str, str] = ("image_id_1", "image_id_2")) -> list[tuple[str, str]]:
    """Return pairs of image ids that belong together, from two columns of a csv file; raises like read_csv."""
    return list(read_csv(path, columns, ids=columns).itertuples(index=False, name=None))


@cache
def print_warning(sentence: str) -> None:
    """Print a warning on standard error; each sentence is printed only once."""
    print(f"warning: {sentence}", file=sys.stderr)


def join_groups(
    image_ids: Iterable[str], keys: Iterable[str], pairs: Iterable[tuple[str, str]] = ()
) -> list[str]:
    """Return the group id of each photo.

    keys: the id of each photo's lesion or patient. A photo whose key is "" or "unknown" is its own group, unless a pair
    joins it to others. pairs: ids of photos that belong together despite their keys; they may name photos that are not
    in `image_ids`. The id of a group is its smallest key (as text), or its smallest image id if it has no key.
    """
    edges = [(("photo", first), ("photo", second)) for first, second in pairs]
    for image_id, key in zip(image_ids, keys, strict=True):
        photo = ("photo", image_id)
        edges.append((photo, photo if key.strip().lower() in NOT_KNOWN else ("key", key)))
    # Photos and keys are nodes of a graph. As "key" sorts before "photo", the first node of a group gives its id.
    nodes = sorted({node for edge in edges for node in edge})
    index = {node: number for number, node in enumerate(nodes)}
    ends = np.array([(index[first], index[second]) for first, second in edges], int).reshape(-1, 2).T
    graph = coo_array((np.ones(len(edges)), ends), shape=(len(nodes), len(nodes)))
    _, groups = connected_components(graph, directed=False)
    _, first_nodes = np.unique(groups, return_index=True)
    return [nodes[first_nodes[groups[index["photo", image_id]]]][1] for image_id in image_ids]


def checked_table(
    rows: pd.DataFrame,
    photos: Mapping[str, str],
    codes: Sequence[str],
    photos_twice: Sequence[str] = (),
    strict: bool = False,
    earlier: DatasetReport | None = None,
) -> tuple[pd.DataFrame, DatasetReport]:
    """Return the table of the rows that can be used, and the report on the others.

    rows: TABLE_COLUMNS without `path`, as text. photos: path by image id. photos_twice: ids with a second photo.
    earlier: the report of problems that are already known, such as those of the csv file; the returned report includes
    them. A row is left out if its diagnosis is not one of `codes`, if it has no photo, or if its photo cannot be
    opened. Equal rows of an id count once; different rows of an id are all left out. An age, sex or site that is not
    accepted is read as missing. The report lists all these cases.

    Raises InputError if no row is left, and with `strict` if there is anything to report.
    """
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
    """Return, for each class code of a column, its index among the task's logits, (N,).

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
