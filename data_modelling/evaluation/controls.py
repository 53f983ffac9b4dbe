"""What photo and details together are compared with: the details alone, and another photo's details."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from data_modelling.datasets.table import class_indices, encode_table
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import InputError

Floats = NDArray[np.float64]

SEED = 7  # of the order in which details are passed on
LEAST = 1e-6  # probability of a class that the fitted rows do not have; no logarithm of zero
ITERATIONS = 1000  # of the solver; a tenth of them is enough for HAM10000


def details_alone(fitted: pd.DataFrame, asked: pd.DataFrame, task: str) -> Floats:
    """Log-probabilities (N, classes) of the rows of `asked` from age, sex and site, without any photo.

    Multinomial logistic regression (scikit-learn's, L2 of strength 1) on the encoded details of `fitted`. Its
    probabilities follow the classes' own shares; as logits they need no temperature.
    """
    model = LogisticRegression(max_iter=ITERATIONS)
    model.fit(encode_table(fitted), class_indices(fitted["diagnosis"], task))
    probability = np.full((len(asked), len(codes(task))), LEAST)
    probability[:, model.classes_] = model.predict_proba(encode_table(asked))
    return np.log(np.maximum(probability, LEAST))


def others(groups: pd.Series, seed: int = SEED) -> NDArray[np.int64]:
    """For each row another row (N,), each once, never one of its own group; the same for the same groups and seed.

    The rows are put into a random order in which groups stay together, and each takes the one that stands as
    many places further as the largest group has rows: beyond its own group, and not yet around to it again.

    Raises InputError when one group has more than half of the rows.
    """
    names, counts = np.unique(groups, return_counts=True)
    if 2 * counts.max() > len(groups):
        raise InputError(
            f"{names[counts.argmax()]} has {counts.max()} of {len(groups)} photos: details cannot be passed on "
            "among the others; judge on more photos."
        )
    rng = np.random.default_rng(seed)
    place = dict(zip(names, rng.permutation(len(names)), strict=True))
    order = np.lexsort((rng.random(len(groups)), groups.map(place)))
    found = np.empty(len(groups), np.int64)
    found[order] = np.roll(order, -counts.max())
    return found
