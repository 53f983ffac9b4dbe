import numpy as np
import pandas as pd
import pytest

from data_analysis import notebook_folders, profiles
from data_modelling.inference.errors import InputError


@pytest.fixture
def tables(made, monkeypatch):
    monkeypatch.setenv(notebook_folders.SPLITS_VARIABLE, str(made.splits))
    return {name: profiles.read_metadata(name, made.root) for name in profiles.COLUMNS}


def table(**columns: list) -> pd.DataFrame:
    return pd.DataFrame(columns)


def test_the_three_data_sets_have_the_same_columns(tables):
    columns = {name: list(found.columns) for name, found in tables.items()}
    assert columns["ham10000"] == columns["isic2019"] == columns["isic2020"]
    assert len(tables["isic2020"]) == 300
    assert tables["isic2020"]["stated"].nunique() == 60
    assert set(tables["isic2019"]["confirmation"]) == {""}
    assert tables["isic2020"].loc[0, ["stated", "age", "sex", "site", "confirmation", "diagnosis"]].tolist() == [
        "IP_000", 20.0, "female", "torso", "melanoma", "malignant",
    ]  # fmt: skip


def test_rows_of_the_details_are_matched_by_id_and_not_by_place(made, tables, monkeypatch, tmp_path):
    folder = tmp_path / "ISIC_2019"
    folder.mkdir()
    for name in ("ISIC_2019_Training_GroundTruth.csv", "ISIC_2019_Training_Metadata.csv"):
        header, *rows = (made.root / "ISIC_2019" / name).read_text().splitlines()
        if "Metadata" in name:
            rows.reverse()
        (folder / name).write_text("\n".join([header, *rows]) + "\n")
    pd.testing.assert_frame_equal(profiles.read_metadata("isic2019", tmp_path), tables["isic2019"])


@pytest.fixture
def ham_csv(made, monkeypatch, tmp_path):
    """Return the path of a copy of HAM10000's csv, which a test may change."""
    monkeypatch.setenv(notebook_folders.SPLITS_VARIABLE, str(made.splits))
    path = tmp_path / "HAM10000" / "HAM10000_metadata.csv"
    path.parent.mkdir()
    path.write_bytes((made.root / "HAM10000" / path.name).read_bytes())
    return path


def test_an_oversampled_csv_counts_each_photo_once(ham_csv, tables, tmp_path):
    """Case 14: a public csv repeats the rows of the rare classes."""
    header, *rows = ham_csv.read_text().splitlines()
    ham_csv.write_text(
        "\n".join([f",{header}", *(f"{n},{row}" for n, row in enumerate([*rows, *rows[::2], rows[0]]))])
    )
    assert profiles.read_metadata("ham10000", tmp_path).equals(tables["ham10000"])


def test_a_csv_of_r_or_of_german_excel_is_read_as_the_original(ham_csv, tables, tmp_path):
    original = ham_csv.read_text()
    frame = pd.read_csv(ham_csv, dtype=str, keep_default_na=False)
    frame.replace("", "NA").to_csv(ham_csv, index=True)
    assert profiles.read_metadata("ham10000", tmp_path).equals(tables["ham10000"])
    ham_csv.write_text("\ufeff" + original.replace(",", ";"), encoding="utf-8")
    assert profiles.read_metadata("ham10000", tmp_path).equals(tables["ham10000"])


def test_a_value_that_is_not_accepted_is_named_with_its_column(ham_csv, tmp_path):
    ham_csv.write_text(ham_csv.read_text().replace(",female,", ",f,"))
    with pytest.raises(
        InputError,
        match=r"HAM10000, column sex: Sex must be female, male, unknown or left empty\. It says 'f' in \d+ rows\.",
    ):
        profiles.read_metadata("ham10000", tmp_path)


def test_ages_of_zero_empty_and_unknown_are_missing():
    found = profiles.parse_field("age", pd.Series(["0.0", "0", "", "unknown", "45.0", "5"]))
    np.testing.assert_array_equal(found, [np.nan, np.nan, np.nan, np.nan, 45, 5])


def test_missing_details_are_counted_once_each():
    given = table(
        diagnosis=["NV", "NV", "NV", "MEL"],
        age_text=["0.0", "", "50", "0"],
        age=[np.nan, np.nan, 50, np.nan],
        sex=["male", None, None, "female"],
        site=[None, "torso", "torso", "torso"],
    )
    found = profiles.missing_counts(given)
    assert found.loc["NV"].to_dict() == {"age empty": 1, "age written as 0": 1, "sex": 2, "site": 1}
    assert found.loc["MEL"].to_dict() == {"age empty": 0, "age written as 0": 1, "sex": 0, "site": 0}


def test_classes_are_counted_in_photos_and_groups_the_largest_first():
    given = table(diagnosis=["MEL", "NV", "NV", "NV"], group_id=["a", "b", "b", "c"])
    found = profiles.class_counts(given)
    assert list(found.index) == ["NV", "MEL"]
    assert found.loc["NV"].tolist() == [3, 2, 0.75]


def test_a_lesion_of_many_photos_counts_once():
    given = table(diagnosis=["NV", "NV", "MEL", "NV"], group_id=["a", "a", "a", "b"], photo=[1, 2, 3, 4])
    assert profiles.first_of_each_group(given)["photo"].tolist() == [1, 3, 4]


def test_shares_of_a_cross_table_sum_to_one_in_each_row():
    counts, shares = profiles.counts_and_shares(
        pd.Series(["NV", "NV", "NV", "MEL"]), pd.Series(["a", "a", "b", "b"])
    )
    assert counts.loc["NV"].tolist() == [2, 1]
    assert shares.loc["NV"].tolist() == [pytest.approx(2 / 3), pytest.approx(1 / 3)]
    assert shares.loc["MEL"].tolist() == [0, 1]


def test_a_share_with_its_interval_in_each_value():
    hits, by = pd.Series([True, False, True, True]), pd.Series(["a", "a", "b", "b"])
    found = profiles.share_with_interval(hits, [by])
    assert found["share"].tolist() == [0.5, 1.0]
    assert found["hits"].tolist() == [1, 2]
    assert (found["low"] < found["share"]).all()
    assert found.loc["a", "high"] > 0.5


def test_age_bands_begin_at_their_first_year():
    found = profiles.age_bands(pd.Series([29, 30, 69.9, 70, 95, np.nan]))
    assert found.tolist() == ["under 30", "30-39", "60-69", "70 and over", "70 and over", np.nan]


def test_quantiles_leave_missing_values_out():
    found = profiles.quantile_table(pd.Series([0, 10, 20, np.nan]), pd.Series(["a"] * 4))
    assert found.loc["a", ["q1", "median", "q3", "count"]].tolist() == [5, 10, 15, 3]


def test_groups_by_their_number_of_photos():
    groups = pd.Series(["a"] + ["b"] * 2 + ["c"] * 3 + ["d"] * 4 + ["e"] * 9)
    found = profiles.group_sizes(groups, (1, 2, 5))
    assert found["groups"].to_dict() == {"1": 1, "2-4": 3, "5 or more": 1}
    assert found["photos"].to_dict() == {"1": 1, "2-4": 9, "5 or more": 9}


def test_names_of_sites_are_listed_under_the_region_as_which_they_are_read():
    one = table(site=["torso", "anterior torso", None], site_text=["trunk", "chest", ""])
    other = table(site=["torso", "torso"], site_text=["torso", "trunk"])
    found = profiles.vocabulary({"one": one, "other": other})
    assert found.loc[("torso", "trunk")].tolist() == [1, 1]
    assert found.loc[("torso", "torso")].tolist() == [0, 1]
    assert found.loc[("not known", "(empty)")].tolist() == [1, 0]


def test_photos_of_one_lesion_that_contradict_each_other():
    given = table(
        stated=["a", "a", "b", "b", "", ""],
        age=[40, 45, 50, np.nan, 1, 2],
        sex=["male"] * 6,
        site=["torso", "head/neck", "torso", "torso", "torso", None],
    )
    assert profiles.contradictions(given).to_dict() == {"age": 1, "sex": 0, "site": 1}


def test_where_the_photos_of_isic_2019_come_from():
    given = table(image_id=["a", "b", "c_downsampled", "d", "e"], stated=["BCN_1", "HAM_2", "", "", "MSK4_1"])
    assert profiles.origin_of_isic2019(given, None).tolist() == [
        "BCN20000", "HAM10000", "earlier challenges", "earlier challenges", "earlier challenges",
    ]  # fmt: skip
    assert profiles.origin_of_isic2019(given, table(image_id=["c"]))[2] == "HAM10000"


@pytest.mark.parametrize(
    ("share", "text"),
    [(0, "0%"), (1, "100%"), (0.9999, "99.99%"), (0.386, "38.6%"), (0.25, "25%"), (0.0094, "0.94%")],
)
def test_percentages_are_zero_or_whole_only_where_they_are(share, text):
    assert profiles.percent(share) == text


def test_real_isic_2019_lost_the_sites_that_its_vocabulary_lacks(data_root):
    """Of HAM10000's photos without a site in ISIC 2019, all but those unknown there were trunk or genital."""
    one, other = (
        profiles.read_metadata(name, data_root).set_index("image_id") for name in ("ham10000", "isic2019")
    )
    names = one.loc[other.index[other["site"].isna() & other.index.isin(one.index)], "site_text"]
    assert names.value_counts().to_dict() == {"trunk": 1404, "unknown": 234, "genital": 48}
