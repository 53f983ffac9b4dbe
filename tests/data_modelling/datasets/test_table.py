import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets.table import (
    TABLE_COLUMNS,
    DatasetReport,
    checked_table,
    join_groups,
    read_csv,
    read_pairs,
)
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.csv_table import RowFindings


@pytest.fixture
def write(tmp_path):
    def write_file(content):
        path = tmp_path / "file.csv"
        path.write_text(content, encoding="utf-8")
        return path

    return write_file


@pytest.mark.parametrize(
    "content", ["a,b\n1, x \n,NA\n", "a\tb\n1\t x \n\tNA\n", '\ufeff"A";"b"\n1;x\n;NA\n']
)
def test_cells_are_stripped_text_whatever_the_separator(write, content):
    assert read_csv(write(content), ("b", "a")).to_dict("list") == {"b": ["x", ""], "a": ["1", ""]}


def test_a_row_with_too_few_cells_has_empty_ones(write):
    assert read_csv(write("a,b\n1\n"), ("a", "b")).to_dict("list") == {"a": ["1"], "b": [""]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("a,c\n1,2\n", "file.csv lacks the column b;"),
        ("a,b\n", "file.csv has no rows;"),
        ("", "lacks the column a, b;"),
    ],
)
def test_a_wrong_file_is_one_sentence(write, content, message):
    with pytest.raises(InputError) as error:
        read_csv(write(content), ("a", "b"))
    assert message in str(error.value)


def test_an_absent_file_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv is missing; DATA/README\.md tells how to get it\.$"):
        read_csv(tmp_path / "none.csv", ("a",))


def test_rows_that_do_not_count_go_to_the_findings(write):
    findings = RowFindings()
    frame = read_csv(write("id,a\nx.jpg,1\ny,2\nx,1\ny,3\nz,4\n"), ("id", "a"), "id", findings)
    assert frame.to_dict("list") == {"id": ["x", "z"], "a": ["1", "4"]}
    assert frame.index.tolist() == [0, 1]
    assert findings == RowFindings(["x (row 4)"], ["y (row 3)", "y (row 5)"])


def test_without_findings_they_are_a_warning(write, capsys):
    path = write("id,a\nx,1\nx,1\n")
    for _ in range(2):
        assert len(read_csv(path, ("id", "a"), "id")) == 1
    assert capsys.readouterr().err == f"warning: {path}: repeated rows, each counted once: 1 (x (row 3)).\n"


def test_pairs_are_ids(write):
    assert read_pairs(write("image_id_1;image_id_2\na.jpg;b\n")) == [("a", "b")]


def test_photos_of_one_key_are_a_group_and_photos_without_key_stand_alone():
    assert join_groups(["p1", "p2", "p3", "p4"], ["b", "a", "b", ""]) == ["b", "a", "b", "p4"]


def test_pairs_join_whole_groups_over_several_steps():
    ids, keys = ["p1", "p2", "p3", "p4", "p5"], ["c", "b", "a", "a", "d"]
    assert join_groups(ids, keys, [("p1", "p2"), ("p2", "p3")]) == ["a", "a", "a", "a", "d"]


def test_a_key_names_the_group_rather_than_a_photo():
    assert join_groups(["A1", "A2"], ["", "lesion"], [("A1", "A2")]) == ["lesion", "lesion"]


def test_a_pair_with_an_absent_photo_changes_nothing():
    assert join_groups(["p1", "p2"], ["a", ""], [("p1", "absent")]) == ["a", "p2"]


def test_two_photos_are_joined_by_an_absent_third():
    assert join_groups(["p1", "p2"], ["", ""], [("p1", "absent"), ("p2", "absent")]) == ["absent"] * 2


def test_names_do_not_depend_on_the_order():
    ids, keys, pairs = ["p1", "p2", "p3"], ["c", "a", "b"], [("p1", "p3"), ("p3", "p2")]
    backwards = join_groups(ids[::-1], keys[::-1], [(two, one) for one, two in pairs[::-1]])
    assert backwards == join_groups(ids, keys, pairs)[::-1] == ["a", "a", "a"]


def test_photos_of_unknown_patients_are_not_one_group():
    assert join_groups(["p1", "p2", "p3", "p4"], ["unknown", "Unknown ", "", "a"]) == ["p1", "p2", "p3", "a"]


def row(image_id, **values):
    usual = {"diagnosis": "NV", "group_id": "L1", "age": "45.0", "sex": "male", "site": "back"}
    return {"image_id": image_id, **usual, "source": "HAM10000", "confirmation": "histo", **values}


@pytest.fixture
def photos(tmp_path):
    """Photos a, b and c that open, and `broken`, which does not."""
    for name in "abc":
        Image.new("RGB", (4, 4)).save(tmp_path / f"{name}.jpg")
    (tmp_path / "broken.jpg").write_bytes(b"no photo")
    return {path.stem: str(path) for path in sorted(tmp_path.iterdir())}


def test_good_rows_become_the_table_and_an_empty_report(photos):
    rows = pd.DataFrame([row("a"), row("b", diagnosis="MEL", age="", sex="unknown", site=""), row("c")])
    table, report = checked_table(rows, {key: photos[key] for key in "abc"}, ("MEL", "NV"))
    assert tuple(table.columns) == TABLE_COLUMNS
    assert table["path"].tolist() == [photos["a"], photos["b"], photos["c"]]
    assert table["diagnosis"].tolist() == ["NV", "MEL", "NV"]
    np.testing.assert_array_equal(table["age"], [45.0, np.nan, 45.0])
    assert table["sex"].isna().tolist() == table["site"].isna().tolist() == [False, True, False]
    assert table.loc[0, ["sex", "site"]].tolist() == ["male", "posterior torso"]
    assert report == DatasetReport()
    assert not report


def test_each_kind_of_fault_is_reported_and_left_out(photos):
    rows = pd.DataFrame(
        [
            row("broken"),
            row("a", age="old", site="moon"),
            row("a", age="old", site="moon"),
            row("b", diagnosis="WART"),
            row("c"),
            row("c", diagnosis="MEL"),
            row("absent"),
        ]
    )
    table, report = checked_table(rows, photos, ("MEL", "NV"), photos_twice=["b"])
    assert table[["image_id", "diagnosis"]].to_numpy().tolist() == [["a", "NV"]]
    assert table[["age", "site"]].isna().all(axis=None)
    assert report == DatasetReport(
        rows_without_photo=("absent",),
        photos_without_row=("c",),
        unknown_diagnoses=('b diagnosis "WART"',),
        unreadable_photos=("broken",),
        duplicate_ids=("b",),
        values_not_accepted=('a age "old"', 'a site "moon"'),
        repeated_rows=("a",),
        contradictory_rows=("c", "c"),
    )


def test_the_report_names_counts_and_the_first_ten():
    report = DatasetReport(rows_without_photo=tuple("abcdefghijkl"), duplicate_ids=("x",))
    assert str(report) == ("rows without photo: 12 (a, b, c, d, e, f, g, h, i, j, ...)\nduplicate ids: 1 (x)")


def test_strict_makes_the_report_an_error(photos):
    with pytest.raises(InputError, match=r"photos without row: 3 \(b, broken, c\)"):
        checked_table(pd.DataFrame([row("a")]), photos, ("NV",), strict=True)


def test_strict_accepts_what_is_as_it_should_be(photos):
    table, report = checked_table(pd.DataFrame([row("a")]), {"a": photos["a"]}, ("NV",), strict=True)
    assert len(table) == 1
    assert not report


def test_no_id_that_is_a_photos_is_an_error(photos):
    rows = pd.DataFrame([row("x"), row("y")])
    with pytest.raises(
        InputError, match=r"No id of the csv belongs to a photo: the csv has 'x', 'y', and the photos are"
    ):
        checked_table(rows, photos, ("NV",))


def test_an_empty_table_is_an_error(photos):
    with pytest.raises(InputError, match="No photo of the data set can be used"):
        checked_table(pd.DataFrame([row("broken"), row("absent")]), photos, ("NV",))
