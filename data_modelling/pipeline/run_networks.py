"""Trains the network that the app serves, and the networks for the evaluation, each of which never sees some photos.

These photos are a fold, a clinic group (photos of some clinics), or a fold and a class. If the recipe names teachers,
these are trained first. The served network and the networks that lack only a fold imitate the teachers' answers.
"""

import json
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import keras
import numpy as np
import pandas as pd
from msgspec import structs
from numpy.typing import NDArray

from data_modelling.datasets.clinics import clinic_groups
from data_modelling.datasets.splits.assignment import Mask, fold_mask, training_masks
from data_modelling.inference.decision import cancer_columns
from data_modelling.inference.diagnoses import class_codes, learned_class_codes
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write, write_json
from data_modelling.networks.merged_classes import class_groups, merge_classes
from data_modelling.pipeline.work_folder import (
    check_network_names,
    has_teachers,
    network_names,
    open_work_folder,
)
from data_modelling.settings import Settings, read_settings
from data_modelling.training.batches import select_examples
from data_modelling.training.checkpoint import (
    CHECKPOINT_FILE,
    FOLD_PREFIX,
    LEFT_OUT_PREFIX,
    NETWORK_FILE,
    SERVED_STAGE,
)
from data_modelling.training.development_set import (
    DataFolders,
    DevelopmentSet,
    load_development_set,
    prepare_data_folders,
)
from data_modelling.training.distillation import teacher_mask, teacher_recipes, teacher_work_folder
from data_modelling.training.fingerprint import check_fingerprint
from data_modelling.training.trainer import fit_network, save_network

# In a network's folder: ids of the photos that decide when training stops, and class shares for the calibration.
STOPPING_FILE, REFERENCE_FILE = "stopping_photos.txt", "reference_shares.json"
RowSelector = Callable[[pd.DataFrame], Mask]  # gets a table, and returns a mask of its rows, (N,)


@dataclass(frozen=True)
class Run:
    """Holds a run: its recipe, input folders, work folder and photos. left_out: the skipped inputs, as text."""

    settings: Settings
    folders: DataFolders
    work: Path
    development: DevelopmentSet
    left_out: list[str]


def train_networks(
    settings: Settings, folders: DataFolders, work: Path, names: Sequence[str] | None, resume: bool
) -> Run:
    """Train networks of a run, and before that the teachers of these networks; return the run.

    Several processes, or several machines that share a disk, may train different networks of one run at the same time.
    names: some of `work_folder.network_names`; None means all of them. Raises InputError for an unknown name, for
    problems of data and split, and like `open_work_folder`.
    """
    names = network_names(settings) if names is None else names
    check_network_names(settings, names)
    open_work_folder(work, settings, resume)
    run = open_run(settings, folders, work)
    refuse_unclassified(run)
    prepare_networks(settings, folders, work, names)
    for name in names:
        run_network(run, name)
    return run


def open_run(settings: Settings, folders: DataFolders, work: Path) -> Run:
    """Return the run of a recipe with its photos; raises InputError for problems of data and split."""
    folders = prepare_data_folders(settings, folders, work)
    return Run(settings, folders, work, *load_development_set(settings, folders, work))


def refuse_unclassified(run: Run) -> None:
    """Raise InputError if no photo is of a cancer, if all are of one class, or if left_out_clinics cannot be tested."""
    present, task, dataset = set(run.development.table["diagnosis"]), run.settings.task, run.settings.dataset
    cancers = np.array(class_codes(task))[cancer_columns(task)].tolist()
    if not present & set(cancers):
        raise InputError(
            f"{dataset} has no photo of a cancer ({', '.join(cancers)}) outside the locked test, so a model trained on it "
            "could never raise concern."
        )
    if len(present) < 2:
        raise InputError(f"{dataset} has photos of one class only ({', '.join(present)}); a model needs two.")
    clinics = set(run.settings.left_out_clinics)
    groups = set(clinic_groups(run.development.combined_table()["source"])) - {""}
    if clinics and (clinics - groups or len(groups) < 2):
        raise InputError(
            f"left_out_clinics names {', '.join(sorted(clinics))}, but the clinic groups of the photos are "
            f"{', '.join(sorted(groups)) or 'unknown'}; leave out only groups of these, and only if there are two."
        )


def prepare_networks(settings: Settings, folders: DataFolders, work: Path, names: Sequence[str]) -> None:
    """Train the unfinished networks of other recipes that the networks `names` need.

    These are the teachers, and the networks of the recipe in settings.networks_of. If that recipe is set, copies of its
    networks, with merged classes, become the run's own networks.
    """
    learned = [name for name in names if has_teachers(name)]
    for recipe, teacher_settings in teacher_recipes(settings).items():
        teacher_work = teacher_work_folder(str(recipe), work.parent)
        _train_missing(recipe, teacher_settings, folders, teacher_work, learned)
    if not settings.networks_of:
        return
    recipe = Path(settings.networks_of)
    source_work = teacher_work_folder(settings.networks_of, work.parent)
    source_settings = structs.replace(read_settings(recipe), figure_folds=settings.figure_folds)
    for table in ("network", "augmentation", "training"):
        if getattr(settings, table) != getattr(source_settings, table):
            raise InputError(f"[{table}] must be the same as in {recipe}, whose networks this run uses.")
    _train_missing(recipe, source_settings, folders, source_work, names)
    for name in names:
        derive_network(source_work / name, work / name, settings.task)


def _train_missing(
    recipe: Path, settings: Settings, folders: DataFolders, work: Path, names: Sequence[str]
) -> None:
    missing = [name for name in names if not (work / name / NETWORK_FILE).exists()]
    if missing:
        print(f"The networks of {recipe} are trained first, in {work}:")
        train_networks(settings, folders, work, missing, resume=True)


def derive_network(source: Path, folder: Path, task: str) -> None:
    """Write the finished network of the folder `source` into `folder`, with its classes merged for the task.

    A network that is already in `folder` is not replaced, because later stages depend on the bytes of its file.
    """
    if (folder / NETWORK_FILE).exists():
        return
    network = merge_classes(keras.saving.load_model(source / NETWORK_FILE, compile=False), task)
    folder.mkdir(parents=True, exist_ok=True)
    shares = np.array(json.loads((source / REFERENCE_FILE).read_text()))
    merged = [float(shares[list(group)].sum()) for group in class_groups(task)]
    write_json(folder / REFERENCE_FILE, merged)
    shutil.copyfile(source / CHECKPOINT_FILE, folder / CHECKPOINT_FILE)  # has the history of the training
    shutil.copyfile(source / STOPPING_FILE, folder / STOPPING_FILE)
    save_network(network, folder)


def run_network(run: Run, name: str) -> keras.Model:
    """Return the network of this name, one of `work_folder.network_names`.

    A missing network is trained. A network that is trained without a clinic group or a class has no teachers.
    """
    if not has_teachers(name):
        training = structs.replace(run.settings.training, teachers=())
        run = replace(run, settings=structs.replace(run.settings, training=training))
    return load_or_fit_network(run, name, learned_rows(name))


def load_or_fit_network(run: Run, name: str, selector: RowSelector, title: str = "") -> keras.Model:
    """Return the network in the folder `name` of the run. If it is missing, it is trained on the selected rows.

    About a tenth of the selected photos of the recipe's own data set, in whole groups, only decide when the training
    stops. title: title of the progress bar; "" means `name`. Raises InputError if the training began with other photos.
    """
    settings, development, folder = run.settings, run.development, run.work / name
    table = development.combined_table()
    training_rows, stopping_rows = training_and_stopping_rows(run, name, selector)
    network_file = folder / NETWORK_FILE
    if network_file.exists():
        return keras.saving.load_model(network_file, compile=False)
    training = select_examples(table, development.pixels, training_rows, settings.task)
    is_own = development.own_mask()[training.rows]
    training = replace(training, is_own=is_own)
    if settings.training.teachers:
        sources = table["source"].iloc[training.rows].to_numpy(str)
        training = replace(training, teacher_weights=teacher_mask(settings, folder, sources, is_own))
    stopping = select_examples(table, development.pixels, stopping_rows, settings.task)
    reference = reference_shares(settings, development.table)
    if reference is None and not is_own.any():
        reference = class_shares(development.table, settings.task)
    if reference is not None:
        write_json(folder / REFERENCE_FILE, reference.tolist())
    absent = _absent_classes(settings, table)
    return fit_network(
        settings, training, stopping, folder, title or name, absent=absent, reference=reference
    )


def run_reference_shares(work: Path) -> NDArray[np.float64] | None:
    """Return the class shares, (classes,), for which a run is calibrated; None means those of its data set."""
    file = work / SERVED_STAGE / REFERENCE_FILE
    return np.array(json.loads(file.read_text()), np.float64) if file.exists() else None


def reference_shares(settings: Settings, table: pd.DataFrame) -> NDArray[np.float64] | None:
    """Return the class shares, (classes,), of the source `settings.reference`, or None if the recipe names none.

    The probabilities are calibrated for these shares. Raises InputError if the table has no photo of the source.
    """
    if not settings.reference:
        return None
    photos = table[table["source"] == settings.reference]
    if photos.empty:
        raise InputError(f"reference: {settings.dataset} has no photo of {settings.reference}.")
    return class_shares(photos, settings.task)


def class_shares(table: pd.DataFrame, task: str) -> NDArray[np.float64]:
    """Return the share of each class of the task among the photos of a table, (classes,)."""
    shares = table["diagnosis"].value_counts(normalize=True).reindex(class_codes(task), fill_value=0.0)
    return np.asarray(shares.to_numpy(), np.float64)


def _absent_classes(settings: Settings, table: pd.DataFrame) -> list[int]:
    """Return the indices of the classes without a photo in the table, except the unknown class."""
    absent = set(learned_class_codes(settings.task)) - set(table["diagnosis"])
    return [index for index, code in enumerate(class_codes(settings.task)) if code in absent]


def training_and_stopping_rows(run: Run, name: str, selector: RowSelector) -> tuple[Mask, Mask]:
    """Return two masks, (N,) each: of the rows that train the network `name`, and of its stopping photos.

    Raises InputError if the training of this network began with other rows, or if one of the masks is empty.
    """
    table, folder = run.development.combined_table(), run.work / name
    file = folder / STOPPING_FILE
    if run.settings.networks_of:
        selected = selector(table)
        stopping = selected & table["image_id"].isin(file.read_text().split()).to_numpy()
        training = selected & ~stopping
    else:
        selected, own = selector(table), run.development.own_mask()
        # The stopping photos are of the recipe's own data set, or of the extra sets if no own photo is selected.
        training, stopping = training_masks(
            table, selected, run.settings.seed, own if (selected & own).any() else None
        )
    if not (training.any() and stopping.any()):
        raise InputError(
            f"{len(table)} photos of {table['group_id'].nunique()} lesions or patients are too few: "
            f"{training.sum()} would train a network and {stopping.sum()} would decide when the training stops; each needs at least 1."
        )
    parts = {"training photos": training, "stopping photos": stopping}
    check_fingerprint(folder, table, parts)
    if not file.exists():
        with atomic_write(file) as temporary:
            temporary.write_text("\n".join(table["image_id"][stopping]) + "\n")
    return training, stopping


def learned_rows(name: str) -> RowSelector:
    """Return a selector of the rows from which the network `name` of a run may learn."""
    if name == SERVED_STAGE:
        return lambda table: np.ones(len(table), bool)
    fold, _, left_out = name.partition(LEFT_OUT_PREFIX)
    if not fold:
        return rows_of_other_clinics(left_out)
    return rows_outside(int(fold.removeprefix(FOLD_PREFIX).removesuffix("_")), left_out)


def rows_outside(fold: int, code: str = "") -> RowSelector:
    """Return a selector of the rows that are outside the fold and not of the class `code`."""
    return lambda table: ~fold_mask(table, fold) & (table["diagnosis"] != code).to_numpy()


def rows_of_other_clinics(clinic: str) -> RowSelector:
    """Return a selector of the rows of all clinic groups except `clinic`; a row without a group is not selected."""
    return lambda table: (~clinic_groups(table["source"]).isin(["", clinic])).to_numpy(np.bool_)


def rows_of_clinic(clinic: str, task: str) -> RowSelector:
    """Return a selector of a clinic group's rows whose diagnosis is a class of the task."""
    codes = class_codes(task)
    return lambda table: (
        (clinic_groups(table["source"]) == clinic) & table["diagnosis"].isin(codes)
    ).to_numpy(np.bool_)
