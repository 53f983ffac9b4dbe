"""Fit small networks on image features: one finds pictures without a lesion, one estimates the source of a photo."""

import warnings
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.exceptions import ConvergenceWarning
from sklearn.neural_network import MLPClassifier

from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.metrics.array_types import Features, Floats

UNITS, SEED = 32, 11  # units of the hidden layer (the fit is almost as good without this layer), and seed


def fit_feature_network(
    values: NDArray[np.floating],
    labels: NDArray[Any],
    weights: Floats,
    scaling: tuple[Floats, Floats],
    decay: float,
    epochs: int,
    batch: int,
    rate: float,
) -> tuple[Features, Features]:
    """Return the hidden layer (features + 1, UNITS) and output layer (UNITS + 1, outputs); their last rows are biases.

    values: (N, features). labels, weights: class and weight of each row, (N,). scaling: mean and standard deviation of
    each feature, built into the hidden layer. decay: L2 penalty. rate: learning rate. Two classes have one output.
    """
    mean, spread = scaling
    network = MLPClassifier(
        (UNITS,),
        alpha=decay,
        batch_size=min(batch, len(values)),
        max_iter=epochs,
        learning_rate_init=rate,
        random_state=SEED,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)  # the fit may stop after `epochs`
        network.fit((values - mean) / spread, labels, sample_weight=weights)
    (first, second), (first_bias, second_bias) = network.coefs_, network.intercepts_
    first = first / spread[:, None]
    hidden = np.vstack([first, first_bias - mean @ first])
    return hidden.astype(np.float32), np.vstack([second, second_bias]).astype(np.float32)


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write an npz file; equal arrays give equal bytes."""
    with atomic_write(path) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **arrays)
