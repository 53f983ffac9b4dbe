import pytest

from data_modelling.inference.files.atomic_files import atomic_write


def names(folder):
    return sorted(path.name for path in folder.iterdir())


def test_file_appears_when_the_block_ends(tmp_path):
    with atomic_write(tmp_path / "new" / "a.csv") as temporary:
        temporary.write_text("whole")
        assert names(tmp_path / "new") == [temporary.name] != ["a.csv"]
    assert (tmp_path / "new" / "a.csv").read_text() == "whole"
    assert names(tmp_path / "new") == ["a.csv"]


def test_folder_appears_when_the_block_ends(tmp_path):
    with atomic_write(tmp_path / "bundle") as temporary:
        temporary.mkdir()
        (temporary / "model").write_text("m")
        assert not (tmp_path / "bundle").exists()
    assert (tmp_path / "bundle" / "model").read_text() == "m"
    assert names(tmp_path) == ["bundle"]


def write_half(target, kind, stop):
    with atomic_write(target) as temporary:
        if kind == "file":
            temporary.write_text("half")
        elif kind == "folder":
            temporary.mkdir()
            (temporary / "half").write_text("half")
        raise stop


@pytest.mark.parametrize("stop", [ValueError, KeyboardInterrupt, SystemExit])
@pytest.mark.parametrize("kind", ["file", "folder", "nothing"])
def test_what_was_there_stays_when_the_block_fails(tmp_path, stop, kind):
    (tmp_path / "a").write_text("before")
    with pytest.raises(stop):
        write_half(tmp_path / "a", kind, stop)
    assert (tmp_path / "a").read_text() == "before"
    assert names(tmp_path) == ["a"]


def test_the_old_file_is_replaced(tmp_path):
    target = tmp_path / "a"
    target.write_text("before")
    with atomic_write(target) as temporary:
        temporary.write_text("after")
        assert target.read_text() == "before"
    assert target.read_text() == "after"


def test_an_error_of_the_system_names_the_file_and_not_the_temporary_one(tmp_path):
    (tmp_path / "a").mkdir()
    with pytest.raises(IsADirectoryError) as error, atomic_write(tmp_path / "a") as temporary:
        temporary.write_text("whole")
    assert error.value.filename == str(tmp_path / "a")
    assert names(tmp_path) == ["a"]


def test_two_writers_of_one_file_do_not_meet(tmp_path):
    with atomic_write(tmp_path / "a") as one, atomic_write(tmp_path / "a") as other:
        one.write_text("one")
        other.write_text("other")
    assert (tmp_path / "a").read_text() == "one"
    assert names(tmp_path) == ["a"]
