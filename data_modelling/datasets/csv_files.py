"""The csv files of the data sets, read as text."""

import warnings
from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from data_modelling.inference.errors import InputError

UNREADABLE = (
    OSError,
    UnicodeDecodeError,
    pd.errors.EmptyDataError,
    pd.errors.ParserError,
    pd.errors.ParserWarning,
)


def read_csv(path: Path, columns: Sequence[str]) -> pd.DataFrame:
    """The named columns of a comma- or tab-separated file, every cell as stripped text, "" where empty.

    Raises InputError when the file cannot be read as such, lacks a column or has no row.
    """
    try:
        # Not utf-8 alone: a file that went through Excel starts with a byte-order mark.
        with path.open(encoding="utf-8-sig") as file:
            separator = "\t" if "\t" in file.readline() else ","
            file.seek(0)
            # index_col=False: otherwise a surplus cell in every row would shift the columns.
            with warnings.catch_warnings():
                warnings.simplefilter("error", pd.errors.ParserWarning)  # it would be dropped with a warning
                frame = pd.read_csv(file, sep=separator, dtype=str, keep_default_na=False, index_col=False)
    except FileNotFoundError as error:
        raise InputError(f"{path} is not there; DATA/README.md tells how to get it.") from error
    except UNREADABLE as error:
        reason = " ".join(str(error).split())
        raise InputError(f"{path} cannot be read as a csv file ({reason}); get it again.") from error
    absent = [column for column in columns if column not in frame.columns]
    if absent:
        raise InputError(f"{path} has no column {', '.join(absent)}; get the file again, see DATA/README.md.")
    if frame.empty:
        raise InputError(f"{path} has no rows; get the file again, see DATA/README.md.")
    # A row with too few cells leaves NaN behind, even with keep_default_na=False.
    return pd.DataFrame({column: frame[column].fillna("").str.strip() for column in columns})


def read_pairs(path: Path, columns: tuple[str, str] = ("image_id_1", "image_id_2")) -> list[tuple[str, str]]:
    """Pairs of image ids that belong together, from the two columns of a csv file; InputError as read_csv."""
    return list(read_csv(path, columns).itertuples(index=False, name=None))
