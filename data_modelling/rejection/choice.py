"""The table by which the gate's method was chosen: ways to measure a distance, on the fit side's foreign pictures.

python -m data_modelling.rejection.choice --config FILE --work DIR --fold 0 --pictures DIR [--data-root DATA]

work: the folder of a run's stages (`OUT.work`). Every way refuses the same share of the stopping photos; what counts
is how many foreign pictures it refuses then, and how many photos of the fold. The held-out pictures are not read.
"""

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import logsumexp
from sklearn.metrics import roc_auc_score

from data_modelling.datasets.roots import add_data_options
from data_modelling.datasets.splits import in_fold, training_sides
from data_modelling.inference.commands import run
from data_modelling.inference.details import Details, encode
from data_modelling.inference.gate import rooted
from data_modelling.rejection.foreign import pictures_to_choose_with
from data_modelling.rejection.gate import REFUSED_SHARE, Measured, fit_gate, looks_of, measure
from data_modelling.settings import read_settings
from data_modelling.training.checkpoint import NETWORK, fold_stage
from data_modelling.training.pipeline import Examples, examples, predict_logits, predict_output
from data_modelling.training.road import Sources, development_part

NEIGHBOURS, INDEX = 5, 1000  # nearest neighbours, among so many training photos
Floats = NDArray[np.float64]
Way = Callable[[str], Floats]


def compared(
    training: Measured, labels: NDArray[np.int64], sets: dict[str, tuple[Measured, Floats]]
) -> pd.DataFrame:
    """A row a way: shares refused of the fold's and of the foreign pictures, and the AUROC between them.

    sets: measures and logits of `stopping`, `fold` and `foreign`.
    """
    parts = fit_gate(training, labels, sets["stopping"][0]).distances()
    distances = {
        (name, which): np.array([part.standardised(row) for row in _values(sets[which][0], name)])
        for name, part in parts.items()
        for which in sets
    }
    ways: dict[str, Way] = {
        "embedding": lambda which: distances["embedding", which],
        "looks": lambda which: distances["looks", which],
        "nearest neighbours": lambda which: neighbours(training.embedding, sets[which][0].embedding),
        "energy": lambda which: -np.asarray(logsumexp(sets[which][1], axis=1)),
        "largest logit": lambda which: -sets[which][1].max(axis=1),
    }
    for weight in (0.25, 0.5, 1.0):
        ways[f"embedding + {weight} looks"] = lambda which, weight=weight: (  # type: ignore[misc]
            distances["embedding", which] + weight * distances["looks", which]
        )
    return pd.DataFrame([{"way": name} | _row(way) for name, way in ways.items()])


def neighbours(known: NDArray[np.float32], asked: NDArray[np.float32]) -> Floats:
    """Distance to the nearest neighbours among known embeddings, all of length 1 (Sun et al. 2022, arXiv:2204.06507)."""
    rows = np.random.default_rng(0).permutation(len(known))[:INDEX]
    index, of_asked = (v / np.linalg.norm(v, axis=1, keepdims=True) for v in (known[rows], asked))
    nearest = np.sort(-(of_asked @ index.T), axis=1)[:, min(NEIGHBOURS, len(rows)) - 1]
    return np.sqrt(np.maximum(2 + 2 * nearest, 0)).astype(np.float64)


def _values(measured: Measured, name: str) -> NDArray[np.float32]:
    return rooted(measured.embedding) if name == "embedding" else measured.looks


def _row(way: Way) -> dict[str, float]:
    threshold = np.quantile(way("stopping"), 1 - REFUSED_SHARE)
    fold, foreign = way("fold"), way("foreign")
    labels = np.repeat([0, 1], (len(fold), len(foreign)))
    return {
        "fold refused": float((fold > threshold).mean()),
        "foreign refused": float((foreign > threshold).mean()),
        "AUROC": float(roc_auc_score(labels, np.concatenate([fold, foreign]))),
    }


def _compare(options: argparse.Namespace) -> list[str]:
    settings = read_settings(options.config)
    development, left_out = development_part(
        settings, Sources(options.data_root, options.splits), options.work
    )
    table, pixels = development.table, development.pixels
    network = keras.saving.load_model(options.work / fold_stage(options.fold) / NETWORK, compile=False)
    fold = in_fold(table, options.fold)
    training, stopping = training_sides(table, ~fold, settings.seed)
    foreign = pictures_to_choose_with(options.pictures, settings.network.edge)
    count = len(foreign.pixels)
    unknown = np.tile(encode(Details()), (count, 1))
    pictures = Examples(foreign.pixels, np.arange(count), np.zeros(count, np.int64), unknown)
    sets = {
        name: (
            measure(settings, table, pixels, rows, network),
            predict_logits(network, examples(table, pixels, rows, settings.task), with_details=False),
        )
        for name, rows in (("stopping", stopping), ("fold", fold))
    }
    embedding = predict_output(network, pictures, "embedding", with_details=False)
    sets["foreign"] = (
        Measured(embedding, looks_of(foreign.pixels, range(count))),
        predict_logits(network, pictures, with_details=False),
    )
    labels = examples(table, pixels, training, settings.task).labels
    found = compared(measure(settings, table, pixels, training, network), labels, sets)
    print(found.to_string(index=False, float_format="%.4f"))
    return [*left_out, *foreign.missing]


def main(arguments: list[str] | None = None) -> int:
    """Parse and call; the exit status."""
    parser = argparse.ArgumentParser(prog=f"python -m {__spec__.name}", description="Compare gates.")
    parser.add_argument("--config", type=Path, required=True, help="recipe of the run")
    parser.add_argument("--work", type=Path, required=True, help="folder of the run's stages")
    parser.add_argument("--fold", type=int, default=0, help="the fold whose network is judged")
    parser.add_argument("--pictures", type=Path, required=True, help="folder with the packages' pictures")
    add_data_options(parser)
    options = parser.parse_args(arguments)
    return run(lambda: _compare(options))


if __name__ == "__main__":
    sys.exit(main())
