import numpy as np
import pytest
from PIL import Image

from data_modelling.datasets.formats.photo_files import any_photo, find_photos, is_readable_photo
from tests.dicom_files import dicom


def test_photos_are_found_by_name_without_ending(tmp_path):
    for name in ("b.JPG", "a.jpeg", "c.png", "d.webp", "e.txt", "._a.jpg", "Thumbs.db"):
        (tmp_path / name).touch()
    photos, twice = find_photos([tmp_path])
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
    photos, twice = find_photos([tmp_path / "one", tmp_path / "two"])
    assert photos == {"a": str(tmp_path / "one" / "a.png"), "b": str(tmp_path / "two" / "b.jpg")}
    assert twice == ["a"]


@pytest.mark.parametrize(
    ("kind", "expected"), [("JPEG", True), ("PNG", True), ("WEBP", True), ("GIF", False)]
)
def test_content_counts_not_the_ending(tmp_path, kind, expected):
    path = tmp_path / "photo.jpg"
    Image.fromarray(np.zeros((4, 4, 3), np.uint8)).save(path, format=kind)
    assert is_readable_photo(str(path)) is expected


def test_an_empty_file_does_not_open(tmp_path):
    (tmp_path / "photo.jpg").touch()
    assert not is_readable_photo(str(tmp_path / "photo.jpg"))


def test_a_dicom_photo_opens_and_a_damaged_one_does_not(tmp_path):
    path = tmp_path / "photo.dcm"
    data = dicom(np.zeros((4, 4, 3), np.uint8))
    path.write_bytes(data)
    assert find_photos([tmp_path]) == ({"photo": str(path)}, [])
    assert is_readable_photo(str(path))
    path.write_bytes(data[:-20])
    assert not is_readable_photo(str(path))


def test_photos_in_subfolders_count_where_the_folder_has_none(tmp_path):
    for name in ("part_1/part_1/a.jpg", "part_1/part_1/.b.jpg", "part_2/c.PNG", "part_2/inner/d.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    assert find_photos([tmp_path]) == (
        {"a": str(tmp_path / "part_1/part_1/a.jpg"), "c": str(tmp_path / "part_2/c.PNG")},
        [],
    )


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("deep/er/a.JPG", True),
        ("a_segmentation.png", True),
        ("b.jpg", False),
        ("a.txt", None),
        ("__MACOSX/b.jpg", None),
    ],
)
def test_whether_a_folder_has_a_photo_of_some_ids(tmp_path, name, expected):
    (tmp_path / "outside" / name).parent.mkdir(parents=True)
    (tmp_path / "outside" / name).touch()
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "linked").symlink_to(tmp_path / "outside")
    assert any_photo(tmp_path / "root", {"a"}) is expected
