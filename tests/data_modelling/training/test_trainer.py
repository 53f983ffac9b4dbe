import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from msgspec import structs
from scipy.special import softmax
from tqdm import tqdm

from data_modelling.inference.details import Details, encode_details
from data_modelling.settings import Settings, read_settings
from data_modelling.training import checkpoint
from data_modelling.training.batches import Examples, predict_logits
from data_modelling.training.trainer import Trainer, fit_network

SMOKE = Path(__file__).resolve().parents[3] / "data_modelling" / "configs" / "smoke.toml"


@pytest.fixture(scope="module")
def settings() -> Settings:
    settings = read_settings(SMOKE)
    return structs.replace(settings, training=structs.replace(settings.training, epochs=10, patience=3))


@pytest.fixture(scope="module")
def part() -> Examples:
    """Three batches of photos whose class is plain from their brightness."""
    rng = np.random.default_rng(0)
    labels = np.arange(48) % 7
    pixels = np.clip(labels[:, None, None, None] * 35 + rng.normal(0, 5, (48, 32, 32, 3)), 0, 255).astype(
        np.uint8
    )
    return Examples(pixels, np.arange(48), labels, np.repeat(encode_details(Details())[None], 48, 0))


def test_the_head_is_corrected_to_the_prior_of_the_recipes_own_data_set(
    settings: Settings, part: Examples
) -> None:
    """The first 14 photos, two of each class, are the set's own; those of extra sets add to the first classes."""
    mixed = dataclasses.replace(part, is_own=np.arange(48) < 14)
    counts = np.array([7, 7, 7, 7, 7, 7, 6])
    trained_prior = counts**0.5 / (counts**0.5).sum()
    np.testing.assert_allclose(Trainer(settings, mixed, part).shift, np.log(1 / 7 / trained_prior))
    np.testing.assert_allclose(Trainer(settings, part, part).shift, np.log(counts / 48 / trained_prior))


def test_a_run_that_is_saved_and_restored_continues_as_the_unbroken_one(
    settings: Settings, part: Examples, tmp_path: Path
) -> None:
    with tqdm(disable=True) as bar:
        unbroken = Trainer(settings, part, part)
        for _ in range(3):
            unbroken.train_epoch(bar)
            if len(unbroken.early_stopping.progress.history) == 1:
                unbroken.save(tmp_path / "checkpoint.npz")
        resumed = Trainer(settings, part, part)
        resumed.restore(tmp_path / "checkpoint.npz")
        while len(resumed.early_stopping.progress.history) < 3:
            resumed.train_epoch(bar)
    assert resumed.early_stopping.progress.history == unbroken.early_stopping.progress.history
    for one, other in zip(
        resumed.average.averaged.get_weights(), unbroken.average.averaged.get_weights(), strict=True
    ):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_photos_are_first_seen_at_half_the_edge_and_what_was_learned_goes_on(
    settings: Settings, part: Examples
) -> None:
    # A quarter of the edge would be too small.
    small = structs.replace(settings.network, widths=(8, 8, 8), blocks=(1, 1, 1))
    coarse = structs.replace(
        with_training(settings, epochs=4, coarse_share=0.5, patience=0, least_share=0.1), network=small
    )
    run = Trainer(coarse, part, part)
    before = [np.array(run.network.network.get_layer("head").kernel)]
    shapes = []
    with tqdm(disable=True) as bar:
        while not run.early_stopping.is_over():
            run.train_epoch(bar)
            shapes.append(run.coarse)
            before.append(np.array(run.network.network.get_layer("head").kernel))
            if len(shapes) == 2:
                steps = int(run.optimizer.iterations)
    # Patience for nothing, and yet the training does not end before it has seen whole photos.
    assert shapes[:3] == [True, True, False]
    assert int(run.optimizer.iterations) == len(shapes) * run.steps > steps == 2 * run.steps
    # A step of AdamW moves a weight by about the learning rate: a network begun anew would be far away.
    moved = [np.abs(one - other).max() for one, other in itertools.pairwise(before)]
    assert moved[2] < 2 * run.steps * settings.training.learning_rate
    assert run.best_network().input["photo"].shape == (None, 32, 32, 3)


def test_a_run_is_restored_on_either_side_of_the_change_of_edge(
    settings: Settings, part: Examples, tmp_path: Path
) -> None:
    coarse = with_training(settings, epochs=4, coarse_share=0.5)
    with tqdm(disable=True) as bar:
        unbroken = Trainer(coarse, part, part)
        for done in range(4):
            unbroken.train_epoch(bar)
            unbroken.save(tmp_path / f"{done + 1}.npz")
        for done in (2, 3):
            resumed = Trainer(coarse, part, part)
            resumed.restore(tmp_path / f"{done}.npz")
            while len(resumed.early_stopping.progress.history) < 4:
                resumed.train_epoch(bar)
            assert resumed.early_stopping.progress.history == unbroken.early_stopping.progress.history


def test_processor_time_is_summed_over_interruptions(
    settings: Settings, part: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=5)  # seconds
    monkeypatch.setattr("data_modelling.training.trainer.time.process_time", lambda: next(clock))
    for epochs in (1, 3):
        fit_network(with_training(settings, epochs=epochs), part, part, tmp_path, "")
    assert checkpoint.load_progress(tmp_path / "checkpoint.npz").cpu_seconds == 15


def test_training_learns_what_is_plain(settings: Settings, part: Examples) -> None:
    run = Trainer(settings, part, part)
    with tqdm(disable=True) as bar:
        while not run.early_stopping.is_over():
            run.train_epoch(bar)
    losses = [row["loss"] for row in run.early_stopping.progress.history]
    assert losses[-1] < losses[0] - 0.3
    assert run.early_stopping.progress.history[run.early_stopping.progress.best]["stopping_macro_auc"] > 0.8


def with_training(settings: Settings, **values: object) -> Settings:
    return structs.replace(settings, training=structs.replace(settings.training, **values))


def test_a_class_without_photos_has_no_probability_whatever_the_temperature(
    settings: Settings, part: Examples, tmp_path: Path
) -> None:
    short = structs.replace(settings, training=structs.replace(settings.training, epochs=1))
    kept = part.labels != 5
    seen = dataclasses.replace(
        part, rows=part.rows[kept], labels=part.labels[kept], details=part.details[kept]
    )
    network = fit_network(short, seen, seen, tmp_path, "", absent=[5])
    logits = predict_logits(network, part, with_details=True).astype(float)
    for temperature in (0.2, 1.0, 5.0):
        probability = softmax(logits / temperature, axis=1)
        assert (probability[:, 5] == 0).all()
        assert (np.delete(probability, 5, axis=1) > 0).all()


def test_a_network_without_dropout_trains(settings: Settings, part: Examples) -> None:
    bare = structs.replace(settings, network=structs.replace(settings.network, dropout=0.0))
    with tqdm(disable=True) as bar:
        run = Trainer(bare, part, part)
        run.train_epoch(bar)
    assert np.isfinite(run.early_stopping.progress.history[0]["loss"])


def test_a_class_that_weighs_nothing_is_not_learnt_from(
    settings: Settings, part: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weight on one class alone, an epoch makes that class more probable for every photo."""
    only_second = np.eye(7)[1] * 7
    monkeypatch.setattr("data_modelling.training.batches.class_loss_weights", lambda *_: only_second)
    run = Trainer(settings, part, part)
    before = predict_logits(run.network.network, part, with_details=False)
    with tqdm(disable=True) as bar:
        for _ in range(3):
            run.train_epoch(bar)
    after = predict_logits(run.network.network, part, with_details=False)
    of_second = [softmax(logits, axis=1)[:, 1].mean() for logits in (before, after)]
    assert of_second[1] > of_second[0] + 0.2
