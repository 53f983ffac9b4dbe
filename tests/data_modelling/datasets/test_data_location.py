import pytest

from data_modelling.datasets import data_location
from data_modelling.datasets.data_location import MissingDataError, find_dataset_folder


@pytest.fixture
def places(tmp_path, monkeypatch):
    """Three roots with HAM10000 in them: of the argument, the environment and the repository."""
    for name in ("argument", "environment", "repository"):
        (tmp_path / name / "HAM10000").mkdir(parents=True)
        (tmp_path / name / "HAM10000" / "labels.csv").touch()
    monkeypatch.setattr(data_location, "REPOSITORY_DATA", tmp_path / "repository")
    monkeypatch.setenv("DATA_ROOT", str(tmp_path / "environment"))
    return tmp_path


def test_the_argument_goes_before_the_environment(places):
    assert (
        find_dataset_folder(places / "argument", "HAM10000", "labels.csv") == places / "argument" / "HAM10000"
    )


def test_the_environment_goes_before_the_repository(places):
    assert find_dataset_folder(None, "HAM10000", "labels.csv") == places / "environment" / "HAM10000"


@pytest.mark.parametrize("unset", [True, False])
def test_the_repository_comes_last(places, monkeypatch, unset):
    monkeypatch.delenv("DATA_ROOT") if unset else monkeypatch.setenv("DATA_ROOT", "")
    assert find_dataset_folder(None, "HAM10000", "labels.csv") == places / "repository" / "HAM10000"


def test_the_root_may_be_the_data_sets_own_folder(places):
    own = places / "argument" / "HAM10000"
    assert find_dataset_folder(own, "HAM10000", "other.csv", "labels.csv") == own


def test_absent_data_is_named_with_both_folders_and_the_way_to_get_it(tmp_path):
    with pytest.raises(MissingDataError) as error:
        find_dataset_folder(tmp_path, "HAM10000", "a.csv", "a.tab")
    text = str(error.value)
    assert f"a.csv or a.tab is neither in {tmp_path} nor in {tmp_path / 'HAM10000'}" in text
    assert "DATA/README.md" in text
    assert "\n" not in text
