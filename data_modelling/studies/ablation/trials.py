"""Train a network with each change of a recipe and predict photos that it never saw, to measure the change's effect."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pandas as pd
from msgspec import structs
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from data_modelling.datasets.extra_sets import sources_of_sets
from data_modelling.datasets.splits.assignment import fold_mask
from data_modelling.inference.diagnoses import class_codes
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.pipeline.run_networks import (
    RowSelector,
    Run,
    load_or_fit_network,
    open_run,
    refuse_unclassified,
    rows_of_clinic,
    rows_of_other_clinics,
)
from data_modelling.pipeline.work_folder import open_work_folder, saved_answers, work_folder
from data_modelling.settings import Settings
from data_modelling.studies.ablation.recipes import RecipeChange
from data_modelling.training.batches import predict_output, select_examples
from data_modelling.training.checkpoint import (
    CHECKPOINT_FILE,
    fold_stage,
    left_out_stage,
    load_progress,
    total_cpu_seconds,
)
from data_modelling.training.development_set import DataFolders, DevelopmentSet

ANSWER_COLUMNS = ("image_id", "group_id", "source", "diagnosis")
SOURCE_FOLDS = 5  # folds of the cross-fitting in `embedding_source_accuracy`


@dataclass(frozen=True)
class Trial:
    """Hold a trained change and its predictions.

    answers: a row for each judged photo (see `judged_rows`). The columns are ANSWER_COLUMNS, own (whether the photo is
    of the recipe's own data set) and a logit for each class, from the photo alone. source_accuracy: NaN with only one
    source; see `embedding_source_accuracy`. epochs: the number of trained epochs. minutes: processor time.
    """

    change: RecipeChange
    answers: pd.DataFrame
    source_accuracy: float
    epochs: float
    minutes: float


def train_changes(
    changes: Sequence[RecipeChange], sources: DataFolders, runs: Path, resume: bool
) -> tuple[list[Trial], list[str]]:
    """Train each change in `runs`/ablation_<name>.work; return the trials, and the skipped inputs as text.

    With `resume`, finished work is used again. Raises InputError like `train`.
    """
    trials, left_out = [], []
    for change in tqdm(changes, desc="ablation", unit=" trainings"):
        work = open_work_folder(work_folder(runs / f"ablation_{change.name}"), change.settings, resume)
        photos = _open_photos(changes, change.settings, sources, runs)
        run = replace(photos, settings=change.settings, work=work)
        refuse_unclassified(run)
        trials.append(_load_or_train_trial(change, run))
        left_out += [text for text in run.left_out if text not in left_out]
    return trials, left_out


def _open_photos(
    changes: Sequence[RecipeChange], settings: Settings, sources: DataFolders, runs: Path
) -> Run:
    """Load the photos of all data sets that any of the changes uses, so that all changes predict the same photos."""
    names = dict.fromkeys(name for change in changes for name in change.settings.more_photos)
    folder = work_folder(runs / f"ablation_photos_{settings.network.edge}")
    folder.mkdir(parents=True, exist_ok=True)
    return open_run(structs.replace(settings, more_photos=tuple(names)), sources, folder)


def training_photo_filter(settings: Settings, development: DevelopmentSet) -> RowSelector:
    """Return a function that selects a change's training rows: its data sets' photos outside the judged fold or group.

    If a clinic group is judged, photos of sources in no group are not selected either.
    """
    allowed = {*development.table["source"], *sources_of_sets(settings.more_photos)}
    clinics, fold = settings.left_out_clinics, settings.figure_folds[0]
    outside = rows_of_other_clinics(clinics[0]) if clinics else lambda table: ~fold_mask(table, fold)
    return lambda table: outside(table) & table["source"].isin(allowed).to_numpy()


def judged_rows(settings: Settings, table: pd.DataFrame) -> NDArray[np.bool_]:
    """Return a mask (N,) of the judged photos: those of the fold or clinic group that the network never sees."""
    if not settings.left_out_clinics:
        return fold_mask(table, settings.figure_folds[0])
    return rows_of_clinic(settings.left_out_clinics[0], settings.task)(table)


def _load_or_train_trial(change: RecipeChange, run: Run) -> Trial:
    """Return the trial from the run's folder if it is finished there; else train it."""
    settings, development = run.settings, run.development
    clinics, fold = settings.left_out_clinics, settings.figure_folds[0]
    name = left_out_stage(clinics[0]) if clinics else fold_stage(fold)
    table, is_own = development.combined_table(), development.own_mask()
    judged, accuracy_file = judged_rows(settings, table), run.work / "guess.json"

    def answers() -> pd.DataFrame:
        """Return the logits of the judged photos; write the accuracy of predicting their source from the embedding."""
        selector = training_photo_filter(settings, development)
        network = load_or_fit_network(run, name, selector, change.name)
        photos = select_examples(table, development.pixels, judged, settings.task)
        logits = predict_output(network, photos, "logits", with_details=False)
        facts = table.loc[judged, list(ANSWER_COLUMNS)].assign(own=is_own[judged]).reset_index(drop=True)
        accuracy = None  # with a single source, there is nothing to guess
        if facts["source"].nunique() >= 2:
            embedding = predict_output(network, photos, "embedding", with_details=False)
            accuracy = embedding_source_accuracy(embedding, facts["source"], facts["group_id"])
        write_json(accuracy_file, {"source": accuracy})
        return pd.concat([facts, pd.DataFrame(logits, columns=list(class_codes(settings.task)))], axis=1)

    judged_answers = saved_answers(run.work, table["image_id"][judged].tolist(), answers)
    accuracy = json.loads(accuracy_file.read_text())["source"]
    epochs = len(load_progress(run.work / name / CHECKPOINT_FILE).history)
    minutes = total_cpu_seconds(run.work / name) / 60
    return Trial(change, judged_answers, np.nan if accuracy is None else accuracy, epochs, minutes)


def embedding_source_accuracy(embedding: NDArray[np.float32], sources: pd.Series, groups: pd.Series) -> float:
    """Return the balanced accuracy of a logistic regression that predicts each photo's source from its embedding.

    The regression is fitted on photos of other groups. Guessing gives 1 / number of sources. embedding: (N, channels).
    """
    folds = StratifiedGroupKFold(SOURCE_FOLDS, shuffle=True, random_state=0)
    regression = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500))
    predicted = cross_val_predict(regression, embedding, sources, groups=groups, cv=folds)
    return float(balanced_accuracy_score(sources, predicted))
