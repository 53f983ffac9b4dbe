"""Teachers, and what a student learns from them: knowledge distillation (Hinton et al. 2015, arXiv:1503.02531).

The teachers answer for the very photo that the student is shown, changed and mixed (Beyer et al. 2022, arXiv:2106.05237).
A student that is judged on a fold learns from networks of the same stage, which never saw the fold: see `teachers_of`.
A teacher answers only for photos of the data sets that it learned from itself: see `known_to_teachers`.
"""

import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import keras
import numpy as np
from keras import ops
from numpy.typing import NDArray

from data_modelling.datasets.companions import KNOWN
from data_modelling.inference.errors import InputError
from data_modelling.networks.fusion import build_network
from data_modelling.settings import Settings, from_dict, read_settings
from data_modelling.training.checkpoint import NETWORK
from data_modelling.training.precision import training_dtype

RECIPE = ".toml"
LEAST_KNOWN = 1e-6  # of the weights of a photo together; less is none
# Two runs whose stages of one name left out the same photos agree in these.
SAME = ("task", "split", "folds", "generated_lesions")


def teachers_of(settings: Settings, folder: Path) -> list[keras.Model]:
    """The networks that teach a training in `folder`, such as RUNS/ham10000.work/fold0; frozen.

    They are those of the same stage in the runs that settings.training.teachers names. Raises InputError for a run that
    is not there, has not finished the stage, or was judged on another split.
    """
    works = [work_of(named, folder.parent.parent) for named in settings.training.teachers]
    return [_teacher(settings, work, folder.name) for work in works]


def known_to_teachers(
    settings: Settings, folder: Path, sources: Sequence[str], own: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """1 where a photo is of a set that the teacher learned from, else 0: (photos, teachers of `teachers_of`).

    sources: of the photos, as datasets.companions names them. own: whether they are of the recipe's own data set, (photos,),
    which every teacher learned from.
    """
    columns = []
    for named in settings.training.teachers:
        theirs = _settings_of(work_of(named, folder.parent.parent))
        learned = [KNOWN[name].name for name in theirs.more_photos]
        columns.append(own | np.isin(np.asarray(sources, str), learned))
    return np.stack(columns, axis=1).astype(np.float32)


def work_of(named: str, runs: Path) -> Path:
    """The work folder of a teacher: that of a recipe (.toml) is in `runs`, under the name of its file."""
    path = Path(named)
    return runs / f"{path.stem}.work" if path.suffix == RECIPE else path


def recipes_of_teachers(settings: Settings) -> dict[Path, Settings]:
    """The recipes among the teachers, by file, for the same folds. InputError for one that may see what is judged."""
    files = [Path(named) for named in settings.training.teachers if named.endswith(RECIPE)]
    found = {
        file: replace(read_settings(file), folds=settings.folds, figure_folds=settings.figure_folds)
        for file in files
    }
    for file, theirs in found.items():
        _refuse_other_folds(settings, theirs, file)
    return found


def teacher(settings: Settings, saved: Path) -> keras.Model:
    """A saved network of these settings as it teaches: frozen, in the dtype of the training."""
    network = build_network(settings, training_dtype(settings.training.bfloat16))
    network.set_weights(keras.saving.load_model(saved, compile=False).get_weights())
    network.trainable = False
    return network


def _teacher(settings: Settings, work: Path, stage: str) -> keras.Model:
    saved, theirs = work / stage / NETWORK, _settings_of(work)
    if not saved.exists():
        raise InputError(f"training.teachers: {work} has no finished {stage}; train it first.")
    _refuse_other_folds(settings, theirs, work)
    same_dtype = replace(theirs, training=replace(theirs.training, bfloat16=settings.training.bfloat16))
    network = teacher(same_dtype, saved)
    return network if network.input["photo"].shape[1] == settings.network.edge else _seeing(network, settings)


def _settings_of(work: Path) -> Settings:
    noted = work / "settings.json"
    if not noted.exists():
        raise InputError(f"training.teachers: {work} is no work folder of a run; train it first.")
    return from_dict(json.loads(noted.read_text()))


def _refuse_other_folds(settings: Settings, theirs: Settings, named: Path) -> None:
    for key in SAME:
        if getattr(theirs, key) != getattr(settings, key):
            raise InputError(
                f"training.teachers: {named} has another {key}, so that its networks may have seen what this one is "
                "judged on."
            )


def _seeing(network: keras.Model, settings: Settings) -> keras.Model:
    """The network, asked for photos of the settings' edge: they are made as large or small as it knows them."""
    edge, own = settings.network.edge, network.input["photo"].shape[1]
    photo = keras.Input((edge, edge, 3), name="photo")
    details = keras.Input(network.input["details"].shape[1:], name="details")
    sized = keras.layers.Resizing(own, own, antialias=True, dtype="float32")(photo)
    asked = keras.Model(
        {"photo": photo, "details": details}, network({"photo": sized, "details": details}, training=False)
    )
    asked.trainable = False
    return asked


class Teaching:
    """What a student learns from its teachers: `share` of its loss.

    shift: what fits a network of the class shares that the student is shown to the actual ones, (classes,); the
    teachers' heads have it already.
    """

    def __init__(self, teachers: Sequence[keras.Model], shift: NDArray[np.floating], share: float) -> None:
        self.teachers, self.shift, self.share = teachers, np.asarray(shift, np.float32), share

    def loss(self, inputs: dict[str, Any], logits: Any, known: Any = None) -> Any:
        """`share` times the mean cross entropy of the student's logits (N, classes) with the teachers' answers."""
        cross_entropy = -ops.sum(self.answers(inputs, known) * ops.log_softmax(logits, axis=-1), axis=-1)
        return self.share * ops.mean(cross_entropy)

    def answers(self, inputs: dict[str, Any], known: Any = None) -> Any:
        """The teachers' mean probabilities (N, classes), for the class shares that the student is shown.

        known: what each teacher's answer weighs, (N, teachers); None: all the same. Zeros where no teacher knows the photo.
        """
        found = [teacher(inputs, training=False)["logits"] - self.shift for teacher in self.teachers]
        answers = ops.stack([ops.softmax(logits, axis=-1) for logits in found], axis=1)
        if known is None:
            return ops.mean(answers, axis=1)
        weights = known / ops.maximum(ops.sum(known, axis=1, keepdims=True), LEAST_KNOWN)
        return ops.sum(weights[..., None] * answers, axis=1)
