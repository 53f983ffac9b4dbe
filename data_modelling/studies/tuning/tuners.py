"""Adapt KerasTuner to the problems of a long search: a failing trial, a killed process, a full disk.

Each trial has a folder. Its `result.json` has the result of the trial, or why it failed; a trial whose process was killed
resumes from its last epoch. KerasTuner itself would end a search after a few failing trials, leave Hyperband waiting for
a failed one, and continue a promoted trial from weights whose schedule has ended at zero. It also writes its files in
place, so a full disk leaves them empty; here they are written completely or not at all.
"""

import json
import warnings
from pathlib import Path
from typing import Any

import keras_tuner
from keras_tuner import oracles
from keras_tuner.engine import base_tuner
from keras_tuner.engine import trial as trials
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.studies.tuning.hypermodel import OBJECTIVE, CNNHyperModel
from data_modelling.studies.tuning.trial_files import (
    RESULT_FILE,
    TRIAL_FILE,
    is_full_disk,
    set_aside,
    set_aside_broken_files,
)

CHANCE_AUC = 0.5  # the objective of a failed trial, and of a network that guesses
FACTOR = 3  # Hyperband trains this many times longer, and as many times fewer networks, from round to round
# Share of random trials in a Bayesian search; Keras's default of three for each hyperparameter can be all trials.
RANDOM_SHARE = 1 / 3
FAILURE = "failure"
SEED_FOR_ZERO = 10_001  # KerasTuner takes 0 for "no seed", and could not repeat its draws


class Search(base_tuner.BaseTuner):
    """Run one of KerasTuner's oracles over a hypermodel, each trial in its own folder."""

    def run_trial(self, trial: trials.Trial, *_: Any, **__: Any) -> dict[str, float]:
        """Build and fit a trial's network from new weights; OBJECTIVE is CHANCE_AUC if that fails."""
        folder = Path(self.get_trial_dir(trial.trial_id))
        result = finish_trial(self.hypermodel, trial.hyperparameters, folder)
        tqdm.write(f"{folder.name}: macro AUC {result[OBJECTIVE]:.4f}")
        return {OBJECTIVE: result[OBJECTIVE]}

    def _try_run_and_update_trial(self, trial: trials.Trial, *_: Any, **__: Any) -> None:
        """Run a trial; an error here ends the search, because run_trial handles the errors of a trial."""
        self._run_and_update_trial(trial)
        trial.status = trials.TrialStatus.COMPLETED

    def take_result(self, trial: trials.Trial) -> None:
        """Hand the result of a trial that ran elsewhere to the oracle."""
        self._try_run_and_update_trial(trial)
        self.on_trial_end(trial)

    def save(self) -> None:
        """Write KerasTuner's state."""
        self.oracle.save()
        with atomic_write(Path(self._get_tuner_fname())) as temporary:
            temporary.write_text(json.dumps(self.get_state()))


def finish_trial(
    hypermodel: CNNHyperModel, values: keras_tuner.HyperParameters, folder: Path
) -> dict[str, Any]:
    """Return the result of the trial in `folder`; train its network first if the folder has none."""
    path = folder / RESULT_FILE
    if not path.exists():
        result = _fit_or_fail(hypermodel, values, folder)
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(result, indent=1) + "\n")
    return dict(json.loads(path.read_text()))


def _fit_or_fail(
    hypermodel: CNNHyperModel, values: keras_tuner.HyperParameters, folder: Path
) -> dict[str, Any]:
    try:
        return hypermodel.fit(values, hypermodel.build(values), folder)
    except Exception as error:
        if is_full_disk(error) or (isinstance(error, OSError) and error.errno is not None):
            raise  # the cause is the system, not the hyperparameters
        reason = f"{type(error).__name__}: {error}"
        tqdm.write(f"Trial {folder.name} failed and counts as chance. {reason}")
        return {OBJECTIVE: CHANCE_AUC, FAILURE: reason}


class _FromStart:
    """Make the search's own recipe the first trial of an oracle, so that the best trial is never worse.

    The oracle writes its files completely or not at all.
    """

    def save(self: Any) -> None:
        """Write the oracle's state."""
        with atomic_write(Path(self._get_oracle_fname())) as temporary:
            temporary.write_text(json.dumps(self.get_state()))

    def _save_trial(self: Any, trial: trials.Trial) -> None:
        """Write a trial; a folder with results of other hyperparameters is set aside first."""
        path = Path(self._get_trial_dir(trial.trial_id)) / TRIAL_FILE
        if path.exists() and _differ(trials.Trial.load(str(path)), trial):
            set_aside(path.parent)
        with atomic_write(path) as temporary:
            temporary.write_text(json.dumps(trial.get_state()))

    def populate_space(self: Any, trial_id: str) -> dict[str, Any]:
        if self.trials:
            space: dict[str, Any] = super().populate_space(trial_id)  # type: ignore[misc]  # the oracle's
            return space
        values = {parameter.name: parameter.default for parameter in self.hyperparameters.space}
        return {"status": trials.TrialStatus.RUNNING, "values": values}


class HyperbandFromStart(_FromStart, oracles.HyperbandOracle):
    """Run Hyperband (Li et al. 2018, arXiv:1603.06560); the start is trained at full length, outside the brackets."""


class RandomFromStart(_FromStart, oracles.RandomSearchOracle):
    """Draw values at random."""


class BayesianFromStart(_FromStart, oracles.BayesianOptimizationOracle):
    """Fit a Gaussian process to the finished trials (Snoek et al. 2012, arXiv:1206.2944)."""

    def populate_space(self, trial_id: str) -> dict[str, Any]:
        with warnings.catch_warnings():
            # With few trials the process cannot fit its length scale yet; its proposals are then as good as random.
            warnings.simplefilter("ignore", ConvergenceWarning)
            return super().populate_space(trial_id)


def _differ(first: trials.Trial, second: trials.Trial) -> bool:
    """Return whether two trials have a hyperparameter with two values."""
    values, other_values = first.hyperparameters.values, second.hyperparameters.values
    return any(values[name] != other_values[name] for name in values.keys() & other_values.keys())


def create_search(
    kind: str, hypermodel: CNNHyperModel, folder: Path, trials: int, epochs: int, seed: int
) -> Search:
    """Return a search in `folder`/`kind`; an existing search is resumed.

    Files that cannot be read are set aside first, see trial_files.

    kind: hyperband, random or bayesian. trials: number of networks; Hyperband makes as many as its brackets have. epochs:
    of the longest training.
    """
    for path in set_aside_broken_files(folder / kind):
        tqdm.write(
            f"{path} is empty, torn or out of date; it was set aside, and its part of the search is repeated."
        )
    seed = seed or SEED_FOR_ZERO
    objective = keras_tuner.Objective(OBJECTIVE, "max")
    if kind == "hyperband":
        oracle = HyperbandFromStart(objective, max_epochs=epochs, factor=FACTOR, seed=seed)
    elif kind == "random":
        oracle = RandomFromStart(objective, max_trials=trials, seed=seed)
    else:
        random_trials = max(1, round(RANDOM_SHARE * trials))
        oracle = BayesianFromStart(objective, max_trials=trials, num_initial_points=random_trials, seed=seed)
    return Search(oracle, hypermodel, str(folder), kind)
