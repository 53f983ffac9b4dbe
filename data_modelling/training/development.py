"""The photos that a run may learn from: the judged data set's without its locked test, and those of other sets."""

from dataclasses import dataclass

import numpy as np
import pandas as pd
from numpy.typing import NDArray


@dataclass(frozen=True)
class Development:
    """The development part: all rows but the locked test, with their decoded photos, row by row.

    more: photos of other sets that train too, and of which nothing is judged; theirs are the pixels after the table's.
    outlines: of the lesions, as many as there are pixels, where they are a second target.
    """

    table: pd.DataFrame
    pixels: NDArray[np.uint8]
    more: pd.DataFrame | None = None
    outlines: NDArray[np.uint8] | None = None

    def learned_from(self) -> pd.DataFrame:
        """The table, and below it the photos of other sets."""
        return self.table if self.more is None else pd.concat([self.table, self.more], ignore_index=True)

    def own(self) -> NDArray[np.bool_]:
        """Which rows of `learned_from` are the table's, (N,)."""
        return np.arange(len(self.pixels)) < len(self.table)
