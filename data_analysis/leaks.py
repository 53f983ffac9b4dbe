"""Measure leaks (photos of one lesion or patient are in both training and test), and find photos that are repeated."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets.isic2019 import original_ids
from data_modelling.inference.photo.reader import read_photo

TEST_SHARE = 0.2  # the usual split by photo: 80 % for training, 20 % for the test
DRAWS, SEED = 200, 0  # number of random splits (they show how much the leak varies), and their seed
FULL_EDGE = 256  # pixels; photos are compared as squares of this width
ALL = "all photos"


def chance_of_leak(groups: pd.Series, test_share: float = TEST_SHARE) -> pd.Series:
    """Return, for each photo, the probability that its group is also in training if the photo is in the test.

    The test has n = round(test_share * N) of the N photos, drawn at random. A photo from a group of k photos does not
    leak if the other k - 1 are in the test too. The probability of this is (n-1)/(N-1) * ... * (n-k+1)/(N-k+1).
    """
    total = len(groups)
    test = round(test_share * total)
    sizes = groups.map(groups.value_counts()).to_numpy()
    all_in_test = np.ones(total)
    for other in range(1, sizes.max()):
        all_in_test[sizes > other] *= (test - other) / (total - other)
    return pd.Series(1 - all_in_test, groups.index)


def shares_in_random_splits(
    groups: pd.Series, diagnosis: pd.Series, draws: int = DRAWS, seed: int = SEED
) -> pd.DataFrame:
    """Return the share of test photos that leak: a row for each random split, columns for ALL and each class."""
    codes, unique_groups = pd.factorize(groups)
    test = round(TEST_SHARE * len(codes))
    rows = []
    for draw in range(draws):
        order = np.random.default_rng((seed, draw)).permutation(len(codes))
        trained = np.zeros(len(unique_groups), bool)
        trained[codes[order[test:]]] = True
        leaks = pd.Series(trained[codes[order[:test]]])
        row = leaks.groupby(diagnosis.to_numpy()[order[:test]]).mean()
        rows.append(row.to_dict() | {ALL: leaks.mean()})
    return pd.DataFrame(rows)


def random_split_leak(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the leak of random splits: a row for each class, and a last row, ALL, for all photos.

    Columns of the result: `share` is the expected share of test photos that leak; 95 % of the random splits are between
    `low` and `high`. column: the column of `table` that names the groups; a photo with "" there is a group of its own.
    """
    groups = table[column].where(table[column] != "", table["image_id"])
    chance = chance_of_leak(groups)
    expected = chance.groupby(table["diagnosis"]).mean().sort_values(ascending=False)
    expected[ALL] = chance.mean()
    drawn = shares_in_random_splits(groups, table["diagnosis"])
    leak = pd.DataFrame({"share": expected, "low": drawn.quantile(0.025), "high": drawn.quantile(0.975)})
    return leak.loc[expected.index]


def leak_of_split(groups: pd.Series, parts: pd.Series) -> float:
    """Return the share of photos whose group has photos in more than one part of the split."""
    part_counts = parts.groupby(groups).transform("nunique")
    return float((part_counts > 1).mean())


def shared_photo_counts(first: pd.DataFrame, second: pd.DataFrame) -> pd.DataFrame:
    """Count the photos that two data sets share, by their parts: rows are parts in `first`, columns parts in `second`.

    Both tables have image_id and part (of the split). A shared photo has the same original id in both.
    """
    parts = [table["part"].set_axis(original_ids(table["image_id"])) for table in (first, second)]
    both = pd.concat(parts, axis=1, join="inner", keys=["first", "second"])
    return pd.crosstab(both["first"], both["second"])


def identical_photos(paths: Mapping[str, str]) -> list[tuple[str, str]]:
    """Return the ids of equal photos in pairs: their centre squares, scaled to FULL_EDGE pixels, have the same pixels.

    paths: the path of each photo, by id. Three equal photos make two pairs.
    """
    pairs, first_ids = [], dict[bytes, str]()
    for image_id in sorted(paths):
        pixels = read_photo(Path(paths[image_id]).read_bytes(), FULL_EDGE)
        first_id = first_ids.setdefault(hashlib.sha256(pixels.tobytes()).digest(), image_id)
        if first_id != image_id:
            pairs.append((first_id, image_id))
    return sorted(pairs)


def describe_pairs(pairs: Iterable[tuple[str, str]], table: pd.DataFrame) -> pd.DataFrame:
    """Return pairs with both photos in the table, and whether they share id (lesion or patient), diagnosis and part."""
    known = table.set_index("image_id")
    rows = [pair for pair in pairs if set(pair) <= set(known.index)]
    pairs_table = pd.DataFrame(rows, columns=["photo", "other photo"], dtype="str")
    for title, column in (("same id", "stated"), ("same diagnosis", "diagnosis"), ("same part", "part")):
        pairs_table[title] = [known[column][first] == known[column][second] for first, second in rows]
    return pairs_table


def count_known_pairs(pairs: pd.DataFrame, among: pd.DataFrame) -> int:
    """Return how many of the pairs (see describe_pairs) are also in `among`, a table of pairs, in either order."""
    columns = ["photo", "other photo"]
    known = set(map(frozenset, among[columns].to_numpy()))
    return sum(frozenset(pair) in known for pair in pairs[columns].to_numpy())
