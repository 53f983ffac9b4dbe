import os
import sys

import numpy as np
import pytest
from PIL import Image

from data_modelling import split
from data_modelling.datasets.formats import class_folders, stored_photo
from data_modelling.datasets.formats.preparation import PreparationPlan, prepare_dataset
from data_modelling.datasets.registry import load_table
from data_modelling.datasets.splits.assignment import PARTS, read_split
from data_modelling.inference.errors import InputError
from tests.data_modelling.datasets.formats.small_data_sets import settings_for, write_prepared

SETTINGS = settings_for("class_folders")


def write_photo(path):
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", (8, 6), (200, 150, 120)).save(path)


def test_folders_without_a_csv_are_diagnoses_with_a_warning_about_groups(tmp_path, capsys):
    for name in ("NV/b.jpg", "MEL/a.png", "MEL/c.jpeg"):
        write_photo(tmp_path / name)
    (tmp_path / "NV" / "notes.txt").write_text("x")
    table, report = class_folders.load(SETTINGS, tmp_path)
    assert table[["image_id", "diagnosis", "group_id"]].to_numpy().tolist() == [
        ["a", "MEL", "a"],
        ["b", "NV", "b"],
        ["c", "MEL", "c"],
    ]
    assert np.isnan(table["age"]).all()
    assert table[["sex", "site"]].isna().all(axis=None)
    assert not report
    assert "has no photos.csv" in capsys.readouterr().err


def test_folders_that_were_not_finished_are_refused(tmp_path):
    """The csv is written when every photo is there; without it half a data set would be read, each photo a group."""
    write_photo(tmp_path / "NV" / "a.jpg")
    (tmp_path / "prepared.json").write_text("{}")
    with pytest.raises(InputError, match=r"is not finished: it has prepared\.json, but not photos\.csv"):
        class_folders.load(SETTINGS, tmp_path)


def test_a_name_in_several_folders_is_an_id_with_its_folder(tmp_path):
    """Case 05: the folders number their photos, each from 1 on."""
    for name in ("NV/1.jpg", "MEL/1.jpg", "MEL/2.jpg", "Melanoma/1.png"):
        write_photo(tmp_path / name)
    table, report = class_folders.load(SETTINGS, tmp_path, strict=True)
    assert not report
    assert table[["image_id", "diagnosis", "group_id"]].to_numpy().tolist() == [
        ["2", "MEL", "2"],
        ["MEL/1", "MEL", "MEL/1"],
        ["Melanoma/1", "MEL", "Melanoma/1"],
        ["NV/1", "NV", "NV/1"],
    ]


def test_two_photos_of_one_name_in_one_folder_are_reported(tmp_path):
    for name in ("MEL/a.jpg", "MEL/a.png", "NV/b.jpg"):
        write_photo(tmp_path / name)
    table, report = class_folders.load(SETTINGS, tmp_path)
    assert report.duplicate_ids == ("a",)
    assert table["image_id"].tolist() == ["a", "b"]


@pytest.mark.parametrize(
    ("folder", "code"),
    [
        ("bkl", "BKL"),
        ("Basal Cell Carcinoma", "BCC"),
        ("basal-cell_carcinoma", "BCC"),
        ("Melanocytic Nevi", "NV"),
        ("NEVUS", "NV"),
        ("vascular lesions", "VASC"),
        ("pigmented benign keratosis", "BKL"),
        ("Bowen's disease", "AKIEC"),
        ("actinic keratosis", "AKIEC"),
        ("SCC", "AKIEC"),
        ("0_NV", "NV"),
        ("Basaliom", "BCC"),
        ("Gefäßläsion", "VASC"),
        ("kératose actinique", "AKIEC"),
    ],
)
def test_a_folder_may_have_any_usual_name_of_a_class(tmp_path, folder, code):
    write_photo(tmp_path / folder / "a.jpg")
    write_photo(tmp_path / "mel" / "b.jpg")
    table, report = class_folders.load(SETTINGS, tmp_path, strict=True)
    assert table["diagnosis"].tolist() == [code, "MEL"]
    assert not report


def test_unused_and_nested_folders_are_reported_with_their_photos(tmp_path):
    names = (
        "wart/a.jpg",
        "wart/deep/b.jpg",
        "NV/c.jpg",
        "NV/part_1/d.jpg",
        "NV/part_1/e.jpg",
        "NV/MEL/f.jpg",
        "g.jpg",
    )
    for name in names:
        write_photo(tmp_path / name)
    (tmp_path / "empty").mkdir()
    (tmp_path / "__MACOSX" / "NV").mkdir(parents=True)
    table, report = class_folders.load(SETTINGS, tmp_path)
    assert table["image_id"].tolist() == ["c", "d", "e"]
    assert report.unused_folders == (
        f"{tmp_path.name}: 1 photo",
        "NV/MEL: 1 photo",
        "empty: 0 photos",
        "wart: 2 photos",
    )
    assert report.nested_folders == ("NV/part_1: 2 photos",)
    with pytest.raises(
        InputError, match=r"unused folders: 4 \(.*wart: 2 photos\)\nnested folders: 1 \(NV/part_1: 2 photos\)"
    ):
        class_folders.load(SETTINGS, tmp_path, strict=True)


def test_pictures_that_are_not_read_and_empty_class_folders_are_reported(tmp_path):
    """Case 23: a folder whose photos are all TIFF would otherwise be a class that nobody misses."""
    for name in ("MEL/a.tif", "MEL/b.TIFF", "NV/c.jpg", "NV/d.bmp", "BCC/BCC/e.jpg"):
        write_photo(tmp_path / name)
    (tmp_path / "DF").mkdir()
    (tmp_path / "NV" / "IM0001").write_bytes(bytes(128) + b"DICM")
    for name in ("Thumbs.db", "README", "._c.bmp"):
        (tmp_path / "NV" / name).write_text("x")
    table, report = class_folders.load(SETTINGS, tmp_path)
    assert table["image_id"].tolist() == ["c", "e"]
    assert report.class_folders_without_photos == ("DF", "MEL")
    assert report.pictures_of_other_formats == ("MEL: 2 (.tif .tiff)", "NV: 2 (.bmp)")
    with pytest.raises(InputError, match=r"pictures of other formats: 2 \(MEL: 2"):
        class_folders.load(SETTINGS, tmp_path, strict=True)


def test_only_empty_class_folders_are_one_message(tmp_path):
    (tmp_path / "MEL").mkdir()
    with pytest.raises(
        InputError, match=r"No photo .* can be used:\nclass folders without photos: 1 \(MEL\)"
    ):
        class_folders.load(SETTINGS, tmp_path)


@pytest.mark.skipif(sys.platform != "linux", reason="file names of other systems are Unicode")
def test_a_file_name_that_is_not_utf_8_is_read_as_cp1252(tmp_path, capsys):
    """Case 12: archives of Windows leave such names; they cannot be written to a split as they are."""
    for name in ("MEL/a.jpg", "NV/b.jpg"):
        write_photo(tmp_path / "own" / name)
    folder = os.fsencode(tmp_path / "own" / "NV")
    (tmp_path / "own" / "NV" / "b.jpg").rename(os.fsdecode(folder + b"/L\xe4sion.jpg"))
    (tmp_path / "own" / "photos.csv").write_bytes("image;group\nLäsion.jpg;p1\na;p2\n".encode("cp1252"))
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        'name = "own"\nversion = "1"\ntask = "ham10000"\ndataset = "class_folders"\nsplit = "own"\n'
    )
    arguments = ["--config", str(recipe), "--data-root", str(tmp_path / "own"), "--out", str(tmp_path)]
    assert split.main([*arguments, "--strict"]) == 0, capsys.readouterr().err
    parts = read_split(tmp_path / "own.csv")
    assert parts[["image_id", "group_id"]].to_numpy().tolist() == [["Läsion", "p1"], ["a", "p2"]]
    table, _ = class_folders.load(SETTINGS, tmp_path / "own")
    assert [len(stored_photo.photo_fingerprint(path).encode()) > 0 for path in table["path"]] == [True, True]


def test_a_group_that_is_not_known_is_the_photo_or_its_lesion(tmp_path):
    """Photos of unknown patients are not one patient's; those of one lesion still stay together."""
    for number in range(5):
        write_photo(tmp_path / "NV" / f"{number}.jpg")
    (tmp_path / "photos.csv").write_text(
        "image_id,patient_id,lesion_id\n0,unknown,l1\n1,Unknown,l1\n2,NA,l2\n3,p1,unknown\n4,,UNKNOWN\n"
    )
    table, _ = class_folders.load(SETTINGS, tmp_path, strict=True)
    assert table["group_id"].tolist() == ["0", "0", "2", "p1", "4"]


def test_a_csv_may_give_groups_and_details_under_other_names(tmp_path):
    for name in ("NV/1.jpg", "MEL/1.jpg", "MEL/2.jpg", "NV/3.jpg"):
        write_photo(tmp_path / name)
    (tmp_path / "Groups.csv").write_text(
        "File;Patient ID;Gender;Age\nNV/1.jpg;p1;female;45,0\nMEL/1.jpg;p1;;\nMEL\\2.JPG;p2;male;NA\n9.jpg;p3;;\n",
        encoding="utf-8",
    )
    table, report = class_folders.load(SETTINGS, tmp_path)
    assert table[["image_id", "diagnosis", "group_id"]].to_numpy().tolist() == [
        ["NV/1", "NV", "p1"],
        ["MEL/1", "MEL", "p1"],
        ["2", "MEL", "p2"],
    ]
    np.testing.assert_array_equal(table["age"], [45, np.nan, np.nan])
    assert table["sex"].fillna("").tolist() == ["female", "", "male"]
    assert report.rows_without_photo == ("9",)
    assert report.photos_without_row == ("3",)
    assert not report.unknown_diagnoses


def test_a_split_of_class_folders_keeps_the_csvs_groups_together(tmp_path, capsys):
    rows = ["image_id,group_id"]
    for number in range(60):
        write_photo(tmp_path / "own" / ("NV", "MEL", "BKL")[number // 2 % 3] / f"{number}.jpg")
        rows.append(f"{number},patient {number // 2}")
    (tmp_path / "own" / "photos.csv").write_text("\n".join(rows) + "\n")
    recipe = tmp_path / "own.toml"
    recipe.write_text(
        'name = "own"\nversion = "1"\ntask = "ham10000"\ndataset = "class_folders"\nsplit = "own"\n'
    )
    arguments = ["--config", str(recipe), "--data-root", str(tmp_path / "own"), "--out", str(tmp_path)]
    assert split.main(arguments) == 0
    parts = read_split(tmp_path / "own.csv")
    assert len(parts) == 60
    assert parts["group_id"].nunique() == 30
    assert set(parts["part"]) == set(PARTS)
    assert split.main(arguments) == 2
    assert "add --force to replace" in capsys.readouterr().err


def test_ids_with_folders_are_prepared_and_read_back(tmp_path):
    for name in ("nevus/1.jpg", "MEL/1.jpg", "MEL/2.jpg"):
        write_photo(tmp_path / "own" / name)
    table, _ = class_folders.load(SETTINGS, tmp_path / "own")
    for kind in ("class_folders", "tfrecord"):
        plan = PreparationPlan(kind, tmp_path / kind, SETTINGS.prepared, 1)
        assert prepare_dataset(table, plan, resume=False) == []
        again, _ = load_table(settings_for(kind), tmp_path / kind, strict=True)
        columns = ["image_id", "diagnosis", "group_id", "source"]
        assert again[columns].to_numpy().tolist() == table[columns].to_numpy().tolist()


def test_a_photo_that_was_moved_is_not_read_under_its_old_diagnosis(generated, tmp_path):
    write_prepared(generated, "class_folders", tmp_path)
    moved = min((tmp_path / "NV").iterdir())
    moved.rename(tmp_path / "MEL" / moved.name)
    with pytest.raises(
        InputError, match=f"gives {moved.stem} the diagnosis NV, but .* is in a folder of the class MEL;"
    ):
        class_folders.load(SETTINGS, tmp_path)


def test_a_photo_that_is_gone_is_reported(generated, tmp_path):
    write_prepared(generated, "class_folders", tmp_path)
    gone = min((tmp_path / "NV").iterdir())
    gone.unlink()
    assert class_folders.load(SETTINGS, tmp_path)[1].rows_without_photo == (gone.stem,)


def test_class_folders_further_down_are_named(tmp_path):
    write_photo(tmp_path / "own" / "own" / "MEL" / "a.jpg")
    with pytest.raises(InputError, match=r"There are such folders in .*own/own: name one with --data-root\."):
        class_folders.load(SETTINGS, tmp_path)


def test_no_folder_of_a_class_is_one_sentence(tmp_path):
    (tmp_path / "moles").mkdir()
    with pytest.raises(InputError, match="has a folder named after a class .MEL, NV"):
        class_folders.load(SETTINGS, tmp_path)
