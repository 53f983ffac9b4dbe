import json
from pathlib import Path

import pytest

from data_modelling.inference.errors import InputError
from data_modelling.settings import AugmentationSettings, from_dict, read_settings, with_folds

MODELS = Path(__file__).resolve().parents[2] / "DATA" / "models"
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
        ("[training]\ngenerations = 0", "training.generations must be at least 1"),
        ("[training]\ncoarse_share = 1.0", "training.coarse_share must be a share from 0, and below 1"),
        (
            "[network]\nedge = 48\n[training]\ncoarse_share = 0.5",
            "training.coarse_share: at half the edge, network.edge must be a multiple of 16",
        ),
        ("[network]\nedge = 2048", "network.edge must be from 1 to 1024 pixels"),
        (
            '[network]\nname = "resnet35"',
            "network.name must be one of cnn, resnet34, resnext50, efficientnetb0",
        ),
        ('[network]\nname = "resnet34"\nedge = 16', "network.edge must be at least 32 for resnet34"),
        ('[network]\nname = "resnet34"\nweights = "imagenet"', "there are no ImageNet weights of resnet34"),
        ('[network]\nweights = "imagenet"', "there are no ImageNet weights of cnn"),
        ('[prepared]\nchannels = "gbr"', "prepared.channels must be one of rgb, bgr"),
        ("[prepared]\nshard = 0", "prepared.shard at least 1 photo"),
        ('[prepared.features]\nphoto = "x"', "prepared.features.photo is no setting"),
        ("[earlier.training]\nepochs = 3", "training.generations is 1"),
        ("[training]\ngenerations = 2\n[earlier]\nseed = 3", "earlier.seed must be one of augmentation"),
        (
            "[training]\ngenerations = 2\n[earlier.training]\nepoch = 3",
            "earlier: training.epoch is no setting",
        ),
        ("[training]\ngenerations = 2\n[earlier]\ntraining = 3", "earlier: training must be a table"),
        ("earlier = 3", "earlier must be a table"),
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


def test_another_network_needs_no_edge_that_the_cnn_needs(tmp_path: Path) -> None:
    settings = read_settings(
        written(tmp_path, REQUIRED + '[network]\nname = "efficientnetv2s"\nedge = 100\n')
    )
    assert (settings.network.name, settings.network.edge) == ("efficientnetv2s", 100)


@pytest.mark.parametrize("bundle", sorted(MODELS.glob("*/metadata.json")), ids=lambda path: path.parent.name)
def test_the_settings_of_every_committed_bundle_are_still_settings(bundle: Path) -> None:
    saved = json.loads(bundle.read_text())["settings"]
    settings = from_dict(saved)
    assert settings.network.name == saved["network"].get("name", "cnn")
    assert settings.training.epochs == saved["training"]["epochs"]


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no configuration .*absent\.toml"):
        read_settings(tmp_path / "absent.toml")


RECIPES = sorted(
    set(CONFIGS.glob("*.toml")) - {CONFIGS / "ablations.toml"}
)  # that one is a recipe and its changes


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_committed_configuration_can_be_read(path: Path) -> None:
    assert read_settings(path).name == path.stem.removeprefix("compare_")


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
