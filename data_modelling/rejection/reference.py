"""What later photos are compared with by `monitor`: quantiles of the training distribution, for metadata.json."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.inference.drift import quantiles
from data_modelling.inference.score_log import NEARNESS


def reference(
    probability: NDArray[np.float64],
    classes: list[str],
    unchanged: pd.DataFrame,
    nearness: NDArray[np.float64] | None = None,
) -> dict[str, list[float]]:
    """The key `reference`.

    probability: (N, classes), calibrated, of out-of-fold photos without details. unchanged: measures of the
    development photos, as QualityPart has them. nearness: of out-of-fold photos to the training photos.
    """
    values = dict(zip(classes, probability.T, strict=True))
    values |= {str(name): unchanged[name].to_numpy(float) for name in unchanged if name != "choosing"}
    if nearness is not None:
        values[NEARNESS] = nearness
    return {name: quantiles(known) for name, known in values.items() if not np.isnan(known).all()}
