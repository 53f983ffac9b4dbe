"""Data sets of one schema; docs/data-sets.md says how to add a data set."""

import pandas as pd

# With pyarrow, which only the cluster needs, pandas could not store a file name that is no UTF-8.
pd.set_option("mode.string_storage", "python")
