"""Train what the story tells of, on one split, and judge every step on the photos of the same fold."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from numpy.typing import NDArray
from tqdm import tqdm

from data_modelling.baseline.boosting import baseline
from data_modelling.datasets.splits import in_fold, training_sides
from data_modelling.datasets.table import class_indices
from data_modelling.evaluation.calibration import best_decision_prior
from data_modelling.evaluation.predictions import logits, truth
from data_modelling.inference.decision import decisions, probabilities
from data_modelling.inference.diagnoses import codes
from data_modelling.settings import Settings
from data_modelling.story.steps import Recipes, Step
from data_modelling.training.assemble import choices_on, class_shares
from data_modelling.training.checkpoint import NETWORK, fold_stage
from data_modelling.training.contenders import refuse_unlike, training_cost
from data_modelling.training.fit import prior_shift
from data_modelling.training.road import (
    Folds,
    Sources,
    judge_folds,
    opened,
    work_folder,
)
from data_modelling.training.shares import actual_shares, shown_shares

Floats = NDArray[np.float64]
Labels = NDArray[np.int64]

SHARED, BASELINE = "story", "story_baseline"  # work folders: of photos that steps share, of the baseline


@dataclass(frozen=True)
class Cost:
    """Of a step's own training: parameters, epochs, seconds of processor time; None for what there is not."""

    parameters: int | None = None
    epochs: float | None = None
    seconds: float | None = None


@dataclass(frozen=True)
class Told:
    """What a step answered.

    predictions: facts of the judged photos, sorted by image_id. probability: (N, classes), for the data set's own class
    shares. decided: (N,) by the step's own rule. by_prior: (N,) by the decision prior, chosen on these photos.
    """

    step: Step
    settings: Settings
    predictions: pd.DataFrame
    probability: Floats
    decided: Labels
    by_prior: Labels
    cost: Cost


@dataclass(frozen=True)
class _Trained:
    """A recipe's networks: what they predicted, sorted by image_id, and what was chosen on that."""

    settings: Settings
    folds: Folds
    predictions: pd.DataFrame
    temperature: float
    work: Path


def tell(recipes: Recipes, sources: Sources, runs: Path, resume: bool) -> tuple[list[Told], list[str]]:
    """All steps, each trained in `runs`/<name>.work; also what was left out of the data, as text.

    What is finished there is not made again with `resume`. Raises InputError for recipes of other photos, and as
    `judge_folds` does.
    """
    refuse_unlike(list(recipes.settings.values()))
    trained: dict[str, _Trained] = {}
    told, left_out = [], []
    for step in tqdm(recipes.steps, desc="story", unit=" steps"):
        if step.recipe not in trained:
            one = _trained(recipes.settings[step.recipe], sources, runs, resume)
            trained[step.recipe] = one
            left_out += [text for text in one.folds.left_out if text not in left_out]
        told.append(_told(step, trained[step.recipe], runs, resume))
    return told, left_out


def _trained(settings: Settings, sources: Sources, runs: Path, resume: bool) -> _Trained:
    work = work_folder(runs / settings.name)
    photos = work_folder(runs / "_".join((SHARED, *settings.more_photos)))
    folds = judge_folds(settings, sources, work, resume, photos=photos)
    choices = choices_on(settings, folds.development.table, folds.predictions)
    predictions = folds.predictions.sort_values("image_id", ignore_index=True)
    return _Trained(settings, folds, predictions, choices.temperature, work)


def _told(step: Step, trained: _Trained, runs: Path, resume: bool) -> Told:
    settings, predictions = trained.settings, trained.predictions
    probability, cost = ANSWERS[step.answers](trained, runs, resume)
    labels = truth(predictions, settings.task)
    shares = class_shares(settings, trained.folds.development.table)
    by_prior = decisions(probability, best_decision_prior(probability, labels, shares))
    own = by_prior if step.decided == "decision prior" else _decided_as_trained(trained)
    return Told(step, settings, predictions, probability, own, by_prior, cost)


def _decided_as_trained(trained: _Trained) -> Labels:
    """The class most probable where classes have the shares that training showed, (N,): nothing is chosen for it."""
    raw = probabilities(logits(trained.predictions, "photo", trained.settings.task), 1.0)
    return decisions(raw, shown_prior(trained.settings, trained.folds))


def shown_prior(settings: Settings, folds: Folds) -> Floats:
    """Actual over shown share of each class, (classes,): what `fit` put into the network's probabilities."""
    table = folds.development.table
    learning, _ = training_sides(table, ~in_fold(table, settings.figure_folds[0]), settings.seed)
    labels = class_indices(table["diagnosis"][learning], settings.task)
    classes = len(codes(settings.task))
    shown = shown_shares(labels, classes, settings.training)
    return np.exp(prior_shift(shown, actual_shares(labels, classes)))


def _from_photo(trained: _Trained, _runs: Path, _resume: bool) -> tuple[Floats, Cost]:
    epochs, minutes = training_cost(trained.settings, trained.work)
    stage = trained.work / fold_stage(trained.settings.figure_folds[0])
    network = keras.saving.load_model(stage / NETWORK, compile=False)
    return _of_network(trained, "photo"), Cost(network.count_params(), epochs, 60 * minutes)


def _from_both(trained: _Trained, _runs: Path, _resume: bool) -> tuple[Floats, Cost]:
    return _of_network(trained, "both"), Cost()


def _of_network(trained: _Trained, mode: str) -> Floats:
    return probabilities(logits(trained.predictions, mode, trained.settings.task), trained.temperature)


def _from_details(trained: _Trained, _runs: Path, _resume: bool) -> tuple[Floats, Cost]:
    return probabilities(logits(trained.predictions, "details", trained.settings.task), 1.0), Cost()


def _from_baseline(trained: _Trained, runs: Path, resume: bool) -> tuple[Floats, Cost]:
    settings = trained.settings
    folder = opened(work_folder(runs / BASELINE), settings, resume)
    answers, seconds = baseline(settings, trained.folds.development, folder)
    found = answers.set_index("image_id").loc[trained.predictions["image_id"], list(codes(settings.task))]
    return probabilities(found.to_numpy(), 1.0), Cost(seconds=seconds)


ANSWERS: dict[str, Callable[[_Trained, Path, bool], tuple[Floats, Cost]]] = {
    "photo": _from_photo,
    "both": _from_both,
    "details": _from_details,
    "baseline": _from_baseline,
}
