"""Each change trained without the fold, and asked its photos: those of the data set, and of the other sets."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import balanced_accuracy_score
from sklearn.model_selection import StratifiedGroupKFold, cross_val_predict
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from tqdm import tqdm

from data_modelling.ablation.recipes import Change
from data_modelling.datasets.companions import KNOWN
from data_modelling.datasets.splits import in_fold
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.files import replaced_when_whole
from data_modelling.settings import Settings
from data_modelling.training.checkpoint import fold_stage
from data_modelling.training.contenders import training_cost
from data_modelling.training.development import Development
from data_modelling.training.pipeline import Examples, examples, predict_output
from data_modelling.training.road import (
    Chosen,
    Sources,
    development_part,
    fitted,
    opened,
    sources_of,
    work_folder,
)

FACTS = ("image_id", "group_id", "source", "diagnosis")
SPLITS_OF_GUESS = 5


@dataclass(frozen=True)
class Trial:
    """A trained change. answers: a row a photo of the fold, FACTS, own (whether of the data set itself) and a logit a class, photo alone.

    guess: balanced accuracy of guessing the source from the embedding; by chance it is one divided by the sources.
    epochs, minutes: length of the training, and its processor time.
    """

    change: Change
    answers: pd.DataFrame
    guess: float
    epochs: float
    minutes: float


def ablate(
    changes: Sequence[Change], sources: Sources, runs: Path, resume: bool
) -> tuple[list[Trial], list[str]]:
    """Train each change in `runs`/ablation_<name>.work; also what was left out, as text.

    What is finished there is not made again with `resume`. Raises InputError as `train` does.
    """
    trials, left_out = [], []
    for change in tqdm(changes, desc="ablation", unit=" trainings"):
        work = opened(work_folder(runs / f"ablation_{change.name}"), change.settings, resume)
        development, report = _development(changes, change.settings, sources, runs)
        trials.append(_trial(change, development, work))
        left_out += [text for text in report if text not in left_out]
    return trials, left_out


def _development(
    changes: Sequence[Change], settings: Settings, sources: Sources, runs: Path
) -> tuple[Development, list[str]]:
    """The photos of all sets that any change trains with, so that all are asked the same."""
    names = dict.fromkeys(name for change in changes for name in change.settings.more_photos)
    folder = work_folder(runs / f"ablation_photos_{settings.network.edge}")
    folder.mkdir(parents=True, exist_ok=True)
    settings = replace(settings, more_photos=tuple(names))
    return development_part(settings, sources_of(settings, sources, folder), folder)


def taught(settings: Settings, development: Development) -> Chosen:
    """Chooses what a change trains with: outside the fold, of the data set itself or of the sets that it names."""
    allowed = {*development.table["source"], *(KNOWN[name].name for name in settings.more_photos)}
    fold = settings.figure_folds[0]
    return lambda table: ~in_fold(table, fold) & table["source"].isin(allowed).to_numpy()


def _trial(change: Change, development: Development, work: Path) -> Trial:
    """From `work`, if it is finished there."""
    told, guessed = work / "answers.csv", work / "guess.json"
    if not (told.exists() and guessed.exists()):
        _ask(change, development, work, told, guessed)
    answers = pd.read_csv(told, dtype=dict.fromkeys(FACTS, str))
    guess = json.loads(guessed.read_text())["source"]
    return Trial(change, answers, np.nan if guess is None else guess, *training_cost(change.settings, work))


def _ask(change: Change, development: Development, work: Path, told: Path, guessed: Path) -> None:
    """Train the change and write down what its network answers, and how well its embedding gives the source away."""
    settings = change.settings
    fold = settings.figure_folds[0]
    network = fitted(
        settings, development, taught(settings, development), work / fold_stage(fold), change.name
    )
    table = development.learned_from()
    inside = in_fold(table, fold)
    asked = examples(table, development.pixels, inside, settings.task)
    found = predict_output(network, asked, "logits", with_details=False)
    logits = pd.DataFrame(found, columns=list(codes(settings.task)))
    facts = table.loc[inside, list(FACTS)].assign(own=development.own()[inside])
    with replaced_when_whole(told) as temporary:
        pd.concat([facts.reset_index(drop=True), logits], axis=1).to_csv(
            temporary, index=False, float_format="%.4f", lineterminator="\n"
        )
    guess = guessed_source(network, asked, table[inside])
    with replaced_when_whole(guessed) as temporary:
        temporary.write_text(json.dumps({"source": None if np.isnan(guess) else guess}) + "\n")


def guessed_source(network: keras.Model, asked: Examples, table: pd.DataFrame) -> float:
    """Balanced accuracy of a logistic regression on the embedding, crosswise over groups; NaN with one source alone."""
    if table["source"].nunique() < 2:
        return np.nan
    embedding = predict_output(network, asked, "embedding", with_details=False)
    return guess(embedding, table["source"], table["group_id"])


def guess(embedding: NDArray[np.float32], source: pd.Series, groups: pd.Series) -> float:
    """As guessed_source, from the embedding (N, C)."""
    crosswise = StratifiedGroupKFold(SPLITS_OF_GUESS, shuffle=True, random_state=0)
    regression = make_pipeline(StandardScaler(), LogisticRegression(class_weight="balanced", max_iter=500))
    found = cross_val_predict(regression, embedding, source, groups=groups, cv=crosswise)
    return float(balanced_accuracy_score(source, found))
