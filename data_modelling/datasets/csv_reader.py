"""Reads csv files of data sets as data frames of text; the reader is inference.files.csv_table."""

import sys
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path

import pandas as pd

from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings, distinct_rows, read_csv_table


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

    key: the column of image ids, which identify the rows; "" if rows may repeat. Equal rows of one id count once, and
    different rows of one id are left out. `findings` collects both kinds of ids; without `findings`, warnings on standard
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
