"""Makes and reads splits (five folds, and for most data sets a locked test), and adds the parts to tables.

Each fold is predicted by a network trained on the other folds. Only the final evaluation reads a locked test. A split
depends on ids, groups (all photos of a lesion or patient) and diagnoses, and on earlier splits whose parts it keeps. It
does not depend on the order of rows or on a library's random numbers, so making it again gives the same split.
"""

import hashlib
import sys
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from data_modelling.datasets.table import read_csv
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write
from data_modelling.inference.files.csv_table import RowFindings, shortened_list

Mask = NDArray[np.bool_]

TEST = "test"
FOLD_NAMES = ("0", "1", "2", "3", "4")
PARTS = (TEST, *FOLD_NAMES)
SPLIT_COLUMNS = ("image_id", "group_id", "part")
SEED = 2026

EQUAL_FOLD_SHARES = dict.fromkeys(FOLD_NAMES, 1 / len(FOLD_NAMES))
TEST_SHARE = 0.15
TEST_AND_FOLD_SHARES = {TEST: TEST_SHARE} | {
    fold: (1 - TEST_SHARE) * share for fold, share in EQUAL_FOLD_SHARES.items()
}
STOPPING_SHARE = 0.1  # a tenth of the training photos decides when the training stops


def assign_parts(table: pd.DataFrame, shares: Mapping[str, float], seed: int = SEED) -> pd.Series:
    """Return the part of each row; groups stay whole, and each part gets about its share of each class's photos.

    table: columns group_id and diagnosis, one row per photo. shares: the share of each part; they sum to 1.

    The classes are assigned from the rarest to the most frequent. Within a class, the groups with the most photos of
    this class come first. Each group goes to the part that would then have the fewest photos of the class, divided by
    the part's share. So large groups are spread first, and small groups balance the differences.
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
                continue  # already assigned with a rarer class
            of_class = (filled[:, diagnosis] + photos[group, diagnosis]) / share
            of_all = (filled.sum(axis=1) + photos[group].sum()) / share
            parts[group] = np.lexsort((of_all, of_class.round(9)))[0]
            filled[parts[group]] += photos[group]
    names = pd.Series(np.array(list(shares))[parts], index=counts.index, dtype="str")
    return table["group_id"].map(names).rename("part")


def _draw(seed: int, group: str) -> bytes:
    """Return a hash of the group. Sorting by the hashes shuffles the groups; a hash does not depend on other groups."""
    return hashlib.sha256(f"{seed} {group}".encode()).digest()


def make_split(table: pd.DataFrame, shares: Mapping[str, float] = TEST_AND_FOLD_SHARES) -> pd.DataFrame:
    """Return a split of `table` (image_id, group_id, diagnosis), with SPLIT_COLUMNS, sorted by image_id."""
    return table.assign(part=assign_parts(table, shares))[list(SPLIT_COLUMNS)].sort_values(
        "image_id", ignore_index=True
    )


def make_inheriting_split(
    table: pd.DataFrame, original_ids: pd.Series, inherited: pd.DataFrame, shares: Mapping[str, float]
) -> pd.DataFrame:
    """Return a split in which each group with photos of earlier splits keeps the part of these photos.

    original_ids: for each row, the id that its photo has in the earlier splits, if the photo is there. inherited: the
    rows of the earlier splits. Groups without a photo of an earlier split are assigned as in `make_split`. Raises
    InputError when the earlier splits have photos of one group in two parts.
    """
    known = original_ids.map(inherited.set_index("image_id")["part"])
    inheriting = table.assign(part=known).dropna(subset="part")
    _refuse_groups_in_two_parts(inheriting, "The inherited splits together")
    parts = table["group_id"].map(inheriting.drop_duplicates("group_id").set_index("group_id")["part"])
    parts = parts.where(parts.notna(), assign_parts(table[parts.isna()], shares))
    return table.assign(part=parts)[list(SPLIT_COLUMNS)].sort_values("image_id", ignore_index=True)


def write_split(path: Path, parts: pd.DataFrame) -> None:
    """Write a split as csv; an existing file is replaced."""
    with atomic_write(path) as temporary:
        parts.to_csv(temporary, columns=list(SPLIT_COLUMNS), index=False, lineterminator="\n")


def read_split(path: Path) -> pd.DataFrame:
    """Return the split in a file: columns SPLIT_COLUMNS, as text.

    An id that occurs twice with the same values only gives a warning. Raises InputError if the file is absent, lacks a
    column, names an unknown part, has an id twice with different values, or has a group in two parts.
    """
    findings = RowFindings()
    parts = read_csv(path, SPLIT_COLUMNS, "image_id", findings)
    if findings.repeated:
        print(f"warning: {path}: {RowFindings(findings.repeated).sentences()[0]}.", file=sys.stderr)
    unknown = parts.loc[~parts["part"].isin(PARTS), "part"].unique()
    if len(unknown):
        raise InputError(f"{path} names the part {shortened_list(unknown)}; parts are {', '.join(PARTS)}.")
    if findings.contradictory:
        raise InputError(f"{path} names {shortened_list(findings.contradictory)} twice; restore the file.")
    _refuse_groups_in_two_parts(parts, str(path))
    return parts


def attach_parts(table: pd.DataFrame, parts: pd.DataFrame) -> pd.DataFrame:
    """Return `table` with the column `part`.

    Raises InputError for photos that the split does not know, and when a group of the table is in two parts.
    """
    part = table["image_id"].map(parts.set_index("image_id")["part"])
    unknown = table.loc[part.isna(), "image_id"]
    if len(unknown):
        raise InputError(
            f"The split does not know {len(unknown)} photos ({shortened_list(unknown)}); take them out of the data "
            "set or make a split for it."
        )
    attached = table.assign(part=part)
    _refuse_groups_in_two_parts(attached, "The split")
    return attached


def attach_known_parts(table: pd.DataFrame, parts: pd.DataFrame) -> tuple[pd.DataFrame, tuple[str, ...]]:
    """Return the photos that the split knows, with the column `part`, and the ids of the other photos.

    Some splits in this repository list only the photos that we used. Raises InputError when a group is in two parts.
    """
    known = table["image_id"].isin(parts["image_id"])
    return attach_parts(table[known], parts), tuple(table.loc[~known, "image_id"])


def stopping_mask(table: pd.DataFrame, seed: int = SEED) -> Mask:
    """Return the mask (N,) of photos that decide when training stops: about a tenth of each class, in whole groups."""
    parts = assign_parts(table, {"stop": STOPPING_SHARE, "train": 1 - STOPPING_SHARE}, seed)
    return (parts == "stop").to_numpy(dtype=bool)


def fold_mask(table: pd.DataFrame, fold: int | str) -> Mask:
    """Return a mask (N,) of the rows of a fold. table: has the column `part`; see `attach_parts`."""
    return (table["part"] == str(fold)).to_numpy(np.bool_, copy=True)


def training_masks(table: pd.DataFrame, part: Mask, seed: int, own: Mask | None = None) -> tuple[Mask, Mask]:
    """Return two masks (N,): the rows of `part` that train a network, and those that decide when the training stops.

    part: mask (N,) of the rows to divide. own: mask (N,) of the rows that may be in the second mask, such as those of
    the recipe's own data set; None means all rows.
    """
    stopping = part.copy() if own is None else part & own
    stopping[stopping] = stopping_mask(table[stopping], seed)
    return part & ~stopping, stopping


def _refuse_groups_in_two_parts(parts: pd.DataFrame, name: str) -> None:
    part_counts = parts.groupby("group_id")["part"].nunique()
    divided = part_counts.index[part_counts > 1]
    if len(divided):
        raise InputError(
            f"{name} has {len(divided)} groups in two parts ({shortened_list(divided)}): one lesion or patient would "
            "be both trained on and tested on; put each group into one part."
        )
