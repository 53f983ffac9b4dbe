from pathlib import Path

import pytest

from data_modelling import evaluate
from data_modelling.inference.bundle import load_bundle, write_checksums
from data_modelling.inference.errors import BundleError, InputError
from data_modelling.pipeline import report
from data_modelling.pipeline.bundle_update import update_bundle
from tests.app.tiny_bundle import make_tiny_bundle


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return make_tiny_bundle(tmp_path / "tiny")


def contents(folder: Path) -> dict[str, bytes]:
    """All files below a folder, hidden ones too."""
    paths = [path for path in folder.rglob("*") if path.is_file()]
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}


def test_what_is_changed_in_the_block_is_the_bundle_after_it(folder: Path, tmp_path: Path) -> None:
    before = load_bundle(folder)
    with update_bundle(folder) as bundle:
        assert (bundle.sums, bundle.metadata) == (before.sums, before.metadata)
        (bundle.folder / "README.md").write_text("another card")
        (bundle.folder / "new.csv").write_text("a\n")
        write_checksums(bundle.folder)
        assert load_bundle(folder).sums == before.sums
    assert (folder / "README.md").read_text() == "another card"
    assert load_bundle(folder).sums.keys() == {*before.sums, "new.csv"}
    assert [path.name for path in tmp_path.iterdir()] == ["tiny"]


@pytest.mark.parametrize("error", [KeyboardInterrupt, InputError("a"), OSError()])
def test_after_an_exception_the_bundle_is_as_it_was(
    folder: Path, tmp_path: Path, error: BaseException
) -> None:
    before = contents(tmp_path)

    def change() -> None:
        with update_bundle(folder) as bundle:
            (bundle.folder / "README.md").unlink()
            raise error

    with pytest.raises((KeyboardInterrupt, InputError, OSError)):
        change()
    assert contents(tmp_path) == before


def test_where_the_copy_cannot_take_its_place_the_bundle_is_put_back(folder: Path, tmp_path: Path) -> None:
    """Here because somebody took the copy away meanwhile."""
    before = contents(tmp_path)

    def change() -> None:
        with update_bundle(folder) as bundle:
            bundle.folder.rename(tmp_path / "taken")

    with pytest.raises(FileNotFoundError):
        change()
    assert {name: data for name, data in contents(tmp_path).items() if "taken" not in name} == before


def test_a_link_to_a_bundle_stays_one(folder: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(folder)
    with update_bundle(link) as bundle:
        (bundle.folder / "README.md").write_text("another card")
        write_checksums(bundle.folder)
    assert link.is_symlink()
    assert (folder / "README.md").read_text() == "another card"


def test_errors_name_the_bundle_not_its_copy(folder: Path, tmp_path: Path) -> None:
    def refuse() -> None:
        with update_bundle(folder) as bundle:
            raise InputError(f"{bundle.folder / 'predictions'} is missing.")

    with pytest.raises(InputError, match=rf"^{folder}/predictions is missing\.$"):
        refuse()
    with pytest.raises(BundleError, match="There is no bundle"), update_bundle(tmp_path / "gone"):
        pass


def test_a_stopped_evaluation_leaves_the_bundle_that_there_was(
    smoke_bundle: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = contents(smoke_bundle.parent)

    def interrupt(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(report, "write_card", interrupt)
    assert evaluate.main(["--bundle", str(smoke_bundle)]) == 130
    assert "Stopped; the bundle is unchanged." in capsys.readouterr().err
    assert contents(smoke_bundle.parent) == before
