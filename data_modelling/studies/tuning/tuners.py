"""Run the trials (trainings) of a hyperparameter search in this process or on a cluster, each in a folder of its own.

An oracle of KerasTuner proposes the hyperparameters of each trial. KerasTuner's own tuners are not used. They would end
a search after a few failed trials, make Hyperband (a search method) wait for a failed trial, and give a network more
epochs after its learning rate has fallen to zero. An oracle's state is not saved, because the same seed gives the same
trials again. A resumed search reads the results of finished trials, and resumes a stopped trial after its last epoch.
"""

import errno
import json
import shutil
import warnings
from functools import cache, partial
from pathlib import Path
from types import ModuleType
from typing import Any

import keras_tuner
from keras_tuner import oracles
from keras_tuner.engine import trial as trials
from sklearn.exceptions import ConvergenceWarning
from tqdm import tqdm

from data_modelling.inference.batch.ray_cluster import check_task, retried_task
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.pipeline.run_networks import open_run
from data_modelling.settings import Settings, settings_from_dict, settings_to_dict
from data_modelling.studies.tuning.hypermodel import OBJECTIVE, CNNHyperModel, trial_photos
from data_modelling.studies.tuning.search_space import trial_settings
from data_modelling.training.development_set import DataFolders

TRIAL_FILE, RESULT_FILE = "trial.json", "result.json"  # in a trial's folder: hyperparameters and result
CHANCE_AUC = 0.5  # the objective of a failed trial, and of a network that guesses
FACTOR = 3  # each round of Hyperband keeps 1/FACTOR of the networks and trains them FACTOR times as long
# Share of random trials in a Bayesian search. KerasTuner's default, 3 per hyperparameter, could make all trials random.
RANDOM_SHARE = 1 / 3
FAILURE = "failure"
SEED_FOR_ZERO = 10_001  # replaces the seed 0, with which KerasTuner would draw other trials each time
FULL_DISK_ERRORS = {errno.ENOSPC, errno.EDQUOT}
FULL_DISK_TEXT = "No space left on device"  # in the text of errors that have no errno


class _FromStart:
    """Begin a search with a trial of its unchanged recipe, so that the best trial is at least as good as the recipe."""

    def save(self: Any) -> None:
        """Write nothing, because the seed gives the same trials again."""

    def _save_trial(self: Any, trial: trials.Trial) -> None:
        """Write nothing; `finish_trial` writes the files of a trial."""

    def populate_space(self: Any, trial_id: str) -> dict[str, Any]:
        if self.trials:
            with warnings.catch_warnings():
                # After few trials, the fit of the Gaussian process may not converge, but the search can go on.
                warnings.simplefilter("ignore", ConvergenceWarning)
                space: dict[str, Any] = super().populate_space(trial_id)  # type: ignore[misc]  # of the oracle class
                return space
        values = {parameter.name: parameter.default for parameter in self.hyperparameters.space}
        return {"status": trials.TrialStatus.RUNNING, "values": values}


class HyperbandFromStart(_FromStart, oracles.HyperbandOracle):
    """Run Hyperband (Li et al. 2018, arXiv:1603.06560), after a first trial of the recipe with all epochs."""


class RandomFromStart(_FromStart, oracles.RandomSearchOracle):
    """Draw the hyperparameters at random for each trial after the first."""


class BayesianFromStart(_FromStart, oracles.BayesianOptimizationOracle):
    """Choose trials by a Gaussian process, fitted to the finished trials (Snoek et al. 2012, arXiv:1206.2944)."""


def create_oracle(kind: str, base: Settings, trials: int) -> keras_tuner.Oracle:
    """Return the oracle of a search that starts from `base`; no trial has more epochs than `base`.

    kind: hyperband, random or bayesian. trials: how many to run; Hyperband derives this number from the epochs instead.
    """
    seed, objective = base.seed or SEED_FOR_ZERO, keras_tuner.Objective(OBJECTIVE, "max")
    if kind == "hyperband":
        oracle = HyperbandFromStart(objective, max_epochs=base.training.epochs, factor=FACTOR, seed=seed)
    elif kind == "random":
        oracle = RandomFromStart(objective, max_trials=trials, seed=seed)
    else:
        random_trials = max(1, round(RANDOM_SHARE * trials))
        oracle = BayesianFromStart(objective, max_trials=trials, num_initial_points=random_trials, seed=seed)
    oracle.verbose = 0  # prints none of KerasTuner's tables; each trial prints a line of its own
    space = oracle.get_space()
    trial_settings(space, base)  # declares the hyperparameters in `space`
    oracle.update_space(space)
    return oracle


def run_trials_here(
    oracle: keras_tuner.Oracle, hypermodel: CNNHyperModel, _sources: DataFolders, folder: Path
) -> None:
    """Run the trials in this process, one after the other; `folder` gets a folder for each trial."""
    while trial := _next_trial(oracle, "here"):
        finish_trial(hypermodel, trial.hyperparameters.values, trial_folder(folder, trial))
        _take_result(oracle, trial, folder)


def run_trials_on_cluster(
    oracle: keras_tuner.Oracle,
    hypermodel: CNNHyperModel,
    sources: DataFolders,
    folder: Path,
    ray: ModuleType,
    workers: int,
) -> None:
    """Run the trials as tasks of a Ray cluster, `workers` at a time; the oracle stays in this process.

    Ray repeats a task whose worker died. Raises InputError if the worker died in every try of a trial, or if this
    process does not find the result of a finished trial.
    """
    task = retried_task(ray, _run_trial, workers)
    recipe = json.dumps(settings_to_dict(hypermodel.base))
    start = partial(task.remote, recipe, sources, folder.parent.resolve())
    idle = [f"worker{number}" for number in range(workers)]  # names of the workers that have no trial
    running: dict[object, tuple[str, trials.Trial]] = {}
    while True:
        while idle and (trial := _next_trial(oracle, idle[-1])):
            place = trial_folder(folder, trial).resolve()
            running[start(trial.hyperparameters.values, place)] = idle.pop(), trial
        if not running:
            return
        finished, _ = ray.wait(list(running))
        worker, trial = running.pop(finished[0])
        # This raises an error if the task failed. A failed training is no failed task; the trial's result reports it.
        check_task(ray, finished[0], f"Trial {trial.trial_id}")
        if not (trial_folder(folder, trial) / RESULT_FILE).exists():
            raise InputError(f"Not all nodes share the disk of {folder}; choose an --out on a shared disk.")
        _take_result(oracle, trial, folder)
        idle.append(worker)


@cache
def _hypermodel(recipe: str, sources: DataFolders, folder: Path) -> CNNHyperModel:
    """Return the hypermodel, which builds and trains the networks of a search; a worker keeps it for its next trial.

    recipe: the recipe of the search, as JSON. folder: the folder of the search, with the decoded photos.
    """
    base = settings_from_dict(json.loads(recipe))
    development = open_run(base, sources, folder).development
    return CNNHyperModel(base, trial_photos(base, development, *base.figure_folds))


def _run_trial(recipe: str, sources: DataFolders, folder: Path, values: dict[str, Any], place: Path) -> None:
    finish_trial(_hypermodel(recipe, sources, folder), values, place)


def trial_folder(folder: Path, trial: trials.Trial) -> Path:
    """Return the folder of a trial."""
    return folder / f"trial_{trial.trial_id}"


def _next_trial(oracle: keras_tuner.Oracle, worker: str) -> trials.Trial | None:
    """Return a new trial, or None if the oracle waits for running trials or has no more trials."""
    trial = oracle.create_trial(worker)
    return trial if trial.status == trials.TrialStatus.RUNNING else None


def _take_result(oracle: keras_tuner.Oracle, trial: trials.Trial, folder: Path) -> None:
    """Hand the result of a trial to the oracle."""
    place = trial_folder(folder, trial)
    objective = json.loads((place / RESULT_FILE).read_text())[OBJECTIVE]
    tqdm.write(f"{place.name}: macro AUC {objective:.4f}")
    oracle.update_trial(trial.trial_id, {OBJECTIVE: objective})
    trial.status = trials.TrialStatus.COMPLETED
    oracle.end_trial(trial)


def finish_trial(hypermodel: CNNHyperModel, values: dict[str, Any], folder: Path) -> None:
    """Train the network of a trial and write its result, unless `folder` has one. A failed training gets CHANCE_AUC.

    If `folder` belongs to a trial with other hyperparameters than `values`, the folder is emptied first.
    """
    trial, result = folder / TRIAL_FILE, folder / RESULT_FILE
    if _read(trial).get("hyperparameters", {}).get("values") != json.loads(json.dumps(values)):
        shutil.rmtree(folder, ignore_errors=True)
        write_json(trial, {"hyperparameters": {"values": values}})
    if not _read(result):
        write_json(result, _fit_or_fail(hypermodel, values, folder))


def _read(path: Path) -> dict[str, Any]:
    """Return the content of a JSON file, or {} if it is missing, or if a power cut left it empty or incomplete."""
    try:
        content = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}


def _fit_or_fail(hypermodel: CNNHyperModel, values: dict[str, Any], folder: Path) -> dict[str, Any]:
    hyperparameters = keras_tuner.HyperParameters()
    hyperparameters.values = dict(values)
    try:
        return hypermodel.fit(hyperparameters, hypermodel.build(hyperparameters), folder)
    except Exception as error:
        if is_full_disk(error) or (isinstance(error, OSError) and error.errno is not None):
            raise  # the cause is the system, not the hyperparameters
        reason = f"{type(error).__name__}: {error}"
        tqdm.write(f"Trial {folder.name} failed and gets the AUC of chance. {reason}")
        return {OBJECTIVE: CHANCE_AUC, FAILURE: reason}


def is_full_disk(error: BaseException | None) -> bool:
    """Return whether an error, or an error that caused it, says that the disk is full."""
    while error is not None:
        if (isinstance(error, OSError) and error.errno in FULL_DISK_ERRORS) or FULL_DISK_TEXT in str(error):
            return True
        error = error.__cause__ or error.__context__
    return False
