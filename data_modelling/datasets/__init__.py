"""Data sets, all read into one common table; docs/data-sets.md says how to add a data set."""

import pandas as pd

# Where pyarrow is installed (the cluster needs it), pandas would use it for text and refuse file names that are not UTF-8.
pd.set_option("mode.string_storage", "python")
