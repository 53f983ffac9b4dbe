"""The development set: all photos outside the locked test, from which a run may learn."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class DevelopmentSet:
    """All photos of the recipe's data set outside the locked test, and the photos of extra sets, with their pixels.

    table: the photos of the recipe's own data set.
    pixels: (N, edge, edge, 3), those of `table` first, then those of `extra_table`.
    extra_table: photos of extra sets; they train the network, but no metric is computed on them.
    """

    table: pd.DataFrame
    pixels: NDArray[np.uint8]
    extra_table: pd.DataFrame | None = None

    def combined_table(self) -> pd.DataFrame:
        """Return the table, followed by the photos of the extra sets."""
        return (
            self.table
            if self.extra_table is None
            else pd.concat([self.table, self.extra_table], ignore_index=True)
        )

    def own_mask(self) -> NDArray[np.bool_]:
        """Return which rows of `combined_table` belong to the recipe's own data set, (N,)."""
        return np.arange(len(self.pixels)) < len(self.table)
