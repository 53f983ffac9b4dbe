"""Run the trials of a search as tasks of a Ray cluster, with KerasTuner's oracle in this process.

Ray repeats a task whose worker died; the trial then continues from its last epoch. The oracle gets the result of a
trial once, from the trial's folder, which all nodes see.
"""

import json
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from types import ModuleType

import keras_tuner
from keras_tuner.engine import trial as trials

from data_modelling.inference.batch.ray_cluster import check_task, retried_task
from data_modelling.inference.errors import InputError
from data_modelling.pipeline.run_data import DataFolders, load_development_set, prepare_data_folders
from data_modelling.settings import Settings, settings_from_dict, settings_to_dict
from data_modelling.studies.tuning.hypermodel import CNNHyperModel, trial_photos
from data_modelling.studies.tuning.trial_files import RESULT_FILE
from data_modelling.studies.tuning.tuners import Search, finish_trial


@dataclass(frozen=True)
class SearchData:
    """The inputs of a worker's hypermodel. folder: of the search, with the decoded photos."""

    base: Settings
    sources: DataFolders
    folder: Path


@cache
def _hypermodel(recipe: str, sources: DataFolders, folder: Path) -> CNNHyperModel:
    """Return the hypermodel of a search around a recipe, given as JSON; a worker keeps it for its next trial."""
    base = settings_from_dict(json.loads(recipe))
    folders = prepare_data_folders(base, sources, folder)
    development, _ = load_development_set(base, folders, folder)
    return CNNHyperModel(base, trial_photos(base, development, *base.figure_folds))


def _run_trial(
    recipe: str, sources: DataFolders, folder: Path, values: keras_tuner.HyperParameters, trial_folder: Path
) -> None:
    finish_trial(_hypermodel(recipe, sources, folder), values, trial_folder)


def search_on_cluster(tuner: Search, search_data: SearchData, ray: ModuleType, workers: int) -> None:
    """Run all trials of a search, `workers` at a time.

    Raises InputError if a trial's folder cannot be seen from here, or if its worker died in every try.
    """
    task = retried_task(ray, _run_trial, workers)
    recipe = json.dumps(settings_to_dict(search_data.base))
    start = partial(task.remote, recipe, search_data.sources, search_data.folder.resolve())
    idle = [
        f"worker{number}" for number in range(workers)
    ]  # the oracle knows each trial in work by one of these
    running: dict[object, tuple[str, trials.Trial]] = {}
    while True:
        while idle and (trial := _next_trial(tuner, idle[-1])):
            folder = Path(tuner.get_trial_dir(trial.trial_id)).resolve()
            running[start(trial.hyperparameters, folder)] = idle.pop(), trial
        if not running:
            return
        finished, _ = ray.wait(list(running))
        worker, trial = running.pop(finished[0])
        _end_trial(tuner, ray, finished[0], trial)
        idle.append(worker)


def _next_trial(tuner: Search, worker: str) -> trials.Trial | None:
    """Return a new trial; None while the oracle waits for running trials, or if it has no more."""
    trial = tuner.oracle.create_trial(worker)
    return trial if trial.status == trials.TrialStatus.RUNNING else None


def _end_trial(tuner: Search, ray: ModuleType, task: object, trial: trials.Trial) -> None:
    """Hand a trial's result to the oracle."""
    check_task(ray, task, f"Trial {trial.trial_id}")  # a fault of the trial itself is in its result
    if not (Path(tuner.get_trial_dir(trial.trial_id)) / RESULT_FILE).exists():
        raise InputError(f"{tuner.project_dir} is not on a disk that all nodes share; choose such an --out.")
    tuner.take_result(trial)
