import numpy as np
import pytest
from PIL import Image

from data_modelling.datasets import class_folders
from data_modelling.inference.errors import InputError
from tests.data_modelling.datasets.prepared import settings_for, write_prepared

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


def test_a_photo_in_two_folders_is_reported(tmp_path):
    write_photo(tmp_path / "NV" / "a.jpg")
    write_photo(tmp_path / "MEL" / "a.jpg")
    table, report = class_folders.load(SETTINGS, tmp_path)
    assert report.duplicate_ids == ("a",)
    assert table["diagnosis"].tolist() == ["MEL"]  # the first class of the task


def test_a_photo_that_was_moved_is_not_read_under_its_old_diagnosis(generated, tmp_path):
    write_prepared(generated, "class_folders", tmp_path)
    moved = min((tmp_path / "NV").iterdir())
    moved.rename(tmp_path / "MEL" / moved.name)
    with pytest.raises(
        InputError, match=f"says NV of {moved.stem}, which stands in the folder MEL; 1 photos"
    ):
        class_folders.load(SETTINGS, tmp_path)


def test_a_photo_that_is_gone_is_reported(generated, tmp_path):
    write_prepared(generated, "class_folders", tmp_path)
    gone = min((tmp_path / "NV").iterdir())
    gone.unlink()
    assert class_folders.load(SETTINGS, tmp_path)[1].rows_without_photo == (gone.stem,)


def test_no_folder_of_a_class_is_told(tmp_path):
    (tmp_path / "moles").mkdir()
    with pytest.raises(InputError, match="has a folder named by a class .MEL, NV"):
        class_folders.load(SETTINGS, tmp_path)
