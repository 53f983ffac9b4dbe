from dataclasses import replace

from benchmarks.training import compared, written
from data_modelling.settings import read_settings
from tests.conftest import PROJECT

FOUND = {
    "machine": "two cores",
    "config": "ham10000.toml",
    "edge": 64,
    "batch": 64,
    "steps": 40,
    "photos_a_second": {"ours": [400.0, 600.0, 500.0], "textbook": [200.0, 200.0, 250.0]},
    "ratios": [2.0, 3.0, 2.0],
}


def test_the_page_has_medians_and_ends_of_the_turns() -> None:
    text = written(FOUND)
    assert "| ours | 500 | 400-600 |" in text
    assert "| textbook | 200 | 200-250 |" in text
    assert "Ours is 2.00 times as fast (2.00-3.00 over the turns)." in text
    assert "Macro AUC" not in text


def test_the_page_names_the_command_that_judged_the_quality_too() -> None:
    text = written(FOUND | {"macro_auc": {"ours": [0.93, 0.94], "textbook": [0.92, 0.95]}})
    assert "`python -m benchmarks.training --quality` wrote this page" in text
    assert "| textbook | 0.9200 | 0.9500 |" in text


def test_what_the_textbook_does_not_do_is_left_out_of_the_recipe() -> None:
    settings = read_settings(PROJECT / "data_modelling" / "configs" / "ham10000.toml")
    training = replace(settings.training, outlines=0.5, coarse_share=0.6, generations=2, pretraining_epochs=3)
    training = replace(training, teachers=("other.toml",))
    network = replace(settings.network, edge=128)
    earlier = {"training": {"epochs": 100}}
    changes = replace(settings.augmentation, mixup=0.5, cutmix=0.5)
    recipe = replace(settings, network=network, augmentation=changes, training=training, earlier=earlier)
    recipe = replace(recipe, more_photos=("isic2017",))
    plain = compared(recipe)
    assert (plain.earlier, plain.training.teachers) == ({}, ())
    assert (plain.more_photos, plain.network.edge) == ((), 64)
    assert (plain.augmentation.mixup, plain.augmentation.cutmix) == (0, 0)
    kept = plain.training
    assert (kept.outlines, kept.coarse_share, kept.generations, kept.pretraining_epochs) == (0, 0, 1, 0)
    assert plain.network.widths == settings.network.widths
