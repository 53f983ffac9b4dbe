import numpy as np
import pytest

from data_modelling.datasets import isic2019
from data_modelling.datasets.split_files import split_file
from data_modelling.datasets.splits import TEST, attach_parts, read_split
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
    (folder / isic2019.TRUTH).write_text("\n".join([TRUTH, *truth]) + "\n")
    (folder / isic2019.METADATA).write_text("\n".join([DETAILS, *details]) + "\n")
    return folder


@pytest.fixture
def root(tmp_path):
    """A photo in each of three data sets: ISIC 2017's has its first name, without the suffix. One has none."""
    write_photos(write_isic2019(tmp_path) / "ISIC_2019_Training_Input", "ISIC_0000003")
    write_set(tmp_path / "HAM10000", "HAM_0000001,ISIC_0024306,nv,histo,45,male,trunk")
    write_photos(tmp_path / "ISIC_2017" / "images", "ISIC_0000002")
    (tmp_path / "ISIC_2017" / "ISIC_2017_labels.csv").write_text("image,isic2019_class,lesion_id\n")
    return tmp_path


def test_photos_are_found_by_id_wherever_they_lie(root):
    table, report = isic2019.load(root)
    assert table["image_id"].tolist() == list(ROWS)[:3]
    assert table["diagnosis"].tolist() == ["NV", "MEL", "SCC"]
    assert table["source"].tolist() == ["HAM10000", "ISIC_2017", "ISIC_2017"]
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
    path = root / "ISIC_2019" / isic2019.TRUTH
    path.write_text(path.read_text().replace("0.0,0.0,0.0,1.0", "1.0,0.0,0.0,1.0"))
    with pytest.raises(InputError, match="not one 1 and else 0"):
        isic2019.load(root)


def test_without_the_other_data_sets_their_photos_are_left_out(tmp_path):
    write_photos(write_isic2019(tmp_path) / "images", "ISIC_0000003")
    table, report = isic2019.load(tmp_path)
    assert table["image_id"].tolist() == ["ISIC_0000003"]
    assert len(report.rows_without_photo) == 3
    assert isic2019.outlines(tmp_path) == {}


def test_the_real_photos_keep_the_sides_of_their_own_splits(data_root):
    """Every photo stands where HAM10000's and ISIC 2017's splits have it."""
    table, report = isic2019.load(data_root)
    assert table["source"].value_counts().to_dict() == {"HAM10000": 10_015, "ISIC_2017": 2_150}
    assert (table["diagnosis"] == "AK").sum() == 130
    assert (table["diagnosis"] == "SCC").sum() == 197
    assert len(report.rows_without_photo) == 25_331 - 12_165
    splits = PROJECT / "DATA" / "splits"
    parts = attach_parts(table, read_split(split_file(splits, "isic2019")))
    for name, source in (("ham10000", "HAM10000"), ("isic2017", "ISIC_2017")):
        own = read_split(split_file(splits, name)).set_index("image_id")["part"]
        of_source = parts[parts["source"] == source]
        assert (isic2019.original_ids(of_source["image_id"]).map(own) == of_source["part"]).all()
    assert (parts["part"] == TEST).sum() == 1_502 + 322
