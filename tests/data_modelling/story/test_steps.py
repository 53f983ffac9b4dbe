import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data_modelling.inference.errors import InputError
from data_modelling.settings import as_dict, read_settings
from data_modelling.story.steps import FINAL, STEPS, TUNED, compared_with, framed, read_recipes
from data_modelling.training.balance import epoch_rows
from tests.conftest import PROJECT

CONFIGS = PROJECT / "data_modelling" / "configs"
BEST = """name = "ham10000"
version = "1.0.0"
task = "ham10000"
dataset = "ham10000"
split = "ham10000"
figure_folds = [1, 0]
[network]
edge = 96
widths = [16, 32]
blocks = [1, 1]
[augmentation]
scale = 1.5
[training]
epochs = 18
warmup_epochs = 0.5
batch = 32
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The committed recipes but for a tuned one."""
    for name in ("unchanged", "class_weights", "sampled", FINAL):
        (tmp_path / f"story_{name}.toml").write_text((CONFIGS / f"story_{name}.toml").read_text())
    return tmp_path


def best(folder: Path, text: str = BEST) -> Path:
    path = folder / "best.toml"
    path.write_text(text)
    return path


def test_without_a_tuned_recipe_its_step_is_left_out_with_one_sentence(folder: Path) -> None:
    recipes, left_out = read_recipes(folder, None)
    (sentence,) = left_out
    assert sentence == (
        f"The step of the tuned network was left out: there is no {folder}/story_tuned.toml; copy best.toml of a search "
        "there, or name it with --tuned."
    )
    assert [step.name for step in recipes.steps] == [step.name for step in STEPS if step.name != TUNED]


def test_a_tuned_recipe_that_is_named_must_be_there(folder: Path) -> None:
    with pytest.raises(InputError, match="There is no configuration .*nowhere.toml"):
        read_recipes(folder, folder / "nowhere.toml")


def test_any_other_recipe_must_be_there(folder: Path) -> None:
    (folder / "story_sampled.toml").unlink()
    with pytest.raises(InputError, match="There is no configuration .*story_sampled.toml"):
        read_recipes(folder, None)


def test_what_a_search_found_is_told_at_the_storys_size_and_length(folder: Path) -> None:
    recipes, left_out = read_recipes(folder, best(folder))
    tuned, final = recipes.settings[TUNED], recipes.settings[FINAL]
    assert not left_out
    assert recipes.search_folds == (1, 0)
    assert (tuned.network.widths, tuned.augmentation.scale, tuned.training.batch) == ((16, 32), 1.5, 32)
    assert (tuned.network.edge, tuned.training.epochs, tuned.training.warmup_epochs) == (64, 12, 0.5)
    assert (tuned.name, tuned.figure_folds) == ("story_tuned", final.figure_folds)


def test_the_default_place_of_the_tuned_recipe_is_read_as_well(folder: Path) -> None:
    best(folder).rename(folder / "story_tuned.toml")
    recipes, left_out = read_recipes(folder, None)
    assert (recipes.search_folds, left_out) == ((1, 0), [])
    assert [step.name for step in recipes.steps] == [step.name for step in STEPS]


@pytest.mark.parametrize(
    ("name", "old", "new", "told"),
    [
        ("best", "[1, 0]", "[0]", "is no best.toml of a search"),
        (
            "story_final",
            'split = "ham10000"',
            'split = "ham10000"\nfigure_folds = [0, 1]',
            "told of one fold",
        ),
        ("story_final", 'task = "ham10000"', 'task = "isic2020"', "isic2020 has not both"),
    ],
)
def test_what_cannot_be_told_is_refused(folder: Path, name: str, old: str, new: str, told: str) -> None:
    tuned = best(folder)
    path = folder / f"{name}.toml"
    assert old in path.read_text()
    path.write_text(path.read_text().replace(old, new))
    with pytest.raises(InputError, match=told):
        read_recipes(folder, tuned)


def test_each_step_is_compared_with_the_one_before_that_is_told() -> None:
    before = {
        step.name: one and one.name
        for number, step in enumerate(STEPS)
        for one in [compared_with(step, STEPS[:number])]
    }
    assert before == {
        "unchanged": None,
        "class_weights": "unchanged",
        "sampled": "class_weights",
        "tuned": "sampled",
        "final": "tuned",
        "details": "final",
        "both": "final",
        "baseline": "both",
    }
    told = [step for step in STEPS if step.name != TUNED]
    assert compared_with(told[3], told[:3]) is told[2]


def test_the_final_recipe_is_the_bundles_but_for_what_other_photos_other_networks_and_long_training_give() -> (
    None
):
    """The steps are told apart by what is done with one set's photos; so the last has no more of them than the others."""
    final, full = (read_settings(CONFIGS / f"{name}.toml") for name in ("story_final", "ham10000"))
    same = dataclasses.replace(
        full,
        name=final.name,
        version=final.version,
        figure_folds=(0,),
        more_photos=(),
        network=dataclasses.replace(full.network, edge=64),
        augmentation=dataclasses.replace(full.augmentation, mixup=0.0),
        training=dataclasses.replace(
            full.training, epochs=12, warmup_epochs=1.0, coarse_share=0.0, teachers=(), distillation=0.5
        ),
    )
    assert as_dict(final) == as_dict(same)


def test_the_first_three_steps_differ_in_their_answer_to_imbalance_alone() -> None:
    steps = [
        as_dict(read_settings(CONFIGS / f"story_{name}.toml"))
        for name in ("unchanged", "class_weights", "sampled")
    ]
    answers = []
    for step in steps:
        step.pop("name")
        training = step["training"]
        answers.append([training.pop(name) for name in ("balance", "class_weights", "photos_a_class")])
    assert steps[0] == steps[1] == steps[2]
    assert answers == [[0, 0, 0], [0, 1, 0], [0.5, 0, 1000]]


def test_an_epoch_of_the_sampled_step_by_hand() -> None:
    """Of 3,000 photos of a class 1,000 are left, none of them twice; 70 are all there, and 930 times again."""
    training = read_settings(CONFIGS / "story_sampled.toml").training
    labels = np.repeat([0, 1], [3000, 70])
    rows = epoch_rows(labels, 2, training, np.random.default_rng(0))
    assert np.bincount(labels[rows]).tolist() == [1000, 1000]
    shown = np.bincount(rows, minlength=3070)
    assert shown[:3000].max() == 1
    assert shown[3000:].min() >= 1


def test_a_short_search_keeps_its_short_warm_up() -> None:
    final = read_settings(CONFIGS / "story_final.toml")
    found = dataclasses.replace(final, training=dataclasses.replace(final.training, warmup_epochs=3.0))
    assert framed(found, final).training.warmup_epochs == 1.0


def test_the_tuned_network_learns_from_the_photos_of_its_search() -> None:
    final = dataclasses.replace(read_settings(CONFIGS / "story_final.toml"), more_photos=("isic2017",))
    found = dataclasses.replace(final, more_photos=())
    assert framed(found, final).more_photos == ()
