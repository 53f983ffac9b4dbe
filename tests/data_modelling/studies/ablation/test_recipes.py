from pathlib import Path

import pytest
from msgspec import structs

from data_modelling.inference.errors import InputError
from data_modelling.settings import read_settings, settings_to_dict
from data_modelling.studies.ablation.recipes import BASE, read_changes
from tests.conftest import PROJECT

RECIPE = """
[recipe]
name = "small"
version = "1"
task = "ham10000"
dataset = "ham10000"
split = "ham10000"
network = { edge = 64, dropout = 0.1 }
"""
WIDER = """
[[change]]
name = "wider"
told = "wider"
settings = { network = { stem = 48 }, seed = 3 }
"""


def written(folder: Path, text: str) -> Path:
    path = folder / "changes.toml"
    path.write_text(text)
    return path


def test_a_change_changes_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    base, wider = read_changes(written(tmp_path, RECIPE + WIDER))
    assert (base.name, wider.name) == (BASE, "wider")
    ours, theirs = settings_to_dict(wider.settings), settings_to_dict(base.settings)
    assert ours.pop("seed") == 3
    assert ours["network"].pop("stem") == 48
    del theirs["seed"], theirs["network"]["stem"]
    assert ours == theirs
    assert ours["network"]["dropout"] == 0.1


def test_only_another_seed_is_noise(tmp_path: Path) -> None:
    other = WIDER.replace("network = { stem = 48 }, ", "").replace("wider", "other")
    base, wider, seed = read_changes(written(tmp_path, RECIPE + WIDER + other))
    assert seed.is_other_seed(base.settings)
    assert not wider.is_other_seed(base.settings)
    assert not base.is_other_seed(base.settings)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (RECIPE, r"at least one \[\[change\]\]"),
        (RECIPE + WIDER + WIDER, "two changes are called wider"),
        (RECIPE + WIDER.replace("stem", "stalk"), "the change wider: network.stalk is no setting"),
        (RECIPE + WIDER.replace("told", "about"), "a change has name, told and settings"),
        (
            RECIPE + WIDER.replace("seed = 3", "figure_folds = [0, 1]"),
            "exactly one fold in figure_folds",
        ),
        (
            RECIPE + WIDER.replace("seed = 3", 'left_out_clinics = ["BCN", "PAD"]'),
            "each change needs one clinic group in left_out_clinics",
        ),
        ("[recipe", "no valid TOML"),
    ],
)
def test_what_cannot_be_read_is_said_with_the_file(tmp_path: Path, text: str, told: str) -> None:
    with pytest.raises(InputError, match=told) as error:
        read_changes(written(tmp_path, text))
    assert "changes.toml" in str(error.value)


def test_without_the_file_the_command_says_so(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="There is no"):
        read_changes(tmp_path / "none.toml")


def test_the_committed_changes_are_small_enough_to_be_many() -> None:
    """At most 96 pixels, one fold, the seed's noise among them, and photos changed as the bundle's, but not blended."""
    changes = read_changes(PROJECT / "data_modelling" / "configs" / "ablations.toml")
    assert all(change.settings.network.edge <= 96 for change in changes)
    base = changes[0].settings
    assert any(change.is_other_seed(base) for change in changes)
    bundle = settings_to_dict(read_settings(PROJECT / "data_modelling" / "configs" / "ham10000.toml"))
    assert settings_to_dict(base)["augmentation"] | {"mixup": 0.5} == bundle["augmentation"]


@pytest.mark.parametrize("clinic", ["BCN", "HAM10000"])
def test_the_changes_at_a_clinic_have_each_a_second_seed(clinic: str) -> None:
    """The base has the photos of the recipe of all clinics; each of the three recipes was trained twice."""
    folder = PROJECT / "data_modelling" / "configs"
    changes = read_changes(folder / f"ablations_without_{clinic.lower()}.toml")
    assert {change.settings.left_out_clinics for change in changes} == {(clinic,)}
    by_name = {change.name: change.settings for change in changes}
    for name, other in (
        ("base", "other_seed"),
        ("plain", "plain_other_seed"),
        ("reduced", "reduced_other_seed"),
    ):
        assert structs.replace(by_name[other], seed=by_name[name].seed) == by_name[name]
    recipe = read_settings(folder / "all_clinics.toml")
    assert by_name["base"].more_photos == recipe.more_photos
