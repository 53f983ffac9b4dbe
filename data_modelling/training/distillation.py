"""Lets a network (the student) learn from the answers of trained networks (its teachers): knowledge distillation.

The method is from Hinton et al. 2015 (arXiv:1503.02531). The teachers get the same augmented and mixed photo as the
student (Beyer et al. 2022, arXiv:2106.05237). A student that is evaluated on a fold has only teachers that were trained
without this fold; see `load_teachers`. A teacher answers only for the data sets it was trained on; see `teacher_mask`.
"""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from msgspec import structs
from numpy.typing import NDArray

from data_modelling.datasets.extra_sets import sources_of_sets
from data_modelling.inference.errors import InputError
from data_modelling.networks.model import build_network, training_dtype
from data_modelling.settings import Settings, read_settings, settings_from_dict
from data_modelling.training.checkpoint import NETWORK_FILE

RECIPE_SUFFIX = ".toml"
SMALLEST_WEIGHT_SUM = 1e-6  # a photo whose teacher weights sum to less has no teacher
# If two runs agree in these settings, their networks of the same stage, such as fold0, leave out the same photos.
SHARED_SETTINGS = ("task", "split", "generated_lesions")


def load_teachers(settings: Settings, folder: Path) -> list[keras.Model]:
    """Return the frozen networks that teach a training in `folder`, such as RUNS/ham10000.work/fold0.

    They are the networks of this stage (fold0) in the runs that settings.training.teachers names. Raises InputError for
    a run that does not exist, has not finished the stage, or differs in SHARED_SETTINGS.
    """
    work_folders = [teacher_work_folder(name, folder.parent.parent) for name in settings.training.teachers]
    return [_load_teacher(settings, work, folder.name) for work in work_folders]


def teacher_mask(
    settings: Settings, folder: Path, sources: NDArray[np.str_], is_own: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Return an array (photos, teachers): 1 if the teacher was trained on the photo's data set, else 0.

    The teachers are in the order of `load_teachers`. sources: (photos,), the source of each photo in its table.
    is_own: (photos,), whether a photo is of the recipe's own data set; every teacher was trained on this set.
    """
    works = (teacher_work_folder(name, folder.parent.parent) for name in settings.training.teachers)
    known = [list(sources_of_sets(_read_run_settings(work).more_photos)) for work in works]
    return np.stack([is_own | np.isin(sources, names) for names in known], axis=1).astype(np.float32)


def teacher_work_folder(teacher: str, runs: Path) -> Path:
    """Return a teacher's folder of finished stages: `runs`/a.work if the teacher is a recipe a.toml, else `teacher`."""
    path = Path(teacher)
    return runs / f"{path.stem}.work" if path.suffix == RECIPE_SUFFIX else path


def teacher_recipes(settings: Settings) -> dict[Path, Settings]:
    """Return the settings of each teacher that is a recipe, by file. Their figure_folds are those of `settings`.

    Raises InputError for a recipe that may train on photos on which the student is evaluated.
    """
    recipes = {}
    for file in (Path(name) for name in settings.training.teachers if name.endswith(RECIPE_SUFFIX)):
        recipes[file] = structs.replace(read_settings(file), figure_folds=settings.figure_folds)
        _refuse_other_folds(settings, recipes[file], file)
    return recipes


def _load_teacher(settings: Settings, work: Path, stage: str) -> keras.Model:
    saved, teacher = work / stage / NETWORK_FILE, _read_run_settings(work)
    if not saved.exists():
        raise InputError(f"training.teachers: {work} has no finished {stage}; train that first.")
    _refuse_other_folds(settings, teacher, work)
    network = build_network(teacher, training_dtype(settings.training.bfloat16))
    network.set_weights(keras.saving.load_model(saved, compile=False).get_weights())
    network.trainable = False
    edge, teacher_edge = settings.network.edge, teacher.network.edge
    if edge == teacher_edge:
        return network
    photo = keras.Input((edge, edge, 3), name="photo")
    details = keras.Input(network.input["details"].shape[1:], name="details")
    resized = keras.layers.Resizing(teacher_edge, teacher_edge, antialias=True, dtype="float32")(photo)
    outputs = network({"photo": resized, "details": details}, training=False)
    resizing_network = keras.Model({"photo": photo, "details": details}, outputs)
    resizing_network.trainable = False
    return resizing_network


def _read_run_settings(work: Path) -> Settings:
    settings_file = work / "settings.json"
    if not settings_file.exists():
        raise InputError(f"training.teachers: {work} is no work folder of a run; train that first.")
    return settings_from_dict(json.loads(settings_file.read_text()))


def _refuse_other_folds(settings: Settings, teacher_settings: Settings, teacher: Path) -> None:
    for key in SHARED_SETTINGS:
        if getattr(teacher_settings, key) != getattr(settings, key):
            raise InputError(
                f"training.teachers: {teacher} has another {key}, so its networks may have seen photos on "
                "which this network is evaluated."
            )


class DistillationLoss:
    """Computes the part of a student's loss that compares the student with its teachers.

    shift: (classes,), see class_balance.prior_shift. The teachers' logits fit the true class shares. When the shift is
    subtracted, they fit the class shares of the student's training. share: the weight of this part in the loss.
    """

    def __init__(self, teachers: Sequence[keras.Model], shift: NDArray[np.floating], share: float) -> None:
        self.teachers, self.shift, self.share = teachers, np.asarray(shift, np.float32), share

    def loss(self, inputs: dict[str, Any], logits: Any, teacher_weights: Any = None) -> Any:
        """Return `share` times the mean cross entropy between the logits (N, classes) and the teachers' answers."""
        cross_entropy = -ops.sum(
            self.teacher_probabilities(inputs, teacher_weights) * ops.log_softmax(logits, axis=-1), axis=-1
        )
        return self.share * ops.mean(cross_entropy)

    def teacher_probabilities(self, inputs: dict[str, Any], teacher_weights: Any = None) -> Any:
        """Return the teachers' mean probabilities (N, classes), for the class shares of the student's training.

        teacher_weights: (N, teachers), the weight of each teacher's answer; None means equal weights. The probabilities
        are zero for a photo that no teacher knows.
        """
        teacher_logits = [teacher(inputs, training=False)["logits"] - self.shift for teacher in self.teachers]
        probabilities = ops.stack([ops.softmax(logits, axis=-1) for logits in teacher_logits], axis=1)
        if teacher_weights is None:
            return ops.mean(probabilities, axis=1)
        weights = teacher_weights / ops.maximum(
            ops.sum(teacher_weights, axis=1, keepdims=True), SMALLEST_WEIGHT_SUM
        )
        return ops.sum(weights[..., None] * probabilities, axis=1)
