"""The classical baseline: gradient-boosted trees (scikit-learn's) on a photo's features and the patient's details."""

import json
import time
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.metrics import log_loss

from data_modelling.baseline.cache import cached_features
from data_modelling.datasets.splits import in_fold, training_sides
from data_modelling.datasets.table import class_indices, encode_table
from data_modelling.evaluation.controls import LEAST
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.files import replaced_when_whole
from data_modelling.settings import Settings
from data_modelling.training.development import Development

Floats = NDArray[np.float64]

ROUNDS = 200  # of boosting, at most: the best number is far below
RATE = 0.1  # learning rate
LEAVES = 15  # of a tree, one a class and round
ANSWERS, NOTED = "answers.csv", "fit.json"


def baseline(settings: Settings, development: Development, folder: Path) -> tuple[pd.DataFrame, float]:
    """Log-probabilities of the judged fold's photos, and the seconds of processor time that they cost.

    Columns image_id and the class codes. The first of the recipe's figure_folds is judged; nothing of it is fitted or
    chosen on. Kept in `folder`, with the features, so that what is finished is not made again.
    """
    path, noted = folder / ANSWERS, folder / NOTED
    if not (path.exists() and noted.exists()):
        measured, seconds = cached_features(development.pixels[: len(development.table)], folder)
        inside = in_fold(development.table, settings.figure_folds[0])
        _, stopping = training_sides(development.table, ~inside, settings.seed)
        started = time.process_time()
        found, rounds = fitted_answers(
            np.concatenate([measured, encode_table(development.table)], axis=1),
            class_indices(development.table["diagnosis"], settings.task),
            inside,
            stopping,
            len(codes(settings.task)),
            settings.seed,
        )
        seconds += time.process_time() - started
        with replaced_when_whole(path) as temporary:
            pd.DataFrame(found, columns=list(codes(settings.task))).assign(
                image_id=development.table["image_id"][inside].to_numpy()
            ).to_csv(temporary, index=False, float_format="%.4f", lineterminator="\n")
        with replaced_when_whole(noted) as temporary:
            temporary.write_text(json.dumps({"rounds": rounds, "seconds": seconds}) + "\n")
    return pd.read_csv(path, dtype={"image_id": str}), json.loads(noted.read_text())["seconds"]


def fitted_answers(
    columns: NDArray[np.floating],
    labels: NDArray[np.int64],
    inside: NDArray[np.bool_],
    stopping: NDArray[np.bool_],
    classes: int,
    seed: int,
) -> tuple[Floats, int]:
    """Log-probabilities (judged, classes) of the rows `inside`, and the number of rounds.

    columns: (N, features); labels, inside, stopping: (N,). The number of rounds is the one with the least log loss on the
    stopping rows, fitted without them; then all rows but those inside are fitted with it. Nothing else is chosen.
    """
    learning = ~inside & ~stopping
    rounds = _best_rounds(
        _boosted(ROUNDS, seed).fit(columns[learning], labels[learning]), columns[stopping], labels[stopping]
    )
    model = _boosted(rounds, seed).fit(columns[~inside], labels[~inside])
    probability = np.full((int(inside.sum()), classes), LEAST)
    probability[:, model.classes_] = model.predict_proba(columns[inside])
    return np.log(np.maximum(probability, LEAST)), rounds


def _boosted(rounds: int, seed: int) -> HistGradientBoostingClassifier:
    return HistGradientBoostingClassifier(
        learning_rate=RATE,
        max_iter=rounds,
        max_leaf_nodes=LEAVES,
        early_stopping=False,  # its own would put photos of one lesion on both sides
        random_state=seed,
    )


def _best_rounds(
    model: HistGradientBoostingClassifier, columns: NDArray[np.floating], labels: NDArray[np.int64]
) -> int:
    known = np.isin(labels, model.classes_)
    losses = [
        log_loss(labels[known], probability[known], labels=model.classes_)
        for probability in model.staged_predict_proba(columns)
    ]
    return 1 + int(np.argmin(losses))
