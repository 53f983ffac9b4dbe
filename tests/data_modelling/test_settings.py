from pathlib import Path

import pytest

from data_modelling.inference.errors import InputError
from data_modelling.settings import AugmentationSettings, as_dict, read_settings, with_defaults, with_folds

CONFIGS = Path(__file__).resolve().parents[2] / "data_modelling" / "configs"
REQUIRED = 'name = "x"\nversion = "1"\ntask = "ham10000"\ndataset = "ham10000"\nsplit = "ham10000"\n'


def written(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "recipe.toml"
    path.write_text(text)
    return path


def test_a_file_overrides_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    settings = read_settings(
        written(
            tmp_path, REQUIRED + "[training]\nepochs = 3\nwarmup_epochs = 1\n[network]\nwidths = [8, 8, 8]\n"
        )
    )
    assert settings.training.epochs == 3
    assert settings.training.warmup_epochs == 1.0
    assert isinstance(settings.training.warmup_epochs, float)
    assert settings.network.widths == (8, 8, 8)
    assert settings.augmentation == AugmentationSettings()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("epoch = 3", "epoch is no setting"),
        ("[training]\nepoch = 3", "training.epoch is no setting"),
        ('[training]\nepochs = "3"', "training.epochs must be of type int, not str"),
        ("[training]\nepochs = true", "training.epochs must be of type int, not bool"),
        ("[training]\nbfloat16 = 1", "training.bfloat16 must be of type bool, not int"),
        ("[network]\nwidths = 8", "network.widths must be a list"),
        ("[network]\nwidths = [8.5]", "network.widths must be of type int"),
        ("training = 3", "training must be a table"),
        ("[network]\nwidths = [8]", "must have the same length"),
        ("[network]\nedge = 100", "network.edge must be a multiple of 16"),
        ("figure_folds = []", "figure_folds must name at least one of the folds 0 to 4"),
        ("figure_folds = [0, 5]", "figure_folds must name at least one of the folds 0 to 4"),
        ("seed = [", "is no valid TOML"),
    ],
)
def test_a_wrong_file_is_told_in_one_sentence_that_names_it(tmp_path: Path, text: str, said: str) -> None:
    path = written(tmp_path, REQUIRED + text)
    with pytest.raises(InputError, match=r"recipe\.toml") as error:
        read_settings(path)
    assert said in str(error.value)


def test_a_setting_without_default_must_be_set(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="version must be set"):
        read_settings(written(tmp_path, REQUIRED.replace('version = "1"\n', "")))


def test_an_unknown_task_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="task must be one of ham10000"):
        read_settings(written(tmp_path, REQUIRED.replace('task = "ham10000"', 'task = "moles"')))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no configuration .*absent\.toml"):
        read_settings(tmp_path / "absent.toml")


@pytest.mark.parametrize("path", sorted(CONFIGS.glob("*.toml")), ids=lambda path: path.stem)
def test_every_committed_configuration_can_be_read(path: Path) -> None:
    assert read_settings(path).name == path.stem


def test_folds_of_the_command_line(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, REQUIRED + "figure_folds = [1, 2]\n"))
    assert with_folds(settings, None, None) == settings
    assert with_folds(settings, None, "4").figure_folds == (4,)
    ten = with_folds(settings, 10, "all")
    assert (ten.folds, ten.figure_folds) == (10, tuple(range(10)))
    for fold in ("10", "-1", "two", "٢"):
        with pytest.raises(InputError):
            with_folds(settings, 10, fold)
    with pytest.raises(InputError, match="folds 0 to 4"):
        with_folds(settings, None, "7")
    with pytest.raises(InputError, match="folds must be 5 or 10"):
        with_folds(settings, 7, None)


def test_settings_of_before_there_were_more_folds_are_those_with_the_default(tmp_path: Path) -> None:
    settings = as_dict(read_settings(written(tmp_path, REQUIRED)))
    saved = {key: value for key, value in settings.items() if key not in ("folds", "left_out", "seed")}
    assert with_defaults(saved) == settings
