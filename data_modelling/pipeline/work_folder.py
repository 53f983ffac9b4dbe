"""Opens and checks the work folder of a run, `OUT.work` beside the bundle `OUT`, from which a stopped run resumes."""

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pandas as pd
from msgspec.structs import replace

from data_modelling.datasets.extra_sets import companions
from data_modelling.datasets.registry import find_folder
from data_modelling.datasets.splits.assignment import read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import write_json
from data_modelling.metrics.predictions import write_table
from data_modelling.settings import Settings, settings_from_dict, settings_to_dict
from data_modelling.training.checkpoint import LEFT_OUT_PREFIX, SERVED_STAGE, fold_stage, left_out_stage

# An unfinished run may be resumed with other values of these settings, because no finished network depends on them.
CHANGEABLE_SETTINGS = ("version", "figure_folds", "left_out_clinics", "unseen_sets")
ANSWERS_FILE, KEY_FILE = "answers.csv", "answers.json"  # see `saved_answers`
DECIMALS = 6  # decimals of logits and probabilities in ANSWERS_FILE


def work_folder(out: Path) -> Path:
    """Return the work folder of the run that makes the bundle `out`."""
    return out.with_name(f"{out.name}.work")


def fold_names(settings: Settings) -> list[str]:
    """Return the names of the networks that are trained without one fold; fold0 is trained without fold 0."""
    return [fold_stage(fold) for fold in settings.figure_folds]


def network_names(settings: Settings) -> list[str]:
    """Return the names of all networks of a run, such as fold0, served, without_MSK and fold0_without_DF."""
    clinics = map(left_out_stage, settings.left_out_clinics)
    classes = (class_stage(settings, code) for code in settings.left_out)
    return [*fold_names(settings), SERVED_STAGE, *clinics, *classes]


def class_stage(settings: Settings, code: str) -> str:
    """Return the name of the network that is trained without a class and without the first of figure_folds."""
    return f"{fold_stage(settings.figure_folds[0])}_{left_out_stage(code)}"


def has_teachers(name: str) -> bool:
    """Return whether a network imitates the recipe's teachers. Networks trained without a clinic or class do not."""
    return LEFT_OUT_PREFIX not in name


def check_run(
    settings: Settings, data_root: Path | None, splits: Path, out: Path, names: Sequence[str], resume: bool
) -> None:
    """Check a run before anything is written and before Keras is loaded; raise InputError for a problem.

    names: the networks to train. If `names` is empty, all are trained, the bundle `out` must not exist yet, and the
    photos of unseen_sets must be there.
    """
    if not names:
        check_bundle_is_new(out)
    check_network_names(settings, names)
    check_work_folder(work_folder(out), settings, resume)
    if not settings.generated_lesions:
        find_folder(settings.dataset, data_root)
    if not names:
        unseen = replace(settings, more_photos=settings.unseen_sets)
        companions(unseen, pd.DataFrame(columns=["image_id"]), data_root, splits)
    if not settings.generated_lesions:
        read_split(split_file(splits, settings.split))


def check_bundle_is_new(out: Path) -> None:
    """Raise InputError if the bundle `out` exists."""
    if out.exists():
        raise InputError(f"{out} exists; choose another --out or move it away.")


def check_network_names(settings: Settings, names: Sequence[str]) -> None:
    """Raise InputError for a network that the run does not have."""
    run_names = network_names(settings)
    for name in names:
        if name not in run_names:
            raise InputError(f"This recipe has no network {name!r}; it has {', '.join(run_names)}.")


def check_work_folder(
    work: Path, settings: Settings, resume: bool, free: tuple[str, ...] = CHANGEABLE_SETTINGS
) -> None:
    """Raise InputError if `work` has a run and `resume` is false, or if settings other than `free` have changed."""
    settings_file = work / "settings.json"
    if not settings_file.exists():
        return
    if not resume:
        raise InputError(f"{work} holds an unfinished run; add --resume to continue, or remove the folder.")
    try:
        # A setting that did not exist when the file was written gets its default value.
        started = settings_from_dict(json.loads(settings_file.read_text()))
        is_same = replace(started, **{name: getattr(settings, name) for name in free}) == settings
    except InputError:
        is_same = False
    if not is_same:
        raise InputError(f"{work} was started with other settings; restore them, or remove the folder.")


def open_work_folder(
    work: Path, settings: Settings, resume: bool, free: tuple[str, ...] = CHANGEABLE_SETTINGS
) -> Path:
    """Write the settings into the work folder, and return it; raise InputError like `check_work_folder`."""
    check_work_folder(work, settings, resume, free)
    write_json(work / "settings.json", settings_to_dict(settings))
    return work


def saved_answers(folder: Path, key: Any, make: Callable[[], pd.DataFrame]) -> pd.DataFrame:
    """Return the answers in ANSWERS_FILE of a folder; `make` makes them if they are absent or if `key` has changed.

    key: everything that the answers depend on, as values that JSON can store. It is saved in KEY_FILE.
    """
    path, key_file = folder / ANSWERS_FILE, folder / KEY_FILE
    if not (path.exists() and key_file.exists() and json.loads(key_file.read_text()) == key):
        key_file.unlink(missing_ok=True)
        write_table(path, make(), float_format=f"%.{DECIMALS}f")
        write_json(key_file, key)
    return pd.read_csv(path, dtype={"image_id": str, "group_id": str})
