from pathlib import Path

import numpy as np
import pytest

from data_analysis.own_photo_folder import answer_table, confusion_table, neighbour_table, read_photo_folder
from data_modelling.inference.bundle import load_bundle
from data_modelling.inference.details import Details
from data_modelling.inference.errors import InputError
from data_modelling.inference.predictor import Predictor
from tests.app.conftest import photo
from tests.app.tiny_bundle import make_tiny_bundle
from tests.dicom_files import dicom


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two red photos labelled MEL and NV by their folders, a green one, and one that does not decode."""
    root = tmp_path / "photos"
    for name, data in {
        "MEL/a.jpg": photo("red"),
        "NV/b.jpg": photo("red"),
        "NV/c.jpg": photo("lime"),
        "NV/d.jpg": b"no photo",
        "NV/notes.txt": b"no photo either",
    }.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(data)
    return root


def test_the_diagnosis_is_the_name_of_the_folder(folder):
    photos = read_photo_folder(folder)
    assert photos["image"].tolist() == ["a", "b", "c", "d"]
    assert photos["diagnosis"].tolist() == ["MEL", "NV", "NV", "NV"]


def test_a_csv_of_labels_comes_before_the_folder(folder):
    (folder / "labels.csv").write_text("image,diagnosis,age\na,BCC,60\n")
    photos = read_photo_folder(folder).set_index("image")
    assert (photos.loc["a", "diagnosis"], photos.loc["a", "age"]) == ("BCC", "60")
    assert photos.loc["b", "diagnosis"] == "NV"


def test_labels_are_read_like_every_csv_and_hidden_files_are_no_photos(folder):
    (folder / "NV" / "._b.jpg").write_bytes(b"left by macOS")
    (folder / "labels.csv").write_text("Image;Diagnosis;Age\na.JPG;BCC;60,5\na;bcc;60,50\nb;n/a;unknown\n")
    photos = read_photo_folder(folder).set_index("image")
    assert photos["diagnosis"].to_dict() == {"a": "BCC", "b": "NV", "c": "NV", "d": "NV"}
    assert photos["age"].to_dict() == {"a": "60.5", "b": "unknown", "c": "", "d": ""}


def test_the_header_of_a_dicom_file_fills_in_details_as_in_predict(folder, tmp_path, monkeypatch):
    header = dicom(np.zeros((4, 4, 3), np.uint8))  # of a woman of 45 years, the lower extremity
    (folder / "e.dcm").write_bytes(header)
    (folder / "labels.csv").write_text("image,age\ne,30\n")
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "tiny")))
    answer, given = predictor.answer, {}

    def noting(data, details, **options):
        given[data] = details
        return answer(data, details, **options)

    monkeypatch.setattr(predictor, "answer", noting)
    answer_table(predictor, read_photo_folder(folder))
    assert given[header] == Details(30, "female", "lower extremity")


def test_answers_neighbours_and_counts_are_those_of_the_model(folder, tmp_path):
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "tiny")))
    answers = answer_table(predictor, read_photo_folder(folder))
    assert answers["status"].tolist()[0] == "higher_concern"
    assert answers["class"].tolist() == ["MEL", "MEL", "NV", ""]
    assert neighbour_table(answers)["nearest"].tolist()[0].startswith("MEL, ")
    assert neighbour_table(answers)["nearest"].tolist()[3] == "none"
    counts = confusion_table(answers)
    assert counts.loc["NV"].to_dict() == {"(refused)": 1, "MEL": 1, "NV": 1}


def test_a_wrong_detail_is_the_reason_of_its_photo_alone(folder, tmp_path):
    (folder / "labels.csv").write_text("image,diagnosis,age\na,MEL,600\n")
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "tiny")))
    answers = answer_table(predictor, read_photo_folder(folder)).set_index("image")
    assert answers.loc["a", "status"] == "refused"
    assert "Age must be" in answers.loc["a", "reasons"]
    assert answers.loc["b", "class"] == "MEL"


def test_a_folder_without_photos_is_one_sentence(tmp_path):
    with pytest.raises(InputError, match="holds no photo"):
        read_photo_folder(tmp_path)


def test_a_name_of_a_class_counts_as_its_code(folder, tmp_path):
    """HAM10000's csv has small letters, and folders often have names; both were never equal to the decision."""
    (folder / "NV").rename(folder / "nevi")
    (folder / "labels.csv").write_text("image,diagnosis\na,mel\nd,wart\n")
    predictor = Predictor(load_bundle(make_tiny_bundle(tmp_path / "tiny")))
    answers = answer_table(predictor, read_photo_folder(folder))
    assert answers["diagnosis"].tolist() == ["MEL", "NV", "NV", "wart"]


def test_photos_of_one_name_in_two_folders_are_told_apart(folder, capsys):
    """docs/data-sets.md numbers the photos of each class folder; a row of `1` once labelled every photo 1.jpg."""
    for name in ("MEL/1.jpg", "NV/1.jpg"):
        (folder / name).write_bytes(photo("red"))
    (folder / "labels.csv").write_text("image,diagnosis,age\nNV/1.jpg,,60\n1,BCC,50\n")
    photos = read_photo_folder(folder).set_index("image")
    assert photos.loc[["MEL/1", "NV/1"], "diagnosis"].tolist() == ["MEL", "NV"]
    assert photos.loc[["MEL/1", "NV/1"], "age"].tolist() == ["", "60"]
    assert "1 rows of" in capsys.readouterr().err


def test_the_csv_of_class_folders_gives_the_details_too(folder):
    (folder / "photos.csv").write_text(
        "file;patient_id;gender;age_approx;localization\nMEL/a.jpg;P1;male;60;back\n"
    )
    photos = read_photo_folder(folder).set_index("image")
    assert photos.loc["a", ["age", "sex", "site"]].tolist() == ["60", "male", "back"]
    assert list(photos.columns) == ["diagnosis", "age", "sex", "site", "path"]
