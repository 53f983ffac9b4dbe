"""Fit a network's gate, which refuses pictures that are not photos of a lesion (see inference.checks.gate).

All gates refuse with the same lesion detector, which safety.lesion_detector fits. If the detector would refuse more
than REFUSED_SHARE of a network's stopping photos (held back for early stopping), this network's gate gets a higher
threshold. A gate also measures a photo's distance from the training photos, standardised on the stopping photos.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

import data_modelling.networks.model  # noqa: F401 - registers the layers of saved networks
from data_modelling.datasets.splits.assignment import fold_mask, training_masks
from data_modelling.inference.checks.gate import (
    METHOD_VERSION,
    Gate,
    LesionDetector,
    MahalanobisDistance,
    embedding_square_root,
    load_lesion_detector,
)
from data_modelling.inference.checks.image_features import measure_image_features
from data_modelling.metrics.array_types import Features, Labels, Mask, Pixels
from data_modelling.safety.gate_scores import SCORE_DIGITS
from data_modelling.settings import Settings
from data_modelling.training.batches import predict_output, select_examples
from data_modelling.training.checkpoint import NETWORK_FILE, SERVED_STAGE, fold_stage
from data_modelling.training.development_set import DevelopmentSet

REFUSED_SHARE = 0.015  # largest share of the stopping photos that the threshold may refuse
# How far a covariance is shrunk towards equal variances, from 0 to 1. `looks` are the image features.
SHRINKAGE = {"embedding": 0.05, "looks": 0.03}
LEAST_SPREAD = 1e-3  # smallest standard deviation of a distance's logarithm
QUANTILES = 101  # number of quantiles that describe the distances of the stopping photos
DIGITS = 6  # decimals of numbers in metadata.json


@dataclass(frozen=True)
class GateInputs:
    """Hold the inputs of the gate for N photos. embedding: (N, channels). image_features: (N, FEATURE_COUNT)."""

    embedding: Features
    image_features: Features


@dataclass(frozen=True)
class FittedGate:
    """Hold a fitted gate, its entry in a bundle's metadata.json (key `gate`), and its arrays for GATE_FILE."""

    gate: Gate
    metadata: dict[str, Any]
    arrays: dict[str, Features]


def fit_gate(training: GateInputs, labels: Labels, stopping: GateInputs) -> FittedGate:
    """Return the gate of a network.

    training, stopping: the gate's inputs for the network's training photos, and for its stopping photos. labels: the
    class indices of the training photos, (N,).
    """
    roots, stopping_roots = (embedding_square_root(part.embedding) for part in (training, stopping))
    one_class = np.zeros(len(labels), np.int64)
    embedding = _fit_whitening(roots, labels, stopping_roots, "embedding")
    looks = _fit_whitening(training.image_features, one_class, stopping.image_features, "looks")
    threshold = gate_threshold(load_lesion_detector(), stopping.image_features)
    distances = gate_distances(Gate(embedding, looks, threshold, np.zeros(2)), stopping)
    quantiles = np.quantile(distances, np.linspace(0, 1, QUANTILES)).round(DIGITS)
    metadata: dict[str, Any] = {
        "method": METHOD_VERSION,
        "threshold": threshold,
        "refused_share": REFUSED_SHARE,
        "photos": len(distances),
        "quantiles": quantiles.tolist(),
    }
    for name, distance in (("embedding", embedding), ("looks", looks)):
        metadata |= {f"{name}_mean": distance.mean, f"{name}_spread": distance.spread}
    arrays = {"embedding_matrix": embedding.matrix, "looks_matrix": looks.matrix}
    arrays |= {"embedding_centres": embedding.centres, "looks_centres": looks.centres}
    return FittedGate(Gate(embedding, looks, threshold, quantiles), metadata, arrays)


def gate_threshold(detector: LesionDetector, stopping_features: NDArray[np.floating]) -> float:
    """Return the threshold above which a photo is refused: the threshold of the detector, or a higher one.

    stopping_features: the image features of the stopping photos, (N, FEATURE_COUNT). The scores of at most
    REFUSED_SHARE of these photos are above the returned threshold.
    """
    own_threshold = np.quantile(detector.score(stopping_features), 1 - REFUSED_SHARE, method="inverted_cdf")
    return max(detector.threshold, float(np.ceil(own_threshold * 10**DIGITS) / 10**DIGITS))


def gate_distances(gate: Gate, inputs: GateInputs) -> list[float]:
    """Return the gate's distance of each photo from the training photos."""
    pairs = zip(inputs.image_features, inputs.embedding, strict=True)
    return [gate.distance(features, embedding) for features, embedding in pairs]


def gate_inputs(
    settings: Settings, table: pd.DataFrame, pixels: Pixels, mask: Mask, network: keras.Model
) -> GateInputs:
    """Return the gate's inputs for the rows of `table` in `mask`. pixels: the photos of all rows of `table`."""
    examples = select_examples(table, pixels, mask, settings.task)
    embedding = predict_output(network, examples, "embedding", with_details=False)
    return GateInputs(embedding, image_features_of_rows(pixels, examples.rows))


def image_features_of_rows(pixels: Pixels, rows: Sequence[int] | Labels) -> Features:
    """Return the image features of the photos in some rows of `pixels`, (rows, FEATURE_COUNT)."""
    return np.stack([measure_image_features(np.asarray(pixels[row])) for row in rows])


def fit_served_gate(
    settings: Settings, development: DevelopmentSet, work: Path
) -> tuple[FittedGate, pd.DataFrame]:
    """Return the served network's gate, and a table with the gate scores of out-of-fold photos.

    The photos of each fold in settings.figure_folds are scored by the gate that was fitted without this fold. work: the
    run's work folder, with networks. The table has safety.gate_scores.COLUMNS and `own` (False for extra sets' photos).
    """
    table, own, pixels = development.combined_table(), development.own_mask(), development.pixels
    scores = []
    for fold in settings.figure_folds:
        mask = fold_mask(table, fold)
        network = keras.saving.load_model(work / fold_stage(fold) / NETWORK_FILE, compile=False)
        fold_gate = fit_fold_gate(settings, table, pixels, ~mask, network, own)
        held_out = gate_inputs(settings, table, pixels, mask, network)
        scores.append(
            gate_scores(fold_gate, table.loc[mask, "image_id"], str(fold), held_out).assign(own=own[mask])
        )
    network = keras.saving.load_model(work / SERVED_STAGE / NETWORK_FILE, compile=False)
    all_rows = np.ones(len(table), bool)
    served_gate = fit_fold_gate(settings, table, pixels, all_rows, network, own)
    return served_gate, pd.concat(scores, ignore_index=True)


def gate_scores(fitted: FittedGate, image_ids: pd.Series, fold: str, inputs: GateInputs) -> pd.DataFrame:
    """Return a table with the columns safety.gate_scores.COLUMNS, one row per photo."""
    distances = np.round(gate_distances(fitted.gate, inputs), SCORE_DIGITS)
    refused = [int(fitted.gate.foreign(features)) for features in inputs.image_features]
    rows = {"image_id": image_ids.to_numpy(), "fold": fold, "distance": distances, "refused": refused}
    return pd.DataFrame(rows)


def fit_fold_gate(
    settings: Settings,
    table: pd.DataFrame,
    pixels: Pixels,
    mask: Mask,
    network: keras.Model,
    own: Mask | None = None,
) -> FittedGate:
    """Return the gate of a network that was trained on the rows in `mask` (N,). own: see assignment.training_masks."""
    training, stopping = training_masks(table, mask, settings.seed, own)
    labels = select_examples(table, pixels, training, settings.task).labels
    training_inputs, stopping_inputs = (
        gate_inputs(settings, table, pixels, rows, network) for rows in (training, stopping)
    )
    return fit_gate(training_inputs, labels, stopping_inputs)


def _fit_whitening(
    values: Features, labels: Labels, stopping_values: Features, name: str
) -> MahalanobisDistance:
    """Return a MahalanobisDistance to the nearest class mean, fitted on `values` (N, D) with one covariance for all."""
    present, class_of_row = np.unique(labels, return_inverse=True)
    exact_values = values.astype(np.float64)
    means = np.stack([exact_values[labels == label].mean(axis=0) for label in present])
    # Each feature is divided by its spread, so that shrinkage towards equal variances affects all features alike.
    unit = np.maximum(
        (exact_values - means[class_of_row]).std(axis=0), 1e-6 * max(1.0, float(np.abs(exact_values).max()))
    )
    scaled = (exact_values - means[class_of_row]) / unit
    # The covariance is shrunk towards equal variances, so that it is invertible (Ledoit and Wolf 2004).
    covariance, share = scaled.T @ scaled / len(scaled), SHRINKAGE[name]
    width = len(covariance)
    covariance = (1 - share) * covariance + share * np.trace(covariance) / width * np.eye(width)
    matrix = np.linalg.cholesky(np.linalg.inv(covariance)) / unit[:, None]
    distance = MahalanobisDistance(matrix.astype(np.float32), (means @ matrix).astype(np.float32), 0.0, 1.0)
    logarithms = [distance.standardised(row) for row in stopping_values]
    mean, spread = float(np.mean(logarithms)), max(float(np.std(logarithms)), LEAST_SPREAD)
    return MahalanobisDistance(distance.matrix, distance.centres, round(mean, DIGITS), round(spread, DIGITS))
