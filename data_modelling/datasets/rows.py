"""The one table's rows as text: what prepared data sets keep beside the photos."""

import pandas as pd

from data_modelling.datasets.table import COLUMNS

NOTED = "prepared.json"  # what a prepared data set is made from; written first, so that it may be unfinished
TEXT_COLUMNS = tuple(column for column in COLUMNS if column != "path")


def as_text(table: pd.DataFrame) -> pd.DataFrame:
    """The table's columns but `path`, as the text that checked_table reads back to the same values."""
    rows = table[list(TEXT_COLUMNS)].astype(object)
    return rows.where(rows.notna(), "").astype(str)
