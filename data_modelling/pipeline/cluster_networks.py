"""Train the networks of a run as tasks of a Ray cluster. A network's teachers (networks that it imitates) come first.

Each task trains one network with `train_networks`. The run's work folder, which keeps the networks and checkpoints, is
on a disk that all machines share. Ray repeats a task whose worker process died; the training resumes from a checkpoint.
"""

import json
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from types import ModuleType

from tqdm import tqdm

from data_modelling.inference.batch.ray_cluster import check_task, cluster_cores, retried_task
from data_modelling.pipeline.run_networks import train_networks
from data_modelling.pipeline.work_folder import has_teachers, network_names
from data_modelling.settings import Settings, settings_from_dict, settings_to_dict
from data_modelling.training.checkpoint import NETWORK_FILE
from data_modelling.training.development_set import DataFolders
from data_modelling.training.distillation import teacher_recipes, teacher_work_folder

Tasks = dict[tuple[Path, str], object]  # Ray's reference to each task, by work folder and name of the network


def train_networks_on_cluster(
    ray: ModuleType,
    settings: Settings,
    folders: DataFolders,
    work: Path,
    names: Sequence[str] | None,
    resume: bool,
) -> None:
    """Train the networks `names` of a run on a cluster, or all of its networks if `names` is None.

    Raises InputError like `train_networks`, and if the worker of a network died in every try.
    """
    work, names = work.resolve(), names or network_names(settings)
    at_once = min(len(names), cluster_cores(ray))
    task = retried_task(ray, _train_network, at_once)
    _prepare(settings, folders, work, names, resume)
    tasks: Tasks = {}
    for name in names:
        _start(partial(task.remote, folders), settings, work, name, tasks)
    networks = {reference: name for (_, name), reference in tasks.items()}
    with tqdm(total=len(networks), desc="networks", unit="network") as bar:
        waiting = list(networks)
        while waiting:
            finished, waiting = ray.wait(waiting)
            check_task(ray, finished[0], f"The network {networks[finished[0]]}")
            bar.update()


def _prepare(
    settings: Settings, folders: DataFolders, work: Path, names: Sequence[str], resume: bool
) -> None:
    """Open the work folders of the run and of its teachers, and decode the photos that the parallel tasks will read."""
    train_networks(settings, folders, work, [], resume)
    for recipe, teacher_settings in teacher_recipes(settings).items():
        teacher_work = teacher_work_folder(str(recipe), work.parent)
        learned = [name for name in names if has_teachers(name)]
        if not all(_is_finished(teacher_work, name) for name in learned):
            _prepare(teacher_settings, folders, teacher_work, learned, resume=True)


def _start(
    start: Callable[..., object], settings: Settings, work: Path, name: str, tasks: Tasks
) -> object | None:
    """Start a network's task after those of its teachers; return its reference, or None for a finished network."""
    if _is_finished(work, name):
        return None
    if (work, name) not in tasks:
        teachers = [
            _start(start, teacher_settings, teacher_work_folder(str(recipe), work.parent), name, tasks)
            for recipe, teacher_settings in teacher_recipes(settings).items()
            if has_teachers(name)
        ]
        tasks[work, name] = start(json.dumps(settings_to_dict(settings)), work, name, *teachers)
    return tasks[work, name]


def _is_finished(work: Path, name: str) -> bool:
    return (work / name / NETWORK_FILE).exists()


def _train_network(folders: DataFolders, recipe: str, work: Path, name: str, *_teachers: object) -> None:
    """Train one network. recipe: the settings as JSON. Ray starts this task after the teachers' tasks, `_teachers`."""
    train_networks(settings_from_dict(json.loads(recipe)), folders, work, [name], resume=True)
