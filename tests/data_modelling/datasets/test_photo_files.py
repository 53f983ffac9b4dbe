import numpy as np
import pytest
from PIL import Image

from data_modelling.datasets.photo_files import opens, photos_in
from tests.dicom_files import dicom


def test_photos_are_found_by_name_without_ending(tmp_path):
    for name in ("b.JPG", "a.jpeg", "c.png", "d.webp", "e.txt", "._a.jpg", "Thumbs.db"):
        (tmp_path / name).touch()
    photos, twice = photos_in([tmp_path])
    assert photos == {
        "a": str(tmp_path / "a.jpeg"),
        "b": str(tmp_path / "b.JPG"),
        "c": str(tmp_path / "c.png"),
        "d": str(tmp_path / "d.webp"),
    }
    assert twice == []


def test_the_first_of_two_photos_of_one_name_counts(tmp_path):
    for name in ("one/a.png", "two/a.jpg", "two/b.jpg"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    photos, twice = photos_in([tmp_path / "one", tmp_path / "two"])
    assert photos == {"a": str(tmp_path / "one" / "a.png"), "b": str(tmp_path / "two" / "b.jpg")}
    assert twice == ["a"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("JPEG", True), ("PNG", True), ("WEBP", True), ("GIF", False)]
)
def test_content_counts_not_the_ending(tmp_path, kind, expected):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path, format=kind)
    assert opens(str(path)) is expected


def test_an_empty_file_does_not_open(tmp_path):
    (tmp_path / "photo.jpg").touch()
    assert not opens(str(tmp_path / "photo.jpg"))


def test_a_dicom_photo_opens_and_a_damaged_one_does_not(tmp_path):
    path = tmp_path / "photo.dcm"
    data = dicom(np.zeros((4, 4, 3), np.uint8))
    path.write_bytes(data)
    assert photos_in([tmp_path]) == ({"photo": str(path)}, [])
    assert opens(str(path))
    path.write_bytes(data[:-20])
    assert not opens(str(path))
