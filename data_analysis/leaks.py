"""What leaks between the two sides of a split: by chance, for every photo exactly, and in a given split."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import numpy as np
import pandas as pd

from data_modelling.datasets.isic2019 import original_ids
from data_modelling.inference.photos import read_photo

TEST_SHARE = 0.2  # the customary split by photo: 80 % for training, 20 % for the test
DRAWS, SEED = 200, 0  # of random splits, to show how far a single one lies from the mean
SMALL, WHOLE = 16, 256  # pixels: photos are compared at the small edge first, then at the whole one
ALL = "all photos"


def chance_of_leak(groups: pd.Series, test_share: float = TEST_SHARE) -> pd.Series:
    """For each photo: how probable it is that, when it stands in the test, a photo of its group does not.

    The split takes round(test_share * N) of the N photos at random. The other k - 1 photos of the group
    are all in the test too with probability (n-1)/(N-1) * (n-2)/(N-2) * ...: the leak is what is left.
    """
    total = len(groups)
    test = round(test_share * total)
    sizes = groups.map(groups.value_counts()).to_numpy()
    together = np.ones(total)
    for others in range(1, sizes.max()):
        together[sizes > others] *= (test - others) / (total - others)
    return pd.Series(1 - together, groups.index)


def shares_in_random_splits(
    groups: pd.Series, diagnosis: pd.Series, draws: int = DRAWS, seed: int = SEED
) -> pd.DataFrame:
    """A row a random split, a column a class and ALL: the share of the test photos that leak in it."""
    codes, unique = pd.factorize(groups)
    test = round(TEST_SHARE * len(codes))
    found = []
    for draw in range(draws):
        order = np.random.default_rng((seed, draw)).permutation(len(codes))
        trained = np.zeros(len(unique), bool)
        trained[codes[order[test:]]] = True
        leaks = pd.Series(trained[codes[order[:test]]])
        row = leaks.groupby(diagnosis.to_numpy()[order[:test]]).mean()
        found.append(row.to_dict() | {ALL: leaks.mean()})
    return pd.DataFrame(found)


def random_split_leak(table: pd.DataFrame, column: str) -> pd.DataFrame:
    """Share (expected), low and high (of 95 in 100 random splits) by class, and ALL as the last row.

    column: what ties photos together, such as group_id; "" is a photo of which nothing is known.
    """
    groups = table[column].where(table[column] != "", table["image_id"])
    chance = chance_of_leak(groups)
    expected = chance.groupby(table["diagnosis"]).mean().sort_values(ascending=False)
    expected[ALL] = chance.mean()
    drawn = shares_in_random_splits(groups, table["diagnosis"]).quantile([0.025, 0.975])
    return pd.DataFrame({"share": expected, "low": drawn.loc[0.025], "high": drawn.loc[0.975]}).loc[
        expected.index
    ]


def leak_of_split(groups: pd.Series, parts: pd.Series) -> float:
    """The share of photos of which another photo of the same group stands in another part."""
    sides = parts.groupby(groups).transform("nunique")
    return float((sides > 1).mean())


def parts_of_both(one: pd.DataFrame, other: pd.DataFrame) -> pd.DataFrame:
    """Photos of two data sets (image_id, part) that have the same original id: how many stand where.

    Rows: the parts in `one`; columns: the parts in `other`. Off the diagonal a photo changes sides.
    """
    known = [table["part"].set_axis(original_ids(table["image_id"])) for table in (one, other)]
    both = pd.concat(known, axis=1, join="inner", keys=["one", "other"])
    return pd.crosstab(both["one"], both["other"])


def identical_photos(paths: Mapping[str, str]) -> list[tuple[str, str]]:
    """Pairs of ids whose photos are equal in every pixel of the centre square, whatever the files' bytes.

    paths: of the photos by id. Three equal photos are two pairs.
    """
    alike: dict[bytes, list[str]] = {}
    for image_id in sorted(paths):
        alike.setdefault(_pixels(paths[image_id], SMALL), []).append(image_id)
    pairs = []
    for image_ids in alike.values():
        first: dict[bytes, str] = {}
        for image_id in image_ids if len(image_ids) > 1 else ():
            same = first.setdefault(_pixels(paths[image_id], WHOLE), image_id)
            if same != image_id:
                pairs.append((same, image_id))
    return pairs


def _pixels(path: str, edge: int) -> bytes:
    return read_photo(Path(path).read_bytes(), edge).tobytes()


def describe_pairs(pairs: Iterable[tuple[str, str]], table: pd.DataFrame) -> pd.DataFrame:
    """The pairs that the table knows, with whether the stated lesion or patient and the diagnosis agree."""
    known = table.set_index("image_id")
    rows = [(one, other) for one, other in pairs if one in known.index and other in known.index]
    found = pd.DataFrame(rows, columns=["photo", "other photo"], dtype="str")
    for title, column in (("same id", "stated"), ("same diagnosis", "diagnosis"), ("same part", "part")):
        both = [known.loc[list(pair), column] for pair in rows]
        found[title] = [bool(values.iloc[0] == values.iloc[1]) for values in both]
    return found


def named(pairs: pd.DataFrame, among: pd.DataFrame) -> int:
    """How many of the pairs (see describe_pairs) are among others, in either order."""
    known = {frozenset(pair) for pair in among[["photo", "other photo"]].itertuples(index=False)}
    return sum(frozenset(pair) in known for pair in pairs[["photo", "other photo"]].itertuples(index=False))
