"""What each change does, as a table: its figures on the data set and elsewhere, and paired differences from the recipe."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.ablation.trials import Trial
from data_modelling.datasets import elsewhere
from data_modelling.datasets.table import class_indices
from data_modelling.evaluation import intervals
from data_modelling.evaluation.calibration import best_decision_prior, best_temperature
from data_modelling.evaluation.contest import difference_columns, figure_columns
from data_modelling.evaluation.intervals import Judged
from data_modelling.evaluation.questions import auc, has_both
from data_modelling.evaluation.rounding import rounded
from data_modelling.inference.decision import cancer_columns, decisions, melanoma_column, probabilities
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import InputError
from data_modelling.training.shares import actual_shares

Floats = NDArray[np.float64]

LESS = "less"
# On the other sets' photos of the fold: the question, by source.
ELSEWHERE = {"ISIC_2017": "melanoma", "ISIC_2020": "melanoma", "PAD_UFES_20": "cancer"}


def rows(trials: Sequence[Trial]) -> pd.DataFrame:
    """A row a change: figures with intervals, paired differences from the first (`_less`), and costs.

    Raises InputError when the changes were not asked the same photos.
    """
    first = trials[0]
    for trial in trials[1:]:
        if trial.answers["image_id"].tolist() != first.answers["image_id"].tolist():
            raise InputError(
                f"{first.change.name} and {trial.change.name} were asked different photos; remove the older run."
            )
    judged = [judged_trial(trial) for trial in trials]
    names = list(judged[0].whole)
    table = []
    for trial, one in zip(trials, judged, strict=True):
        row = _facts(trial, first) | figure_columns(one, names)
        table.append(row | (difference_columns(judged[0], one, names, LESS) if trial is not first else {}))
    return pd.DataFrame(table)


def _facts(trial: Trial, first: Trial) -> dict[str, Any]:
    settings, inside = trial.change.settings, trial.answers["own"]
    return {
        "name": trial.change.name,
        "told": trial.change.told,
        "is_noise": trial.change.is_other_seed(first.change.settings),
        "split": settings.split,
        "folds": " ".join(map(str, settings.figure_folds)),
        "photos": int(inside.sum()),
        "groups": int(trial.answers.loc[inside, "group_id"].nunique()),
        "edge": settings.network.edge,
        "epochs": trial.epochs,
        "cpu_minutes": round(trial.minutes, 2),
        "source_guessed": rounded(trial.guess),
    }


def judged_trial(trial: Trial) -> Judged:
    """contest.FIGURES, on the data set itself, and `<source>_<question>_auc` of ELSEWHERE where the source is there with both kinds."""
    task, answers = trial.change.settings.task, trial.answers
    inside = answers["own"].to_numpy()
    scores = answers[list(codes(task))].to_numpy(np.float64)
    found = _on_own(answers[inside], scores[inside], task)
    for source, question in ELSEWHERE.items():
        there = (answers["source"] == source).to_numpy()
        if there.any():
            more = _on_other(answers[there], scores[there], source, question, task)
            found = Judged(found.whole | more.whole, found.drawn | more.drawn)
    return found


def _on_own(answers: pd.DataFrame, scores: Floats, task: str) -> Judged:
    labels = class_indices(answers["diagnosis"], task)
    probability = probabilities(scores, best_temperature(scores, labels))
    prior = best_decision_prior(probability, labels, actual_shares(labels, scores.shape[1]))
    groups = intervals.group_indices(answers["group_id"])
    judged = intervals.judge(labels, probability, decisions(probability, prior), groups)
    place = melanoma_column(task)
    return Judged(
        {name: judged.whole[name] for name in ("macro_auc", "balanced_accuracy")}
        | {"melanoma_auc": judged.whole["auc"][place]},
        {name: judged.drawn[name] for name in ("macro_auc", "balanced_accuracy")}
        | {"melanoma_auc": judged.drawn["auc"][:, place]},
    )


def _on_other(answers: pd.DataFrame, scores: Floats, source: str, question: str, task: str) -> Judged:
    probability = probabilities(scores, 1.0)
    column = cancer_columns(task) if question == "cancer" else [melanoma_column(task)]
    positive = _positive(answers["diagnosis"], question, task)
    if not has_both(positive):
        return Judged({}, {})
    score = probability[:, column].sum(axis=1)
    name, groups = f"{source}_{question}_auc", intervals.group_indices(answers["group_id"])
    drawn = intervals.drawn_aucs(score, positive, groups)
    return Judged({name: np.asarray(auc(score, positive))}, {name: drawn})


def _positive(diagnoses: pd.Series, question: str, task: str) -> NDArray[np.bool_]:
    """Which photos show what is asked; a lesion only known to be benign does not."""
    places = np.array([elsewhere.class_of(diagnosis, task) for diagnosis in diagnoses])
    of_class = (
        cancer_columns(task) if question == "cancer" else np.arange(len(codes(task))) == melanoma_column(task)
    )
    return (places >= 0) & np.asarray(of_class)[places]
