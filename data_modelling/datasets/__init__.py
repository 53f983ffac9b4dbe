"""Data sets of one schema: docs/data-sets.md says how to add one."""

import pandas as pd

# With pyarrow, which only the cluster needs, pandas could not hold a file name that is no UTF-8.
pd.set_option("mode.string_storage", "python")
