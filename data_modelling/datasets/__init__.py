"""Reads each data set into a table with the same columns; docs/data-sets.md says how to add a data set."""

import pandas as pd

# With pyarrow (installed for the cluster), pandas would by default refuse file names that are not UTF-8.
pd.set_option("mode.string_storage", "python")
