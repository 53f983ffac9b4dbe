import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.datasets.table import TABLE_COLUMNS, DatasetReport, checked_table
from data_modelling.inference.errors import InputError


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
