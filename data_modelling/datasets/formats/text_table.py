"""Writes the one table's rows as text, for the csv beside the photos of a prepared data set."""

import pandas as pd

from data_modelling.datasets.table import TABLE_COLUMNS

PREPARATION_RECORD = "prepared.json"  # the inputs of a prepared data set; written first, before the photos
TEXT_COLUMNS = tuple(column for column in TABLE_COLUMNS if column != "path")


def table_to_text(table: pd.DataFrame) -> pd.DataFrame:
    """Return the table's columns without `path` as text, which checked_table reads back to the same values."""
    rows = table[list(TEXT_COLUMNS)].astype(object)
    return rows.where(rows.notna(), "").astype(str)
