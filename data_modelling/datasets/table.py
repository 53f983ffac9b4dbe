"""The one table that every data set becomes, and the report of what was wrong with the files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.photo_files import opens
from data_modelling.inference import diagnoses
from data_modelling.inference.details import PARSERS, Details, encode
from data_modelling.inference.errors import FieldError, InputError

# image_id: file name without ending. path: of the photo. diagnosis: a class code of the task.
# group_id: photos that share it must not stand on two sides of a split. age: years, NaN where missing.
# sex, site: as in inference.details, None where missing. source: name of the data set.
# confirmation: how the diagnosis was found; never a model's input, since follow-up means nevus.
COLUMNS = (
    "image_id",
    "path",
    "diagnosis",
    "group_id",
    "age",
    "sex",
    "site",
    "source",
    "confirmation",
)
BENIGN = "benign"  # a diagnosis where no more is known
NAMED = 10  # how many of each finding a report names


@dataclass(frozen=True)
class Report:
    """What was found wrong; each entry is an image id, with the value where there is one."""

    rows_without_photo: tuple[str, ...] = ()
    photos_without_row: tuple[str, ...] = ()
    unknown_diagnoses: tuple[str, ...] = ()
    unreadable_photos: tuple[str, ...] = ()
    duplicate_ids: tuple[str, ...] = ()
    values_not_accepted: tuple[str, ...] = ()
    photos_not_in_split: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """True when anything was found."""
        return any(getattr(self, field.name) for field in fields(self))

    def __str__(self) -> str:
        """A line for each kind of finding that occurs: its count and its first ten entries."""
        lines = []
        for field in fields(self):
            entries = getattr(self, field.name)
            if entries:
                more = ", ..." if len(entries) > NAMED else ""
                lines.append(
                    f"{field.name.replace('_', ' ')}: {len(entries)} ({', '.join(entries[:NAMED])}{more})"
                )
        return "\n".join(lines)


def checked_table(
    rows: pd.DataFrame,
    photos: Mapping[str, str],
    codes: Sequence[str],
    photos_twice: Sequence[str] = (),
    strict: bool = False,
) -> tuple[pd.DataFrame, Report]:
    """The table of those rows that can be used, and the report on the others.

    rows: COLUMNS without `path`, as text; a diagnosis that is not one of `codes` is reported and left out,
    as are a second row of an id, rows without a photo and photos that do not open. An age, sex or site that
    is not accepted is reported and read as missing. photos: path by image id. photos_twice: ids with a
    second photo.

    Raises InputError when no row is left, and with `strict` when there is anything to report.
    """
    twice = rows["image_id"].duplicated()
    unknown = ~rows["diagnosis"].isin(codes)
    absent = ~rows["image_id"].isin(list(photos))
    usable = rows[~(twice | unknown | absent)]
    paths = usable["image_id"].map(photos)
    closed = pd.Series([not opens(path) for path in paths], index=usable.index, dtype=bool)
    usable = usable.assign(path=paths)[~closed].reset_index(drop=True)
    usable, not_accepted = _with_details(usable)
    report = Report(
        rows_without_photo=tuple(rows.loc[absent, "image_id"]),
        photos_without_row=tuple(sorted(set(photos) - set(rows["image_id"]))),
        unknown_diagnoses=tuple(_valued(rows[unknown], "diagnosis")),
        unreadable_photos=tuple(rows.loc[closed.index[closed], "image_id"]),
        duplicate_ids=(*rows.loc[twice, "image_id"], *photos_twice),
        values_not_accepted=not_accepted,
    )
    if strict and report:
        raise InputError(f"The data set is not as it should be; mend it or leave out --strict:\n{report}")
    if usable.empty:
        raise InputError(f"No photo of the data set can be used:\n{report}")
    return usable[list(COLUMNS)], report


def class_indices(column: pd.Series, task: str) -> NDArray[np.int64]:
    """A column of class codes as the indices (N,) that they have in the task's logits.

    What is only known to be benign, where that is no class of the task, has the index after the last one.
    """
    codes = diagnoses.codes(task)
    places = {BENIGN: len(codes)} | {code: index for index, code in enumerate(codes)}
    return column.map(places).to_numpy(np.int64)


def details_of(table: pd.DataFrame) -> list[Details]:
    """The patient details of each row of a table, None where missing."""
    columns = table[list(PARSERS)].astype(object)
    known = columns.where(columns.notna(), None)
    return [Details(*row) for row in known.itertuples(index=False)]


def encode_table(table: pd.DataFrame) -> NDArray[np.float32]:
    """Encoded details (N, WIDTH) of a table's rows; see inference.details."""
    return np.stack([encode(details) for details in details_of(table)])


def _with_details(rows: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The rows with parsed age, sex and site; and the values that were not accepted, as text."""
    rows = rows.copy()
    refused: list[str] = []
    for field, parse in PARSERS.items():
        # Few different values stand in many rows: each is parsed once.
        known: dict[str, float | str | None] = {}
        for text in rows[field].unique():
            try:
                known[text] = parse(text)
            except FieldError:
                known[text] = None
                refused += _valued(rows[rows[field] == text], field)
        values = [known[text] for text in rows[field]]
        rows[field] = np.array(values, np.float64) if field == "age" else pd.Series(values, rows.index, "str")
    return rows, tuple(refused)


def _valued(rows: pd.DataFrame, column: str) -> list[str]:
    """Entries such as `ISIC_0024306 age "abc"`."""
    return [f'{row.image_id} {column} "{getattr(row, column)}"' for row in rows.itertuples()]
