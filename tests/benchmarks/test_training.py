from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks import training
from benchmarks.training import OURS, TEXTBOOK, compared, photos_of, written
from data_modelling.settings import read_settings
from data_modelling.training.road import Sources, development_part, sources_of
from tests.conftest import PROJECT

CONFIGS = PROJECT / "data_modelling" / "configs"

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
    settings = read_settings(CONFIGS / "ham10000.toml")
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


SMOKE = CONFIGS / "smoke.toml"


@pytest.fixture
def drawn(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Sources:
    """Drawn lesions and a small network for the recipe's; few batches before the clock runs."""
    monkeypatch.setattr(training, "CONFIG", SMOKE)
    monkeypatch.setattr(training, "EDGE", 32)
    monkeypatch.setattr(training, "WARM", 1)
    return sources_of(read_settings(SMOKE), Sources(None, tmp_path), tmp_path)


def test_both_ways_are_timed_turn_by_turn(drawn: Sources) -> None:
    found = training.measure(drawn.data_root, drawn.splits, turns=2, steps=1, quality=False)
    speeds = found["photos_a_second"]
    assert set(speeds) == {OURS, TEXTBOOK}
    assert all(len(turns) == 2 and min(turns) > 0 for turns in speeds.values())
    assert found["ratios"] == [speeds[OURS][turn] / speeds[TEXTBOOK][turn] for turn in (0, 1)]


def test_neither_way_reads_the_fold_that_judges(drawn: Sources, tmp_path: Path) -> None:
    settings = compared(read_settings(SMOKE))
    development, _ = development_part(settings, drawn, tmp_path / "work")
    table = development.table
    with photos_of(settings, development) as photos:
        linked = {path.stem: path.parent.name for path in photos.folder.glob("*/*")}
        rows = table.iloc[photos.training.rows]
        assert linked == dict(zip(rows["image_id"], rows["diagnosis"], strict=True))
        assert set(table["part"].iloc[photos.judged.rows]) == {"0"}
        assert "0" not in set(table["part"].iloc[[*photos.training.rows, *photos.stopping.rows]])
