import numpy as np
import pandas as pd
import pytest

from data_modelling.datasets.splits.assignment import (
    EQUAL_FOLD_SHARES,
    FOLD_NAMES,
    TEST_AND_FOLD_SHARES,
    assign_parts,
    attach_parts,
    fold_mask,
    make_inheriting_split,
    make_split,
    read_split,
    stopping_mask,
    training_masks,
    write_split,
)
from data_modelling.inference.errors import InputError


@pytest.fixture
def table():
    """200 photos of 120 groups, of which 20 in class C, 30 in B, 70 in A; 40 groups have three photos."""
    groups = [f"g{number:03}" for number in range(120) for _ in range(3 if number % 3 == 0 else 1)]
    classes = ["C" if group < "g020" else "B" if group < "g050" else "A" for group in groups]
    ids = [f"p{number:03}" for number in range(len(groups))]
    return pd.DataFrame({"image_id": ids, "group_id": groups, "diagnosis": classes})


def sides(parts):
    return parts.groupby("group_id")["part"].nunique()


def parts_frame(*rows):
    return pd.DataFrame(rows, columns=["image_id", "group_id", "part"])


def test_no_group_is_torn_and_no_photo_lost(table):
    parts = make_split(table)
    assert parts["image_id"].tolist() == sorted(table["image_id"])
    assert (sides(parts) == 1).all()


def test_each_class_is_shared_out_by_photos(table):
    parts = table.assign(part=assign_parts(table, TEST_AND_FOLD_SHARES))
    counts = parts.groupby(["diagnosis", "part"]).size()
    for diagnosis, photos in table["diagnosis"].value_counts().items():
        for part, share in TEST_AND_FOLD_SHARES.items():
            # The groups have at most three photos.
            assert abs(counts[diagnosis, part] - photos * share) < 3


def test_fifteen_percent_of_the_groups_are_locked(table):
    locked = make_split(table).query("part == 'test'")["group_id"].nunique()
    assert abs(locked - 0.15 * 120) <= 2


def test_ten_equal_groups_are_dealt_two_to_a_fold():
    groups = [f"g{number}" for number in range(10)]
    parts = assign_parts(pd.DataFrame({"group_id": groups, "diagnosis": "A"}), EQUAL_FOLD_SHARES)
    assert parts.value_counts().to_dict() == dict.fromkeys(FOLD_NAMES, 2)


def test_a_rare_class_is_spread_over_the_folds_whatever_else_its_groups_hold():
    # Ten patients with one malignant photo and three benign ones, the first with 33, and forty with
    # three benign ones alone: two malignant photos a fold, and 36 of the 180 benign ones.
    patients = [(f"g{number:02}", 1 if number < 10 else 0, 3) for number in range(50)]
    patients[0] = ("g00", 1, 33)
    rows = pd.DataFrame(
        [
            (group, diagnosis)
            for group, malignant, benign in patients
            for diagnosis in ["malignant"] * malignant + ["benign"] * benign
        ],
        columns=["group_id", "diagnosis"],
    )
    counts = rows.assign(part=assign_parts(rows, EQUAL_FOLD_SHARES)).groupby(["diagnosis", "part"]).size()
    assert counts["malignant"].to_dict() == dict.fromkeys(FOLD_NAMES, 2)
    assert counts["benign"].tolist() == [36] * 5


def test_the_order_of_rows_does_not_matter(table):
    assert make_split(table.sample(frac=1, random_state=0)).equals(make_split(table))


def test_the_seed_matters(table):
    assert not assign_parts(table, EQUAL_FOLD_SHARES, seed=1).equals(
        assign_parts(table, EQUAL_FOLD_SHARES, seed=2)
    )


def test_photos_of_an_earlier_split_keep_their_part_and_take_their_group_along():
    rows = pd.DataFrame(
        {
            "image_id": ["a_downsampled", "b", "c", "d"],
            "group_id": ["g1", "g1", "g2", "g3"],
            "diagnosis": "A",
        }
    )
    earlier = parts_frame(("a", "h1", "test"), ("c", "h2", "4"))
    original = pd.Series(["a", "b", "c", "d"])
    parts = make_inheriting_split(rows, original, earlier, {"0": 1.0}).set_index("image_id")["part"]
    assert parts.to_dict() == {"a_downsampled": "test", "b": "test", "c": "4", "d": "0"}


def test_a_group_that_would_inherit_two_parts_is_refused():
    rows = pd.DataFrame({"image_id": ["a", "b"], "group_id": "g1", "diagnosis": "A"})
    earlier = parts_frame(("a", "h1", "test"), ("b", "h2", "4"))
    with pytest.raises(InputError, match=r"1 groups in two parts \(g1\)"):
        make_inheriting_split(rows, rows["image_id"], earlier, EQUAL_FOLD_SHARES)


def test_the_rows_of_a_fold_are_those_of_its_number():
    rows = parts_frame(("a", "h1", "test"), ("b", "h2", "4"), ("c", "h3", "14"), ("d", "h2", "4"))
    assert fold_mask(rows, 4).tolist() == fold_mask(rows, "4").tolist() == [False, True, False, True]


def test_a_written_split_is_read_again(tmp_path, table):
    write_split(tmp_path / "split.csv", make_split(table))
    assert read_split(tmp_path / "split.csv").equals(make_split(table))
    assert (tmp_path / "split.csv").read_text().startswith("image_id,group_id,part\np000,g000,")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("image_id,group_id,part\na,g,test\nb,g,0\n", r"1 groups in two parts \(g\)"),
        ("image_id,group_id,part\na,g,0\nb,g,1\n", r"1 groups in two parts \(g\)"),
        ("image_id,group_id,part\na,g,5\n", "names the part 5; parts are test, 0, 1, 2, 3, 4"),
        ("image_id,group_id,part\na,g,0\na,h,1\n", r"names a \(row 2\), a \(row 3\) twice"),
        ("image_id,part\na,0\n", "lacks the column group_id"),
    ],
)
def test_a_wrong_split_file_is_refused(tmp_path, text, message):
    path = tmp_path / "split.csv"
    path.write_text(text)
    with pytest.raises(InputError, match=message) as error:
        read_split(path)
    assert "split.csv" in str(error.value)


def test_a_repeated_row_of_a_split_counts_once_and_is_reported(tmp_path, capsys):
    path = tmp_path / "split.csv"
    path.write_text("image_id;group_id;part\na.jpg;g;0\na;g;0\n")
    assert read_split(path).to_numpy().tolist() == [["a", "g", "0"]]
    assert capsys.readouterr().err == f"warning: {path}: repeated rows, each counted once: 1 (a (row 3)).\n"


def test_parts_are_attached_by_id(table):
    shuffled = table.sample(frac=1, random_state=0)
    attached = attach_parts(shuffled, make_split(table))
    expected = make_split(table).set_index("image_id")["part"]
    assert attached["part"].tolist() == expected[shuffled["image_id"]].tolist()


def test_a_group_that_only_the_table_knows_is_not_torn():
    # The split holds the two photos for two lesions; the table knows that they are one.
    rows = pd.DataFrame({"image_id": ["a", "b"], "group_id": ["g1", "g1"]})
    with pytest.raises(InputError, match=r"1 groups in two parts \(g1\)"):
        attach_parts(rows, parts_frame(("a", "g1", "test"), ("b", "g2", "0")))


def test_photos_that_the_split_does_not_know_are_named():
    rows = pd.DataFrame({"image_id": [f"p{number:02}" for number in range(12)], "group_id": "g"})
    with pytest.raises(InputError, match=r"not know 11 photos \(p01, p02, .*, p10, \.\.\.\)"):
        attach_parts(rows, parts_frame(("p00", "g", "0")))


def test_a_grouped_tenth_of_each_class_stops_the_training(table):
    mask = stopping_mask(table, seed=3)
    assert mask.dtype == np.bool_
    assert not set(table.loc[mask, "group_id"]) & set(table.loc[~mask, "group_id"])
    stopping = table.loc[mask, "diagnosis"].value_counts()
    for diagnosis, photos in table["diagnosis"].value_counts().items():
        assert abs(stopping[diagnosis] - photos / 10) < 3


def test_the_stopping_part_follows_its_seed(table):
    assert (stopping_mask(table, 3) == stopping_mask(table, 3)).all()
    assert (stopping_mask(table, 3) != stopping_mask(table, 4)).any()


def test_of_a_part_the_own_rows_alone_stop_and_the_rest_trains(table):
    part, own = np.arange(len(table)) % 5 != 0, np.arange(len(table)) < len(table) // 2
    training, stopping = training_masks(table, part, 3, own)
    assert stopping.sum() > 0
    assert not (stopping & ~(part & own)).any()
    assert ((training | stopping) == part).all()
    assert not (training & stopping).any()
    assert not set(table.loc[stopping, "group_id"]) & set(table.loc[part & own & ~stopping, "group_id"])
    whole = training_masks(table, part, 3)[1]
    assert set(table.loc[whole, "image_id"]) == set(
        table[part].loc[stopping_mask(table[part], 3), "image_id"]
    )
