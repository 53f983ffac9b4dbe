"""Splits: a locked test part and five folds, a group never on two sides, as ids in `DATA/splits`.

A split depends on the ids, groups and diagnoses alone: neither on the order of rows nor on a library's
random numbers, so that everyone who makes it anew gets the same.
"""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.csv_files import read_csv
from data_modelling.inference.errors import InputError
from data_modelling.inference.files import replaced_when_whole

TEST = "test"
FOLDS = ("0", "1", "2", "3", "4")
PARTS = (TEST, *FOLDS)
COLUMNS = ("image_id", "group_id", "part")
SEED = 2026

EQUAL_FOLDS = dict.fromkeys(FOLDS, 1 / len(FOLDS))
TEST_SHARE = 0.15
LOCKED_TEST_AND_FOLDS = {TEST: TEST_SHARE} | {
    fold: (1 - TEST_SHARE) * share for fold, share in EQUAL_FOLDS.items()
}
STOPPING_SHARE = 0.1
NAMED = 10  # how many ids or groups an error names


def deal(table: pd.DataFrame, shares: Mapping[str, float], seed: int = SEED) -> pd.Series:
    """The part of each row: groups dealt whole, so that each part gets its share of each class's photos.

    table: columns group_id and diagnosis, a row a photo. shares: of each part; they sum to 1.

    The classes are dealt from the rarest to the most frequent, and within a class the groups with most of
    its photos first, each to the part that has least of the class for its share: so the large groups are
    spread before the many small ones level out what they left.
    """
    counts = table.groupby(["group_id", "diagnosis"]).size().unstack(fill_value=0)
    photos, groups = counts.to_numpy(), counts.index.to_numpy()
    share = np.array(list(shares.values()))
    filled = np.zeros((len(share), photos.shape[1]))
    parts = np.full(len(groups), -1)
    order = np.argsort([_draw(seed, group) for group in groups], kind="stable")
    for diagnosis in np.lexsort((counts.columns, photos.sum(axis=0))):
        largest_first = order[np.argsort(-photos[order, diagnosis], kind="stable")]
        for group in largest_first:
            if photos[group, diagnosis] == 0:
                break
            if parts[group] >= 0:
                continue  # it was dealt with a rarer class
            of_class = (filled[:, diagnosis] + photos[group, diagnosis]) / share
            of_all = (filled.sum(axis=1) + photos[group].sum()) / share
            parts[group] = np.lexsort((of_all, of_class.round(9)))[0]
            filled[parts[group]] += photos[group]
    names = pd.Series(np.array(list(shares))[parts], index=counts.index, dtype="str")
    return table["group_id"].map(names).rename("part")


def _draw(seed: int, group: str) -> bytes:
    """A group's place in the shuffled order; a hash, so that other groups do not change it."""
    return hashlib.sha256(f"{seed} {group}".encode()).digest()


def split(table: pd.DataFrame, shares: Mapping[str, float] = LOCKED_TEST_AND_FOLDS) -> pd.DataFrame:
    """A split of `table` (image_id, group_id, diagnosis): columns COLUMNS, sorted by image_id."""
    return _in_form(table.assign(part=deal(table, shares)))


def split_inheriting(
    table: pd.DataFrame, original_ids: pd.Series, inherited: pd.DataFrame, shares: Mapping[str, float]
) -> pd.DataFrame:
    """A split in which each photo of an earlier split, and its whole group, keeps its part there.

    original_ids: for each row of `table` the id under which the earlier splits know the photo, if they do.
    inherited: the rows of the earlier splits. Groups without such a photo are dealt as in `split`.

    Raises InputError when the photos of one group come from two parts.
    """
    known = original_ids.map(inherited.set_index("image_id")["part"])
    sides = table.assign(part=known).dropna(subset="part")
    _refuse_groups_on_two_sides(sides, "The inherited splits together")
    parts = table["group_id"].map(sides.drop_duplicates("group_id").set_index("group_id")["part"])
    fresh = parts.isna()
    return _in_form(table.assign(part=parts.where(~fresh, deal(table[fresh], shares))))


def _in_form(table: pd.DataFrame) -> pd.DataFrame:
    return table[list(COLUMNS)].sort_values("image_id", ignore_index=True)


def write_split(path: Path, parts: pd.DataFrame) -> None:
    """Write a split as csv; a file that is there is replaced."""
    with replaced_when_whole(path) as temporary:
        parts.to_csv(temporary, columns=list(COLUMNS), index=False, lineterminator="\n")


def read_split(path: Path) -> pd.DataFrame:
    """The split in a file: columns COLUMNS, as text.

    Raises InputError when the file is absent, lacks a column, names an unknown part or an id twice, or has
    a group on two sides.
    """
    parts = read_csv(path, COLUMNS)
    unknown = parts.loc[~parts["part"].isin(PARTS), "part"].unique()
    if len(unknown):
        raise InputError(f"{path} names the part {_some(unknown)}; a part is one of {', '.join(PARTS)}.")
    twice = parts.loc[parts["image_id"].duplicated(), "image_id"]
    if len(twice):
        raise InputError(f"{path} names {_some(twice)} twice; restore the file.")
    _refuse_groups_on_two_sides(parts, str(path))
    return parts


def attach_parts(table: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """`table` with the column part.

    Raises InputError for photos that the split does not know, and when a group, as the table sees it,
    stands on two sides.
    """
    part = table["image_id"].map(parts.set_index("image_id")["part"])
    unknown = table.loc[part.isna(), "image_id"]
    if len(unknown):
        raise InputError(
            f"The split does not know {len(unknown)} photos ({_some(unknown)}); take them out of the data "
            "set or make a split for it."
        )
    attached = table.assign(part=part)
    _refuse_groups_on_two_sides(attached, "The split")
    return attached


def attach_known_parts(table: pd.DataFrame, parts: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """The photos that the split knows, as attach_parts gives them, and the ids of the others.

    For sets of which the committed split has only the photos that were used here. Raises InputError when a group
    stands on two sides.
    """
    known = table["image_id"].isin(parts["image_id"])
    return attach_parts(table[known], parts), tuple(table.loc[~known, "image_id"])


def refined(table: pd.DataFrame, folds: int) -> pd.DataFrame:
    """The table with another number of folds, a multiple of five; a locked test stays.

    Each fold's groups are dealt into equal new ones: of ten, fold k has half of fold k and half goes to k + 5. So
    no photo changes sides with respect to the five.
    """
    parts = table["part"].copy()
    for fold in FOLDS:
        inside = table["part"] == fold
        names = [str(number) for number in range(int(fold), folds, len(FOLDS))]
        if inside.any():
            parts[inside] = deal(table[inside], dict.fromkeys(names, 1 / len(names)))
    return table.assign(part=parts)


def outside_test(table: pd.DataFrame, path: Path) -> pd.DataFrame:
    """The rows that are not of the locked test of the split in a file; all of them where there is no such file."""
    if not path.exists():
        return table
    parts = read_split(path)
    return table[~table["image_id"].isin(parts.loc[parts["part"] == TEST, "image_id"])]


def stopping_part(table: pd.DataFrame, seed: int = SEED) -> NDArray[np.bool_]:
    """Which rows of a training part stop the training: a tenth of each class's photos, in whole groups."""
    parts = deal(table, {"stop": STOPPING_SHARE, "train": 1 - STOPPING_SHARE}, seed)
    return (parts == "stop").to_numpy(dtype=bool)


def in_fold(table: pd.DataFrame, fold: int | str) -> NDArray[np.bool_]:
    """Which rows are of the fold, (N,). table: with the column `part`, as `attach_parts` gives it."""
    return (table["part"] == str(fold)).to_numpy(np.bool_, copy=True)


def training_sides(
    table: pd.DataFrame, part: NDArray[np.bool_], seed: int, own: NDArray[np.bool_] | None = None
) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Which rows of a part, (N,) of a table's, train a network, and which stop its training: (N,) each.

    own: the rows of the judged data set, (N,), which alone stop; None is all.
    """
    stopping = part.copy() if own is None else part & own
    stopping[stopping] = stopping_part(table[stopping], seed)
    return part & ~stopping, stopping


def _refuse_groups_on_two_sides(parts: pd.DataFrame, name: str) -> None:
    sides = parts.groupby("group_id")["part"].nunique()
    torn = sides.index[sides > 1]
    if len(torn):
        raise InputError(
            f"{name} has {len(torn)} groups on two sides ({_some(torn)}): photos of one lesion or patient "
            "would be trained on and judged; put each group into one part."
        )


def _some(names: Iterable[str]) -> str:
    """The first ten of many names."""
    listed = list(names)
    return ", ".join(listed[:NAMED]) + (", ..." if len(listed) > NAMED else "")
