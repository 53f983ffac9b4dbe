import pandas as pd
import pytest

from data_modelling.datasets import isic2020
from data_modelling.datasets.splits.assignment import attach_parts, make_split, read_split
from data_modelling.datasets.splits.files import split_file
from data_modelling.inference.errors import InputError
from tests.conftest import PROJECT
from tests.data_modelling.datasets.test_ham10000 import write_photos
from tests.dicom_files import dicom

HEADER = (
    "image_name,patient_id,sex,age_approx,anatom_site_general_challenge,diagnosis,benign_malignant,target"
)
ROWS = (
    "ISIC_0000001,IP_1,male,45.0,torso,unknown,benign,0",
    "ISIC_0000002,IP_1,male,45.0,head/neck,melanoma,malignant,1",
    "ISIC_0000003,IP_2,female,0.0,,nevus,benign,0",
    "ISIC_0000004,IP_3,,,palms/soles,unknown,benign,0",
)


def write_isic2020(root, *rows, name="ISIC_2020_Training_GroundTruth.csv", pairs=()):
    """The csv files of the challenge, and a photo for each row but the last one."""
    folder = root / "ISIC_2020"
    folder.mkdir(parents=True, exist_ok=True)
    (folder / name).write_text("\n".join((HEADER, *rows)) + "\n")
    listed = ["image_name_1,image_name_2", *(",".join(pair) for pair in pairs or [("ISIC_8", "ISIC_9")])]
    (folder / isic2020.DUPLICATES).write_text("\n".join(listed) + "\n")
    write_photos(folder / "images", *(row.split(",")[0] for row in rows[:-1]))
    return folder


@pytest.mark.parametrize("name", isic2020.GROUND_TRUTH_FILES)
def test_the_csv_becomes_the_table(tmp_path, name):
    write_isic2020(tmp_path, *ROWS, name=name)
    table, report = isic2020.load(tmp_path)
    assert table["diagnosis"].tolist() == ["benign", "melanoma", "benign"]
    assert table["group_id"].tolist() == ["IP_1", "IP_1", "IP_2"]
    assert table["age"].isna().tolist() == [False, False, True]
    assert table["site"].tolist()[:2] == ["torso", "head/neck"]
    assert set(table["source"]) == {"ISIC_2020"}
    assert report.rows_without_photo == ("ISIC_0000004",)


def test_duplicates_join_their_patients(tmp_path):
    """One photo under two ids: IP_1 and IP_3 are one group then, on one side of any split."""
    root = write_isic2020(tmp_path, *ROWS, pairs=[("ISIC_0000002", "ISIC_0000004")])
    rows = isic2020.read_rows(root)
    assert rows["group_id"].tolist() == ["IP_1", "IP_1", "IP_2", "IP_1"]
    parts = make_split(rows, {"0": 0.5, "1": 0.5})
    assert parts.groupby("group_id")["part"].nunique().max() == 1


def test_a_patient_in_two_parts_is_refused(tmp_path):
    write_isic2020(tmp_path, *ROWS)
    table, _ = isic2020.load(tmp_path)
    parts = pd.DataFrame(
        {"image_id": table["image_id"], "group_id": table["group_id"], "part": ["0", "1", "0"]}
    )
    with pytest.raises(InputError, match=r"groups in two parts \(IP_1\)"):
        attach_parts(table, parts)


def test_a_dicom_photo_is_taken_where_there_is_no_other(tmp_path):
    folder = write_isic2020(tmp_path, *ROWS)
    (folder / "train").mkdir()
    for name in ("ISIC_0000001", "ISIC_0000004"):
        (folder / "train" / f"{name}.dcm").write_bytes(
            dicom(pd.DataFrame(0, range(4), range(4)).to_numpy("uint8"))
        )
    table, report = isic2020.load(tmp_path)
    endings = table.set_index("image_id")["path"].str[-4:]
    assert (endings["ISIC_0000001"], endings["ISIC_0000004"]) == (".jpg", ".dcm")
    assert not report.duplicate_ids


def test_all_real_rows_load_and_the_photos_at_hand_are_used(data_root):
    root = data_root / "ISIC_2020"
    rows = isic2020.read_rows(root)
    assert len(rows) == 33_126
    assert rows["group_id"].nunique() <= 2_056
    assert (rows["diagnosis"] == "malignant").sum() == 584
    pairs = isic2020.read_pairs(root / isic2020.DUPLICATES, ("image_name_1", "image_name_2"))
    group = rows.set_index("image_id")["group_id"]
    assert len(pairs) == 425
    assert all(group[one] == group[other] for one, other in pairs)
    table, report = isic2020.load(data_root)
    assert len(table) == 2_669 + 211  # ISIC_2020_extra
    patients = pd.read_csv(root / "ISIC_2020_Training_GroundTruth.csv").set_index("image_name")["patient_id"]
    assert table["group_id"].nunique() == patients[table["image_id"]].nunique() == 288
    melanomas = table[table["diagnosis"] == "melanoma"]
    assert (len(melanomas), melanomas["group_id"].nunique()) == (38 + 2, 27 + 2)
    assert len(report.rows_without_photo) == 33_126 - 2_669 - 211
    parts = attach_parts(table, read_split(split_file(PROJECT / "DATA" / "splits", "isic2020")))
    assert parts.groupby("group_id")["part"].nunique().max() == 1
