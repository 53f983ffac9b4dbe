"""Photos of other sets that train with a data set's own: each with the label that it has, and with the fold of its split.

Of a lesion that is only known to be benign the diagnosis stays `benign`, which stands for any of the benign classes
(see training.loss). Nothing is judged on these photos, and no choice is made on them.
"""

from collections.abc import Iterable
from pathlib import Path

import pandas as pd

from data_modelling.datasets import elsewhere
from data_modelling.datasets.roots import MissingDataError
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import attach_parts, read_split, refined
from data_modelling.datasets.table import BENIGN, Report
from data_modelling.inference.diagnoses import codes
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings

KNOWN = {each.source.name: each for each in elsewhere.ELSEWHERE}


def companions(
    settings: Settings, own: pd.DataFrame, data_root: Path | None, splits: Path
) -> tuple[pd.DataFrame, list[str]]:
    """The one table (see datasets.table) with `part`, of the sets in settings.more_photos; and what was left out, as text.

    own: the table of the data set itself, whose photos and groups are not taken again. Raises InputError for a set
    that is not known, that the data set has in it, or whose folder is not there.
    """
    tables, left_out = [own.iloc[:0]], []
    for name in settings.more_photos:
        if name not in KNOWN:
            raise InputError(f"more_photos may name {', '.join(KNOWN)}, not {name!r}.")
        table, report = _loaded(name, data_root, splits)
        _refuse_in_both(name, table["group_id"], own["group_id"])
        left_out += [f"{name}: {report}"] if report else []
        table["diagnosis"] = _in_classes(table["diagnosis"], settings.task)
        strange = table["diagnosis"].isna()
        if strange.any():
            left_out.append(f"{name}: {strange.sum()} photos of no class of {settings.task}")
        table = attach_parts(table[~strange], read_split(split_file(splits, name)))
        tables.append(refined(table.reset_index(drop=True), settings.folds))
    return pd.concat(tables, ignore_index=True), left_out


def _loaded(name: str, data_root: Path | None, splits: Path) -> tuple[pd.DataFrame, Report]:
    try:
        return elsewhere.load(KNOWN[name], data_root, splits, to_train=True)
    except MissingDataError as error:
        raise MissingDataError(
            f"{error} Its photos train beside the data set's own; a recipe without more_photos, such as ham10000_alone.toml, "
            "does without."
        ) from error


def _in_classes(diagnoses: pd.Series, task: str) -> list[str | None]:
    """The task's class of each diagnosis, BENIGN for a benign lesion of none of them, None for another."""
    found = {name: elsewhere.class_of(name, task) for name in diagnoses.unique()}
    other = {name: BENIGN if elsewhere.flag(name) == "benign" else None for name in found}
    return [codes(task)[found[name]] if found[name] >= 0 else other[name] for name in diagnoses]


def _refuse_in_both(name: str, groups: Iterable[str], own: Iterable[str]) -> None:
    shared = sorted(set(groups) & set(own))
    if shared:
        raise InputError(
            f"more_photos: {len(shared)} groups of {name}, such as {shared[0]}, are in the data set itself."
        )
