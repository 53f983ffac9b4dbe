"""Compute controls that show what patient details add: a model without photos, and photos with exchanged details."""

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression

from data_modelling.datasets.table import class_indices, encode_table
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.errors import InputError
from data_modelling.metrics.array_types import Floats

SEED = 7  # decides the order in which details are exchanged
LEAST = 1e-6  # probability given to a class without training rows, because zero has no logarithm
ITERATIONS = 1000  # limit of the solver's steps; HAM10000 needs about 100


def details_alone(training_rows: pd.DataFrame, rows: pd.DataFrame, task: str) -> Floats:
    """Return log-probabilities (N, classes) of `rows` from age, sex and site, without any photo.

    The model is a multinomial logistic regression (scikit-learn's, L2 of strength 1) on the encoded details
    of `training_rows`. Its probabilities follow the class shares of `training_rows` and need no calibration.
    """
    model = LogisticRegression(max_iter=ITERATIONS)
    model.fit(encode_table(training_rows), class_indices(training_rows["diagnosis"], task))
    probability = np.full((len(rows), len(class_codes(task))), LEAST)
    probability[:, model.classes_] = model.predict_proba(encode_table(rows))
    return np.log(np.maximum(probability, LEAST))


def permute_between_groups(groups: pd.Series, seed: int = SEED) -> NDArray[np.int64]:
    """Return for each row the index of a row of another group, (N,). Each index occurs once.

    The rows are arranged in a random circle in which the rows of a group stay together. Each row gets the index of the
    row n places further on, where n is the size of the largest group. That row always belongs to another group.

    Raises InputError when one group has more than half of the rows.
    """
    names, counts = np.unique(groups, return_counts=True)
    if 2 * counts.max() > len(groups):
        raise InputError(
            f"{names[counts.argmax()]} has {counts.max()} of {len(groups)} photos, too many to exchange its "
            "details with others; evaluate on more photos."
        )
    rng = np.random.default_rng(seed)
    position = dict(zip(names, rng.permutation(len(names)), strict=True))
    order = np.lexsort((rng.random(len(groups)), groups.map(position)))
    permutation = np.empty(len(groups), np.int64)
    permutation[order] = np.roll(order, -counts.max())
    return permutation
