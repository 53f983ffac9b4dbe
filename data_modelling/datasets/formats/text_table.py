"""Writes the one table's rows as text, which prepared data sets keep beside the photos."""

import pandas as pd

from data_modelling.datasets.table import TABLE_COLUMNS

PREPARATION_RECORD = "prepared.json"  # what a prepared data set is made from; it is written first, so the rest may be unfinished
TEXT_COLUMNS = tuple(column for column in TABLE_COLUMNS if column != "path")


def table_to_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table's columns without `path` as text, which checked_table reads back to the same values."""
    rows = table[list(TEXT_COLUMNS)].astype(object)
    return rows.where(rows.notna(), "").astype(str)
