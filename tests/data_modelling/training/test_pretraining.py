import dataclasses
from pathlib import Path

import numpy as np
import pytest

from data_modelling.inference.details import Details, encode
from data_modelling.networks.backbones import BRANCH
from data_modelling.settings import Settings, read_settings
from data_modelling.training.checkpoint import load_progress
from data_modelling.training.fit import untrained
from data_modelling.training.pipeline import Examples
from data_modelling.training.pretraining import apart, pretrain, views
from tests.conftest import PROJECT


@pytest.fixture(scope="module")
def settings() -> Settings:
    smoke = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    return dataclasses.replace(smoke, training=dataclasses.replace(smoke.training, pretraining_epochs=4))


@pytest.fixture(scope="module")
def part() -> Examples:
    """Photos of one bright spot each, in a place and colour of its own; the first ten are another part's."""
    rng = np.random.default_rng(0)
    pixels = rng.integers(90, 110, (74, 32, 32, 3)).astype(np.uint8)
    for photo in pixels:
        x, y = rng.integers(4, 24, 2)
        photo[y : y + 6, x : x + 6] = rng.integers(0, 256, 3)
    rows = np.arange(10, 74)
    return Examples(pixels, rows, np.zeros(64, np.int64), np.repeat(encode(Details())[None], 64, 0))


def test_the_cosine_by_hand() -> None:
    one, other = np.array([[3.0, 4.0], [1.0, 0.0]], "float32"), np.array([[4.0, 3.0], [0.0, 2.0]], "float32")
    assert float(apart(one, other)) == pytest.approx(-(24 / 25 + 0) / 2)


def test_an_epoch_shows_each_photo_of_the_part_once_in_two_views(part: Examples, settings: Settings) -> None:
    batches = list(views(part, settings, 0))
    shown = np.concatenate([batch["photo"] for batch in batches])
    assert sorted(photo.tobytes() for photo in shown) == sorted(p.tobytes() for p in part.pixels[10:])
    assert not np.allclose(batches[0]["one_warp"], batches[0]["other_warp"])
    again = list(views(part, settings, 0))
    assert all((one[key] == two[key]).all() for one, two in zip(batches, again, strict=True) for key in one)


def test_it_comes_to_tell_one_view_from_the_other_and_changes_the_branch_alone(
    part: Examples, settings: Settings, tmp_path: Path
) -> None:
    longer = dataclasses.replace(
        settings, training=dataclasses.replace(settings.training, pretraining_epochs=12)
    )
    network, before = untrained(longer), untrained(longer)
    pretrain(network, longer, part, tmp_path)
    losses = [row["loss"] for row in load_progress(tmp_path / "pretraining.npz").history]
    assert losses[-1] < losses[0] - 0.05
    for name in ("head", "details_branch"):
        for one, other in zip(
            network.get_layer(name).get_weights(), before.get_layer(name).get_weights(), strict=True
        ):
            np.testing.assert_array_equal(one, other)
    kernel = (one.get_layer(BRANCH).get_weights()[0] for one in (network, before))
    assert not np.allclose(*kernel)


def test_stopped_and_gone_on_with_it_ends_where_an_unbroken_one_does(
    part: Examples, settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole, broken, resumed = (untrained(settings) for _ in range(3))
    for name in ("whole", "broken"):
        (tmp_path / name).mkdir()
    pretrain(whole, settings, part, tmp_path / "whole")
    from data_modelling.training import pretraining

    given = pretraining.views

    def breaking(training, settings, epoch):
        if epoch == 2:
            raise KeyboardInterrupt
        return given(training, settings, epoch)

    monkeypatch.setattr(pretraining, "views", breaking)
    with pytest.raises(KeyboardInterrupt):
        pretrain(broken, settings, part, tmp_path / "broken")
    monkeypatch.setattr(pretraining, "views", given)
    pretrain(resumed, settings, part, tmp_path / "broken")
    for one, other in zip(
        whole.get_layer(BRANCH).get_weights(), resumed.get_layer(BRANCH).get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)
