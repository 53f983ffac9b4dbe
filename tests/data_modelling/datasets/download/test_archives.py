import zipfile

import pytest

from data_modelling.datasets.download.archives import extract_photos
from data_modelling.inference.errors import InputError


def written(path, members):
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def test_photos_come_out_of_their_subfolders_and_nothing_else_does(tmp_path):
    members = {"train/a.jpg": b"1", "b.JPG": b"22", "train/LICENSE.txt": b"x", "__MACOSX/._a.jpg": b"x"}
    extract_photos(written(tmp_path / "a.zip", members), tmp_path / "out")
    assert {path.name: path.read_bytes() for path in (tmp_path / "out").iterdir()} == {
        "a.jpg": b"1",
        "b.JPG": b"22",
    }


@pytest.mark.parametrize(
    "name", ["../evil.jpg", "a/../../evil.jpg", "/tmp/evil.jpg", "..\\evil.jpg", "C:/e.jpg"]
)
def test_a_member_outside_the_archive_is_refused_and_nothing_extracted(tmp_path, name):
    archive = written(tmp_path / "a.zip", {"good.jpg": b"1", name: b"2"})
    with pytest.raises(InputError, match="which leads out of the target folder"):
        extract_photos(archive, tmp_path / "out")
    assert list((tmp_path / "out").iterdir()) == []
    assert not (tmp_path / "evil.jpg").exists()


def test_two_photos_of_one_name_are_refused(tmp_path):
    with pytest.raises(InputError, match=r"two photos named a\.jpg"):
        extract_photos(written(tmp_path / "a.zip", {"x/a.jpg": b"1", "y/a.jpg": b"2"}), tmp_path / "out")


def test_an_altered_photo_is_noticed_by_its_crc(tmp_path):
    archive = written(tmp_path / "a.zip", {"a.jpg": b"first photo", "b.jpg": b"second photo"})
    archive.write_bytes(archive.read_bytes().replace(b"second photo", b"second phota"))
    with pytest.raises(InputError, match=r"a\.zip cannot be read .*b\.jpg"):
        extract_photos(archive, tmp_path / "out")
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["a.jpg"]


def test_a_shortened_archive_is_noticed(tmp_path):
    archive = written(tmp_path / "a.zip", {"a.jpg": b"first photo"})
    archive.write_bytes(archive.read_bytes()[:-30])
    with pytest.raises(InputError, match="cannot be read"):
        extract_photos(archive, tmp_path / "out")


def test_a_second_run_leaves_whole_photos_and_mends_half_ones(tmp_path):
    archive = written(tmp_path / "a.zip", {"a.jpg": b"first", "b.jpg": b"second"})
    extract_photos(archive, tmp_path / "out")
    whole = (tmp_path / "out" / "a.jpg").stat().st_ino
    (tmp_path / "out" / "b.jpg").write_bytes(b"sec")
    extract_photos(archive, tmp_path / "out")
    assert (tmp_path / "out" / "a.jpg").stat().st_ino == whole
    assert (tmp_path / "out" / "b.jpg").read_bytes() == b"second"
