import json
import tomllib
from pathlib import Path

import pytest

from data_modelling.inference.errors import InputError
from data_modelling.settings import (
    AugmentationSettings,
    read_settings,
    settings_from_dict,
    settings_with_fold,
)
from data_modelling.studies.ablation.recipes import read_changes

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
        ("[[prepared.features]]", "prepared.features must be a table"),
        (f"seed = {2**200}\nunknown_share = {10**400}", "unknown_share: "),
        ("[network]\nwidths = [8]", "must have the same length"),
        ("[network]\nedge = 100", "network.edge must be a multiple of 16"),
        ("[training]\ncoarse_share = 1.0", "training.coarse_share must be at least 0 and below 1"),
        (
            "[network]\nedge = 48\n[training]\ncoarse_share = 0.5",
            "training.coarse_share: at half the edge, network.edge must be a multiple of 16",
        ),
        ("[network]\nedge = 2048", "network.edge must be from 1 to 1024 pixels"),
        (
            '[network]\nname = "resnet35"',
            "network.name must be one of cnn, resnet34",
        ),
        ('[network]\nname = "resnet34"\nedge = 16', "network.edge must be at least 32 for resnet34"),
        ('[network]\nweights = "imagenet"', "network.weights is no setting"),
        ('[prepared]\nchannels = "gbr"', "prepared.channels must be one of rgb, bgr"),
        ("[prepared]\nshard = 0", "prepared.shard at least 1 photo"),
        ('[prepared.features]\nphoto = "x"', "prepared.features.photo is no setting"),
        ("[training]\nlogit_adjustment = 0.0", "training.logit_adjustment is no setting"),
        ("figure_folds = []", "figure_folds must name some of the folds 0 to 4"),
        ("figure_folds = [0, 5]", "figure_folds must name some of the folds 0 to 4"),
        ("figure_folds = [0, 0]", "figure_folds must name some of the folds 0 to 4, each once"),
        ("cancer_sensitivity = 90", "cancer_sensitivity must be a share above 0 and at most 1"),
        ("[training]\nepochs = 0", "training.epochs and training.batch must be at least 1"),
        ("[training]\nbatch = 0", "training.epochs and training.batch must be at least 1"),
        ("seed = [", "is no valid TOML"),
    ],
)
def test_a_wrong_file_is_one_sentence_that_names_it(tmp_path: Path, text: str, said: str) -> None:
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
    settings = read_settings(written(tmp_path, REQUIRED + '[network]\nname = "resnet34"\nedge = 100\n'))
    assert (settings.network.name, settings.network.edge) == ("resnet34", 100)


@pytest.mark.parametrize("bundle", sorted(MODELS.glob("*/metadata.json")), ids=lambda path: path.parent.name)
def test_the_settings_of_every_committed_bundle_are_still_settings(bundle: Path) -> None:
    saved = json.loads(bundle.read_text())["settings"]
    settings = settings_from_dict(saved)
    assert settings.network.name == saved["network"].get("name", "cnn")
    assert settings.training.epochs == saved["training"]["epochs"]


def test_a_removed_option_is_ignored_where_it_had_no_effect_and_refused_where_it_had() -> None:
    saved = dict.fromkeys(("name", "task", "dataset", "split"), "ham10000") | {"version": "1"}
    unused = {
        "earlier": {},
        "network": {"squeeze": 0, "weights": ""},
        "training": {"generations": 1, "outlines": 0.0, "frozen_epochs": 0, "fine_tuning": 0.1},
    }
    assert settings_from_dict(saved | unused) == settings_from_dict(saved)
    with pytest.raises(InputError, match=r"network\.squeeze is no setting"):
        settings_from_dict(saved | {"network": {"squeeze": 8}})


def test_an_unknown_optimizer_is_refused_with_the_known_ones(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"training\.optimizer must be one of adamw, muon, not 'sgd'"):
        read_settings(written(tmp_path, REQUIRED + '[training]\noptimizer = "sgd"\n'))


def test_an_absent_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no configuration .*absent\.toml"):
        read_settings(tmp_path / "absent.toml")


CHANGES = sorted(
    [*CONFIGS.glob("ablations*.toml"), CONFIGS / "story.toml"]
)  # each is a recipe and its changes
RECIPES = sorted(set(CONFIGS.glob("*.toml")) - set(CHANGES))


@pytest.mark.parametrize("path", RECIPES, ids=lambda path: path.stem)
def test_every_committed_configuration_can_be_read(path: Path) -> None:
    bundle_names = {"all_clinics": "isic2019"}  # the recipe of the bundle that learns from all clinics
    name = bundle_names.get(path.stem, path.stem.removeprefix("compare_"))
    assert read_settings(path).name == name


@pytest.mark.parametrize("path", CHANGES, ids=lambda path: path.stem)
def test_every_committed_list_of_changes_can_be_read(path: Path) -> None:
    with path.open("rb") as file:
        rows = tomllib.load(file)["change"]
    changes = read_changes(path)
    assert [change.name for change in changes] == ["base", *(row["name"] for row in rows)]


def test_the_fold_of_the_command_line(tmp_path: Path) -> None:
    settings = read_settings(written(tmp_path, REQUIRED + "figure_folds = [1, 2]\n"))
    assert settings_with_fold(settings, None) == settings
    assert settings_with_fold(settings, "4").figure_folds == (4,)
    assert settings_with_fold(settings, "all").figure_folds == (0, 1, 2, 3, 4)
    for fold in ("5", "-1", "two", "٢"):
        with pytest.raises(InputError, match="0 to 4"):
            settings_with_fold(settings, fold)
