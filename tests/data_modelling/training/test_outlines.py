import dataclasses
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from PIL import Image

from data_modelling.inference.details import Details, encode
from data_modelling.inference.errors import InputError
from data_modelling.settings import Settings, read_settings
from data_modelling.training import road
from data_modelling.training.fit import Run, fit
from data_modelling.training.outlines import LESION, OutlineTask, outlines_of
from data_modelling.training.pipeline import Examples, training_batches
from tests.conftest import PROJECT

EDGE = 32


@pytest.fixture(scope="module")
def settings() -> Settings:
    smoke = read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml")
    return dataclasses.replace(smoke, training=dataclasses.replace(smoke.training, outlines=1.0, epochs=4))


@pytest.fixture(scope="module")
def part() -> Examples:
    """Forty photos with a dark disc, whose outline is known of the first thirty."""
    rng = np.random.default_rng(0)
    y, x = np.mgrid[:EDGE, :EDGE]
    centres = rng.uniform(10, 22, (40, 2))
    discs = np.stack([(y - a) ** 2 + (x - b) ** 2 < 49 for a, b in centres])
    pixels = np.where(discs[..., None], 60, 200).astype(np.uint8).repeat(3, axis=3)
    outlines = LESION * discs.astype(np.uint8)
    outlines[30:] = 0
    details = np.repeat(encode(Details())[None], 40, 0)
    return Examples(pixels, np.arange(40), np.arange(40) % 7, details, outlines)


def test_the_loss_by_hand() -> None:
    """Two cells by two, of which the lesion has the left ones; a second photo has no outline and counts for nothing."""
    task = OutlineTask(channels=1, share=0.5)
    task.head.kernel.assign(np.full((1, 1, 1, 1), 2.0))
    task.head.bias.assign([0.5])
    outline = np.zeros((2, 8, 8, 1), "float32")
    outline[0, :, :4] = LESION
    feature_map = np.array([[[1, -1], [0, 0]], [[9, 9], [9, 9]]], "float32")[..., None]
    logits = 2 * feature_map[0, ..., 0] + 0.5
    sigmoid = 1 / (1 + np.exp(-logits))
    by_hand = 0.5 * np.mean([-np.log(sigmoid[:, 0]), -np.log(1 - sigmoid[:, 1])])
    assert float(task.loss(feature_map, outline)) == pytest.approx(by_hand, rel=1e-4)
    assert float(task.loss(feature_map[1:], outline[1:])) == 0


def test_a_batch_brings_the_outlines_of_its_photos(part: Examples, settings: Settings) -> None:
    place = {part.pixels[row].tobytes(): row for row in range(40)}
    for batch, _, _ in training_batches(part, settings, 0):
        for photo, outline in zip(batch["photo"], batch["outline"], strict=True):
            np.testing.assert_array_equal(outline[..., 0], part.outlines[place[photo.tobytes()]])


def test_the_network_comes_to_know_where_the_lesion_is_and_is_saved_without_that(
    part: Examples, settings: Settings, tmp_path: Path
) -> None:
    eager = dataclasses.replace(
        settings, training=dataclasses.replace(settings.training, learning_rate=1e-2, epochs=12)
    )
    run = Run(eager, part, part)
    batch = next(training_batches(part, settings, 0))[0]

    def loss() -> float:
        feature_map = run.network.network(
            {"photo": batch["photo"].astype("float32"), "details": batch["details"]}
        )
        return float(
            run.network.outlining.loss(feature_map["feature_map"], batch["outline"].astype("float32"))
        )

    before = loss()
    for epoch in range(12):
        for step, (changed, target, weights) in enumerate(training_batches(part, eager, epoch)):
            run.train_batch(changed, target, weights, epoch * run.steps + step)
    assert loss() < 0.9 * before
    plain = fit(
        dataclasses.replace(settings, training=dataclasses.replace(settings.training, outlines=0.0, epochs=1)),
        part, part, made(tmp_path / "plain"), "plain",
    )  # fmt: skip
    taught = fit(settings, part, part, made(tmp_path / "taught"), "taught")
    assert [w.shape for w in taught.weights] == [w.shape for w in plain.weights]


def made(folder: Path) -> Path:
    folder.mkdir()
    return folder


def test_gone_on_with_it_has_the_weights_of_an_unbroken_run(
    part: Examples, settings: Settings, tmp_path: Path
) -> None:
    whole = fit(settings, part, part, made(tmp_path / "whole"), "whole")
    folder = made(tmp_path / "broken")
    run = Run(settings, part, part)
    for _ in range(2):
        run.judge_epoch(run.train_epoch(_NoBar()))
    run.save(folder / "checkpoint.npz")
    resumed = fit(settings, part, part, folder, "broken")
    for one, other in zip(whole.get_weights(), resumed.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


class _NoBar:
    def update(self) -> None:
        """A bar that shows nothing."""


@pytest.fixture
def table(tmp_path: Path) -> tuple[pd.DataFrame, dict[str, str]]:
    """Two photos of 60 x 40 pixels, and the outline of the first: the left half of it."""
    rows, outlines = [], {}
    for name in ("one", "two"):
        Image.fromarray(np.full((40, 60, 3), 150, np.uint8)).save(tmp_path / f"{name}.png")
        rows.append((name, str(tmp_path / f"{name}.png")))
    left = np.zeros((40, 60), np.uint8)
    left[:, :30] = 255
    Image.fromarray(left).save(tmp_path / "one_outline.png")
    outlines["one"] = str(tmp_path / "one_outline.png")
    return pd.DataFrame(rows, columns=["image_id", "path"]), outlines


def test_outlines_are_read_as_the_photos_are_and_kept(
    table: tuple[pd.DataFrame, dict[str, str]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = outlines_of(*table, 8, tmp_path)
    np.testing.assert_array_equal(found[0], np.repeat([[LESION] * 4 + [0] * 4], 8, axis=0))
    assert not found[1].any()
    monkeypatch.setattr("data_modelling.training.outlines.read_outline", lambda *_: pytest.fail("read again"))
    np.testing.assert_array_equal(outlines_of(*table, 8, tmp_path), found)


def test_a_set_without_outlines_says_so(
    settings: Settings, smoke_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(road, "OUTLINES", {})
    folder = road.work_folder(smoke_run) / "generated"
    with pytest.raises(
        InputError, match=r"training\.outlines: the lesion outlines of ham10000 are not there"
    ):
        road.development_part(settings, road.Sources(folder, folder), tmp_path)


def test_the_real_outlines_are_those_of_ham10000(data_root: Path, tmp_path: Path, settings: Settings) -> None:
    """Every development photo has one, and its share of the photo is that of the 1-bit file, by Pillow alone."""
    real = dataclasses.replace(
        settings,
        generated_lesions=0,
        split="ham10000",
        network=dataclasses.replace(settings.network, edge=16),
    )
    development, _ = road.development_part(
        real, road.Sources(data_root, PROJECT / "DATA" / "splits"), tmp_path
    )
    shares = (development.outlines > 0).mean(axis=(1, 2))
    assert (shares > 0).mean() > 0.999
    for row in (0, 4000, 8000):
        name = f"{development.table['image_id'][row]}_segmentation.png"
        with Image.open(data_root / "HAM10000" / "HAM10000_segmentations_lesion" / name) as outline:
            assert shares[row] == pytest.approx(np.asarray(outline).mean(), abs=0.06)
