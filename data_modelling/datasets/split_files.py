"""The split files of all data sets at hand: what `python -m data_modelling.split` writes."""

from collections.abc import Sequence
from pathlib import Path

import pandas as pd

from data_modelling.datasets.isic2019 import original_ids
from data_modelling.datasets.roots import MissingDataError, find_root
from data_modelling.datasets.sources import SOURCES, Source
from data_modelling.datasets.splits import (
    EQUAL_FOLDS,
    LOCKED_TEST_AND_FOLDS,
    read_split,
    split,
    split_inheriting,
    write_split,
)
from data_modelling.inference.errors import InputError


def split_file(folder: Path, name: str) -> Path:
    """Where the split of the data set `name` (such as ham10000) lies."""
    return folder / f"{name}.csv"


def write_splits(
    data_root: Path | None, out: Path, force: bool = False, only: Sequence[str] = ()
) -> tuple[list[Path], list[str]]:
    """Write the split of every data set that is there; returns the files and why others were left out.

    only: names of data sets, which alone are looked for; empty is all.

    Raises InputError when no data set is there or `only` has an unknown name, when one of their csv files is wrong,
    and, without `force`, when a file that would be written is there already; nothing is written then.
    """
    found: list[tuple[Source, Path]] = []
    left_out: list[str] = []
    for source in _chosen(only):
        try:
            found.append((source, find_root(data_root, source.folder, *source.markers)))
        except MissingDataError as error:
            left_out.append(str(error))
    if not found:
        raise MissingDataError(left_out[0])
    _refuse_existing([split_file(out, source.name) for source, _ in found], force)
    made: dict[str, pd.DataFrame] = {}
    for source, root in found:
        made[source.name] = _make(source, root, made, out)
    for name, parts in made.items():
        write_split(split_file(out, name), parts)
    return [split_file(out, name) for name in made], left_out


def _chosen(only: Sequence[str]) -> list[Source]:
    names = [source.name for source in SOURCES]
    if unknown := [name for name in only if name not in names]:
        raise InputError(f"There is no data set {', '.join(unknown)} to split; there are {', '.join(names)}.")
    return [source for source in SOURCES if not only or source.name in only]


def _refuse_existing(files: list[Path], force: bool) -> None:
    existing = [str(file) for file in files if file.exists()]
    if existing and not force:
        raise InputError(
            f"{', '.join(existing)} would be replaced, and a model trained on the old split be judged on "
            "photos that it knows; name the sets to split with --only, give another folder with --out, or add --force "
            "to replace them."
        )


def _make(source: Source, root: Path, made: dict[str, pd.DataFrame], out: Path) -> pd.DataFrame:
    table = source.read(root)
    shares = LOCKED_TEST_AND_FOLDS if source.locked_test else EQUAL_FOLDS
    if table["image_id"].duplicated().any():
        twice = table.loc[table["image_id"].duplicated(), "image_id"].iloc[0]
        raise InputError(f"The csv in {root} has two rows of {twice}; get the file again.")
    if not source.inherits:
        return split(table, shares)
    # The earlier set's photos may be absent while its split, which is committed, is there.
    earlier = [made[name] if name in made else read_split(split_file(out, name)) for name in source.inherits]
    return split_inheriting(table, original_ids(table["image_id"]), pd.concat(earlier), shares)
