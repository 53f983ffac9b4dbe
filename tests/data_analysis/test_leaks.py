import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_analysis import leaks, profiles

# Ten photos: a pair, a triple, five alone. A fifth of ten is two photos in the test.
GROUPS = pd.Series(list("aabbbcdefg"))


def test_the_chance_of_a_leak_by_hand():
    chance = leaks.chance_of_leak(GROUPS)
    # The pair: the other one is the test's second photo in one of nine cases. The triple cannot be in it whole.
    assert chance[:2].tolist() == [pytest.approx(8 / 9)] * 2
    assert chance[2:5].tolist() == [1] * 3
    assert chance[5:].tolist() == [0] * 5


def test_random_splits_agree_with_the_chance():
    rng = np.random.default_rng(0)
    groups = pd.Series(rng.integers(0, 150, 400).astype(str))
    diagnosis = pd.Series(rng.choice(["MEL", "NV"], 400))
    drawn = leaks.shares_in_random_splits(groups, diagnosis, draws=300)
    chance = leaks.chance_of_leak(groups)
    assert drawn[leaks.ALL].mean() == pytest.approx(chance.mean(), abs=0.01)
    assert drawn["MEL"].mean() == pytest.approx(chance[diagnosis == "MEL"].mean(), abs=0.015)


def test_photos_of_which_nothing_is_known_leak_nothing():
    table = pd.DataFrame({"image_id": list("123456"), "stated": [""] * 6, "diagnosis": ["NV", "MEL"] * 3})
    leak = leaks.random_split_leak(table, "stated")
    assert leak["share"].tolist() == [0, 0, 0]
    assert leak.index[-1] == leaks.ALL


def test_the_leak_of_a_given_split_by_hand():
    parts = pd.Series(["test", "0", "1", "1", "1", "0", "1", "test", "2", "3"])
    assert leaks.leak_of_split(GROUPS, parts) == pytest.approx(2 / 10)  # only the pair is torn
    assert leaks.leak_of_split(GROUPS, GROUPS) == 0


def test_photos_of_two_sets_are_matched_by_their_original_id():
    one = pd.DataFrame({"image_id": ["a", "b", "c"], "part": ["test", "0", "1"]})
    other = pd.DataFrame({"image_id": ["a_downsampled", "b", "d"], "part": ["test", "2", "1"]})
    found = leaks.shared_photo_counts(one, other)
    assert found.to_dict() == {"2": {"0": 1, "test": 0}, "test": {"0": 0, "test": 1}}


def test_identical_photos_are_found_by_pixels_and_not_by_bytes(tmp_path):
    rng = np.random.default_rng(0)
    first, second = rng.integers(0, 256, (2, 40, 40, 3), dtype=np.uint8)
    almost = first.copy()
    almost[0, 0, 0] ^= 1
    paths = {}
    for name, pixels, options in (
        ("a", first, {}), ("b", second, {}), ("c", first, {"compress_level": 1}), ("d", almost, {}), ("e", first, {}),
    ):  # fmt: skip
        paths[name] = str(tmp_path / f"{name}.png")
        Image.fromarray(pixels).save(paths[name], **options)
    assert leaks.identical_photos(paths) == [("a", "c"), ("a", "e")]


def test_pairs_are_described_and_found_among_others():
    table = pd.DataFrame(
        {
            "image_id": ["a", "b", "c"],
            "stated": ["1", "1", "2"],
            "diagnosis": ["NV", "NV", "MEL"],
            "part": ["0", "0", "0"],
        }
    )
    found = leaks.describe_pairs([("a", "b"), ("a", "c"), ("a", "gone")], table)
    assert found["same id"].tolist() == [True, False]
    assert found["same diagnosis"].tolist() == [True, False]
    assert found["same part"].tolist() == [True, True]
    assert leaks.count_known_pairs(leaks.describe_pairs([("b", "a")], table), found) == 1
    assert leaks.count_known_pairs(leaks.describe_pairs([("b", "c")], table), found) == 0


def test_no_pair_makes_an_empty_table():
    table = pd.DataFrame({"image_id": ["a"], "stated": ["1"], "diagnosis": ["NV"], "part": ["0"]})
    found = leaks.describe_pairs([], table)
    assert len(found) == 0
    assert found["same part"].sum() == 0


def test_the_named_figures_of_the_real_table(data_root):
    """38.6 % and 68 %, cut: from the ids alone, each photo taken by chance for a test of 2,003 photos."""
    table = profiles.read_metadata("ham10000", data_root)
    leak = leaks.random_split_leak(table, "stated")
    assert leak.loc[leaks.ALL, "share"] == pytest.approx(0.3866, abs=5e-5)
    assert leak.loc["MEL", "share"] == pytest.approx(0.6826, abs=5e-5)
    assert leak.loc[leaks.ALL, "low"] < 0.38
    assert leak.loc[leaks.ALL, "high"] > 0.39
    assert leaks.leak_of_split(table["group_id"], table["part"]) == 0
    assert leaks.leak_of_split(table["stated"], table["part"]) == 0
