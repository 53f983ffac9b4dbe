from pathlib import Path

import pytest

from data_modelling import train
from data_modelling.datasets import ham10000
from tests.conftest import PROJECT


def test_absent_photos_of_unseen_sets_are_noticed_before_the_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    recipe = (PROJECT / "data_modelling" / "configs" / "smoke.toml").read_text()
    unseen = recipe.replace("generated_lesions = 220", 'unseen_sets = ["isic2019"]')
    (tmp_path / "unseen.toml").write_text(unseen)
    (tmp_path / ham10000.METADATA[0]).touch()
    options = ["--config", tmp_path / "unseen.toml", "--data-root", tmp_path, "--out", tmp_path / "out"]
    assert train.main([str(option) for option in options]) == 2
    assert "names this data set in more_photos or unseen_sets" in capsys.readouterr().err
    assert not (tmp_path / "out.work").exists()


def test_a_run_without_its_split_leaves_nothing_behind(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / ham10000.METADATA[0]).touch()
    recipe = PROJECT / "data_modelling" / "configs" / "ham10000_alone.toml"
    options = ["--config", recipe, "--data-root", tmp_path, "--splits", tmp_path, "--out", tmp_path / "out"]
    assert train.main([str(option) for option in options]) == 2
    assert f"{tmp_path / 'ham10000.csv'} is missing" in capsys.readouterr().err
    assert not (tmp_path / "out.work").exists()
