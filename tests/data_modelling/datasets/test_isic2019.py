import numpy as np
import pytest

from data_modelling.datasets import isic2019
from data_modelling.datasets.splits.assignment import TEST, attach_parts, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.inference.errors import InputError
from tests.conftest import PROJECT
from tests.data_modelling.datasets.test_ham10000 import write_photos, write_set

TRUTH = "image,MEL,NV,BCC,AK,BKL,DF,VASC,SCC,UNK"
DETAILS = "image,age_approx,anatom_site_general,lesion_id,sex"
ROWS = {  # id: (class, details)
    "ISIC_0024306": ("NV", "45,anterior torso,HAM_0000001,male"),
    "ISIC_0000002_downsampled": ("MEL", "0,lateral torso,MSK4_0011169,female"),
    "ISIC_0000003": ("SCC", ",,,"),
    "ISIC_0053453": ("AK", "85,head/neck,BCN_0003884,"),
}


def write_isic2019(root, rows=ROWS):
    """The two csv files, without any photo."""
    folder = root / "ISIC_2019"
    folder.mkdir(parents=True, exist_ok=True)
    codes = TRUTH.split(",")[1:]
    truth = [
        ",".join([image, *("1.0" if code == one else "0.0" for code in codes)])
        for image, (one, _) in rows.items()
    ]
    details = [f"{image},{line}" for image, (_, line) in rows.items()]
    (folder / isic2019.GROUND_TRUTH_FILE).write_text("\n".join([TRUTH, *truth]) + "\n")
    (folder / isic2019.METADATA).write_text("\n".join([DETAILS, *details]) + "\n")
    return folder


@pytest.fixture
def root(tmp_path):
    """A photo in each of three data sets: ISIC 2017's has its first name, without the suffix. One has none."""
    write_photos(write_isic2019(tmp_path) / "ISIC_2019_Training_Input", "ISIC_0000003")
    write_set(tmp_path / "HAM10000", "HAM_0000001,ISIC_0024306,nv,histo,45,male,trunk")
    write_photos(tmp_path / "ISIC_2017" / "images", "ISIC_0000002")
    (tmp_path / "ISIC_2017" / "ISIC_2017_labels.csv").write_text(
        "image,isic2019_class,lesion_id\nISIC_0000002,MEL,\n"
    )
    return tmp_path


def test_photos_are_found_by_id_wherever_they_lie(root):
    table, report = isic2019.load(root)
    assert table["image_id"].tolist() == list(ROWS)[:3]
    assert table["diagnosis"].tolist() == ["NV", "MEL", "SCC"]
    assert table["source"].tolist() == ["HAM10000", "ISIC_2017", "ISIC_MSK_UDA"]
    assert table["path"].map(lambda path: path.split("/")[-1]).tolist() == [
        "ISIC_0024306.jpg",
        "ISIC_0000002.jpg",
        "ISIC_0000003.jpg",
    ]
    assert report.rows_without_photo == ("ISIC_0053453",)


def test_details_are_read(root):
    table, _ = isic2019.load(root)
    np.testing.assert_array_equal(table["age"], [45, np.nan, np.nan])
    assert table["sex"].tolist()[:2] == ["male", "female"]
    assert table["site"].tolist()[:2] == ["anterior torso", "torso"]
    assert table["site"].isna().tolist() == [False, False, True]
    assert isic2019.read_rows(root / "ISIC_2019")["source"].tolist()[3] == "BCN_20000"


def test_files_of_german_excel_give_the_same_table(root):
    """Case 11: the classes are 1,0 and 0,0 there, and the ages have a comma too."""
    expected, _ = isic2019.load(root)
    for name in (isic2019.GROUND_TRUTH_FILE, isic2019.METADATA):
        path = root / "ISIC_2019" / name
        text = (
            path.read_text()
            .replace(",", ";")
            .replace("1.0", "1,0")
            .replace("0.0", "0,0")
            .replace("45;", "45,0;")
        )
        path.write_text("\ufeff" + text, encoding="utf-8")
    assert isic2019.load(root)[0].equals(expected)


def test_a_photo_with_contradictory_details_is_left_out(root):
    """Its lesion is not known, so that it could be in another part of the split than its lesion's other photos."""
    path = root / "ISIC_2019" / isic2019.METADATA
    path.write_text(
        f"{path.read_text()}ISIC_0000003,20,head/neck,BCN_1,male\nISIC_0024306.jpg,45,anterior torso,HAM_0000001,male\n"
    )
    table, report = isic2019.load(root)
    assert table["image_id"].tolist() == list(ROWS)[:2]
    assert report.contradictory_rows == ("ISIC_0000003 (row 4)", "ISIC_0000003 (row 6)")
    assert report.repeated_rows == ("ISIC_0024306 (row 7)",)
    assert report.photos_without_row == ("ISIC_0000003",)


def test_a_photo_without_details_is_reported(root):
    """Its lesion and details would be lost without a word."""
    path = root / "ISIC_2019" / isic2019.METADATA
    path.write_text("\n".join(line for line in path.read_text().splitlines() if "ISIC_0024306" not in line))
    table, report = isic2019.load(root)
    assert table["image_id"].tolist() == list(ROWS)[:3]
    assert table["group_id"].tolist()[0] == "ISIC_0024306"
    assert report.rows_without_details == ("ISIC_0024306",)


def test_two_files_without_a_common_image_are_refused(root):
    path = root / "ISIC_2019" / isic2019.METADATA
    path.write_text(path.read_text().replace("ISIC_", "isic-"))
    with pytest.raises(
        InputError, match=r"No image of .*GroundTruth\.csv is in .*Metadata\.csv; get both files again\."
    ):
        isic2019.load(root)


def test_the_own_folder_counts_before_the_others(root):
    write_photos(root / "ISIC_2019" / "ISIC_2019_Training_Input", "ISIC_0000002_downsampled")
    table, report = isic2019.load(root)
    assert table["path"].iloc[1].endswith("ISIC_2019_Training_Input/ISIC_0000002_downsampled.jpg")
    assert not report.duplicate_ids


def test_a_photo_of_none_of_the_classes_teaches_nothing(root):
    write_isic2019(root, ROWS | {"ISIC_0000003": ("UNK", ",,,")})
    table, report = isic2019.load(root)
    assert table["image_id"].tolist() == list(ROWS)[:2]
    assert report.unknown_diagnoses == ('ISIC_0000003 diagnosis "UNK"',)


def test_two_classes_in_a_row_are_refused(root):
    path = root / "ISIC_2019" / isic2019.GROUND_TRUTH_FILE
    path.write_text(path.read_text().replace("0.0,0.0,0.0,1.0", "1.0,0.0,0.0,1.0"))
    with pytest.raises(InputError, match="must have 1 for one class and 0 for all others"):
        isic2019.load(root)


def test_without_the_other_data_sets_their_photos_are_left_out(tmp_path):
    write_photos(write_isic2019(tmp_path) / "images", "ISIC_0000003")
    table, report = isic2019.load(tmp_path)
    assert table["image_id"].tolist() == ["ISIC_0000003"]
    assert len(report.rows_without_photo) == 3
    assert isic2019.outline_paths(tmp_path) == {}


def test_the_real_photos_keep_the_parts_of_their_own_splits(real_isic2019):
    """Every photo stands where HAM10000's and ISIC 2017's splits have it."""
    table, report = real_isic2019
    counts = {"HAM10000": 10_015, "ISIC_2017": 2_150, "BCN_20000": 11_460, "ISIC_MSK_UDA": 156}
    assert table["source"].value_counts().to_dict() == counts
    assert (table["diagnosis"] == "AK").sum() == 130 + 664  # those of BCN20000 counted in its labels.csv
    assert (table["diagnosis"] == "SCC").sum() == 197 + 388
    assert len(report.rows_without_photo) == 25_331 - sum(counts.values())
    splits = PROJECT / "DATA" / "splits"
    parts = attach_parts(table, read_split(split_file(splits, "isic2019")))
    for name, source in (("ham10000", "HAM10000"), ("isic2017", "ISIC_2017")):
        own = read_split(split_file(splits, name)).set_index("image_id")["part"]
        of_source = parts[parts["source"] == source]
        assert (isic2019.original_ids(of_source["image_id"]).map(own) == of_source["part"]).all()
    assert (parts["part"] == TEST).sum() == 1_502 + 322 + 967  # the last of ISIC_2019_84px
