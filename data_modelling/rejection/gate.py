"""Fit the gate of a network (see inference.gate) on its own training photos, its threshold on its stopping photos.

No foreign picture is needed. What was chosen with foreign pictures (the fit side of foreign.toml, never the held-out
side) are the constants here and in inference.gate; `python -m data_modelling.rejection.choice` prints that table again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.splits import in_fold, training_sides
from data_modelling.inference.files import replaced_when_whole
from data_modelling.inference.gate import FILE, METHOD, Gate, Whitened, rooted
from data_modelling.inference.looks import looks
from data_modelling.networks import fusion  # noqa: F401 - registers the layers of saved networks
from data_modelling.rejection.gate_scores import SCORE_DIGITS
from data_modelling.settings import Settings
from data_modelling.training.checkpoint import NETWORK, SERVED, fold_stage
from data_modelling.training.development import Development
from data_modelling.training.pipeline import examples, predict_output

REFUSED_SHARE = (
    0.015  # of the stopping photos that the threshold refuses: room below the 3 % allowed elsewhere
)
SHRINKAGE = {"embedding": 0.05, "looks": 0.03}  # towards equal variances; .01 to .2 differ by under a point
LEAST_SPREAD = 1e-3  # of a distance's logarithm
QUANTILES = 101  # of the stopping photos' distances
DIGITS = 6  # of numbers in metadata.json
Floats = NDArray[np.float32]


@dataclass(frozen=True)
class Measured:
    """What the gate sees of photos, row by row. embedding: (N, C). looks: (N, COUNT)."""

    embedding: Floats
    looks: Floats


@dataclass(frozen=True)
class GatePart:
    """A fitted gate as the bundle keeps it: `metadata` under the key `gate`, `arrays` in the file FILE."""

    metadata: dict[str, Any]
    arrays: dict[str, Floats]

    def distances(self) -> dict[str, Whitened]:
        """Its two distances, by name."""
        return {
            name: Whitened(
                self.arrays[f"{name}_matrix"],
                self.arrays[f"{name}_centres"],
                self.metadata[f"{name}_mean"],
                self.metadata[f"{name}_spread"],
            )
            for name in SHRINKAGE
        }

    def gate(self) -> Gate:
        """The gate itself, as a bundle's would be."""
        return Gate(
            *self.distances().values(), self.metadata["threshold"], np.array(self.metadata["quantiles"])
        )


def fit_gate(training: Measured, labels: NDArray[np.int64], stopping: Measured) -> GatePart:
    """The gate of a network. labels: (N,) class indices of its training photos; stopping: photos not trained on."""
    one = np.zeros(len(labels), np.int64)
    parts = {
        "embedding": _whitened(rooted(training.embedding), labels, rooted(stopping.embedding), "embedding"),
        "looks": _whitened(training.looks, one, stopping.looks, "looks"),
    }
    gate = Gate(parts["embedding"], parts["looks"], np.inf, np.zeros(2))
    distances = np.array(distances_of(gate, stopping))
    metadata: dict[str, Any] = {
        "method": METHOD,
        "threshold": round(float(np.quantile(distances, 1 - REFUSED_SHARE)), DIGITS),
        "refused_share": REFUSED_SHARE,
        "photos": len(distances),
        "quantiles": np.quantile(distances, np.linspace(0, 1, QUANTILES)).round(DIGITS).tolist(),
    }
    for name, part in parts.items():
        metadata |= {f"{name}_mean": part.mean, f"{name}_spread": part.spread}
    arrays = {f"{name}_matrix": part.matrix for name, part in parts.items()}
    arrays |= {f"{name}_centres": part.centres for name, part in parts.items()}
    return GatePart(metadata, arrays)


def write_gate(folder: Path, part: GatePart) -> None:
    """Write FILE; the same arrays give the same bytes."""
    with replaced_when_whole(folder / FILE) as temporary, temporary.open("wb") as file:
        np.savez(file, allow_pickle=False, **part.arrays)


def distances_of(gate: Gate, measured: Measured) -> list[float]:
    """The distance of each photo."""
    pairs = zip(measured.looks, measured.embedding, strict=True)
    return [gate.distance(look, embedding) for look, embedding in pairs]


def measure(
    settings: Settings,
    table: pd.DataFrame,
    pixels: NDArray[np.uint8],
    chosen: NDArray[np.bool_],
    network: keras.Model,
) -> Measured:
    """What the gate sees of the chosen rows of a table whose photos are `pixels`."""
    part = examples(table, pixels, chosen, settings.task)
    embedding = predict_output(network, part, "embedding", with_details=False)
    return Measured(embedding, looks_of(pixels, part.rows))


def looks_of(pixels: NDArray[np.uint8], rows: Sequence[int] | NDArray[np.int64]) -> Floats:
    """The looks of the photos in some rows, (N, COUNT)."""
    return np.stack([looks(np.asarray(pixels[row])) for row in rows])


def make_gate(settings: Settings, development: Development, work: Path) -> tuple[GatePart, pd.DataFrame]:
    """The served network's gate, and how the folds' own gates judge the photos of their folds: COLUMNS, and `own`.

    work: the folder of a run's finished stages; the folds are those of settings.figure_folds. A gate knows the other
    sets' photos that trained its network too, and each fold's judges those of its fold: own is whether a photo is not of
    these.
    """
    whole, own, pixels = development.learned_from(), development.own(), development.pixels
    scores = []
    for fold in settings.figure_folds:
        inside = in_fold(whole, fold)
        network = keras.saving.load_model(work / fold_stage(fold) / NETWORK, compile=False)
        part = part_of_network(settings, whole, pixels, ~inside, network, own)
        held_out = measure(settings, whole, pixels, inside, network)
        scores.append(
            gate_scores(part, whole.loc[inside, "image_id"], str(fold), held_out).assign(own=own[inside])
        )
    network = keras.saving.load_model(work / SERVED / NETWORK, compile=False)
    everything = np.ones(len(whole), bool)
    served = part_of_network(settings, whole, pixels, everything, network, own)
    return served, pd.concat(scores, ignore_index=True)


def gate_scores(part: GatePart, image_ids: pd.Series, fold: str, measured: Measured) -> pd.DataFrame:
    """A row a photo: COLUMNS."""
    gate = part.gate()
    # Rounded as the file keeps it, so that the file gives the same counts.
    distances = np.round(distances_of(gate, measured), SCORE_DIGITS)
    refused = [int(gate.foreign(distance)) for distance in distances]
    rows = {"image_id": image_ids.to_numpy(), "fold": fold, "distance": distances, "refused": refused}
    return pd.DataFrame(rows)


def part_of_network(
    settings: Settings,
    table: pd.DataFrame,
    pixels: NDArray[np.uint8],
    part: NDArray[np.bool_],
    network: keras.Model,
    own: NDArray[np.bool_] | None = None,
) -> GatePart:
    """The gate of a network that was trained on `part`, (N,) of a table's rows; own: see datasets.splits.training_sides."""
    training, stopping = training_sides(table, part, settings.seed, own)
    labels = examples(table, pixels, training, settings.task).labels
    measured, judged = (measure(settings, table, pixels, rows, network) for rows in (training, stopping))
    return fit_gate(measured, labels, judged)


def _whitened(values: Floats, labels: NDArray[np.int64], judged: Floats, name: str) -> Whitened:
    """A distance from the nearest class mean under the classes' shared covariance, fitted on (N, D)."""
    present, of_row = np.unique(labels, return_inverse=True)
    exact = values.astype(np.float64)
    means = np.stack([exact[labels == label].mean(axis=0) for label in present])
    # Each value in its own unit, so that shrinking towards equal variances means the same for all.
    unit = np.maximum((exact - means[of_row]).std(axis=0), 1e-6 * max(1.0, float(np.abs(exact).max())))
    apart = (exact - means[of_row]) / unit
    covariance = shrunk(apart.T @ apart / len(apart), SHRINKAGE[name])
    matrix = np.linalg.cholesky(np.linalg.inv(covariance)) / unit[:, None]
    part = Whitened(matrix.astype(np.float32), (means @ matrix).astype(np.float32), 0.0, 1.0)
    logarithms = [part.standardised(row) for row in judged]
    mean, spread = float(np.mean(logarithms)), max(float(np.std(logarithms)), LEAST_SPREAD)
    return Whitened(part.matrix, part.centres, round(mean, DIGITS), round(spread, DIGITS))


def shrunk(covariance: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """(1 - share) covariance + share mean variance, whose inverse exists (Ledoit and Wolf 2004's form)."""
    width = len(covariance)
    return (1 - share) * covariance + share * np.trace(covariance) / width * np.eye(width)
