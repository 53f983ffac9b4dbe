import dataclasses
import itertools
from pathlib import Path

import numpy as np
import pytest
from scipy.special import softmax
from tqdm import tqdm

from data_modelling.inference.details import Details, encode
from data_modelling.settings import Settings, read_settings
from data_modelling.training import checkpoint
from data_modelling.training.fit import Run, fit, optimizer_of, prior_shift
from data_modelling.training.pipeline import Examples, predict_logits

SMOKE = Path(__file__).resolve().parents[3] / "data_modelling" / "configs" / "smoke.toml"


@pytest.fixture(scope="module")
def settings() -> Settings:
    settings = read_settings(SMOKE)
    return dataclasses.replace(
        settings, training=dataclasses.replace(settings.training, epochs=10, patience=3)
    )


@pytest.fixture(scope="module")
def part() -> Examples:
    """Forty photos whose class is plain from their brightness."""
    rng = np.random.default_rng(0)
    labels = np.arange(40) % 7
    pixels = np.clip(labels[:, None, None, None] * 35 + rng.normal(0, 5, (40, 32, 32, 3)), 0, 255).astype(
        np.uint8
    )
    return Examples(pixels, np.arange(40), labels, np.repeat(encode(Details())[None], 40, 0))


def test_prior_shift_by_hand() -> None:
    shift = prior_shift(np.array([0.5, 0.5, 0.0]), np.array([0.75, 0.25, 0.0]))
    np.testing.assert_allclose(shift, [np.log(1.5), np.log(0.5), 0])


def test_undoing_the_shown_shares_gives_the_posterior_of_the_actual_ones() -> None:
    """A score under equal shares, corrected to 90:10, by Bayes' rule."""
    likelihood = np.array([0.2, 0.6])
    logits = np.log(likelihood * 0.5) + prior_shift(np.array([0.5, 0.5]), np.array([0.9, 0.1]))
    posterior = np.exp(logits) / np.exp(logits).sum()
    np.testing.assert_allclose(posterior, [0.18 / 0.24, 0.06 / 0.24])


def test_what_the_loss_adds_the_head_gets_back(settings: Settings, part: Examples) -> None:
    """With all of the shares in the loss, the head's correction is the logarithm of the actual shares alone."""
    adjusted = dataclasses.replace(
        settings, training=dataclasses.replace(settings.training, logit_adjustment=1.0)
    )
    run = Run(adjusted, part, part)
    np.testing.assert_allclose(run.prior_shift(), np.log(np.bincount(part.labels) / len(part)))
    shown = np.bincount(part.labels) ** 0.5
    np.testing.assert_allclose(run.network.adjustment, np.log(shown / shown.sum()), rtol=1e-6)
    assert (Run(settings, part, part).network.adjustment == 0).all()


def test_the_head_is_corrected_to_the_shares_of_the_judged_sets_photos(
    settings: Settings, part: Examples
) -> None:
    """The first 14 photos, two a class, are the set's own; the other sets' give more of the first classes."""
    mixed = dataclasses.replace(part, own=np.arange(40) < 14)
    counts = np.array([6, 6, 6, 6, 6, 5, 5])
    shown = counts**0.5 / (counts**0.5).sum()
    np.testing.assert_allclose(Run(settings, mixed, part).prior_shift(), np.log(1 / 7 / shown))
    np.testing.assert_allclose(Run(settings, part, part).prior_shift(), np.log(counts / 40 / shown))


@pytest.mark.parametrize(
    ("done", "best", "over"),
    [
        (5, 0, False),  # stale, but before 60 % of ten epochs
        (6, 2, True),  # three epochs without a better one
        (6, 3, False),  # two
        (9, 8, False),
        (10, 9, True),  # the schedule has ended
    ],
)
def test_when_training_ends(settings: Settings, part: Examples, done: int, best: int, over: bool) -> None:
    run = Run(settings, part, part)
    run.progress.history = [{}] * done
    run.progress.best = best
    assert run.is_over() is over


@pytest.mark.parametrize(("done", "over"), [(7, False), (8, False), (9, True)])
def test_patience_begins_where_photos_are_whole(
    settings: Settings, part: Examples, done: int, over: bool
) -> None:
    """Of ten epochs six are coarse, and the third of these was the best: patience of three counts from the seventh."""
    small = dataclasses.replace(settings.network, widths=(8, 8, 8), blocks=(1, 1, 1))
    run = Run(dataclasses.replace(with_training(settings, coarse_share=0.6), network=small), part, part)
    run.progress.history = [{}] * done
    run.progress.best = 2
    run.coarse = False
    assert run.is_over() is over


def test_a_run_that_is_saved_and_restored_goes_on_as_the_unbroken_one(
    settings: Settings, part: Examples, tmp_path: Path
) -> None:
    with tqdm(disable=True) as bar:
        unbroken = Run(settings, part, part)
        for _ in range(3):
            unbroken.judge_epoch(unbroken.train_epoch(bar))
            if len(unbroken.progress.history) == 1:
                unbroken.save(tmp_path / "checkpoint.npz")
        resumed = Run(settings, part, part)
        resumed.restore(tmp_path / "checkpoint.npz")
        while len(resumed.progress.history) < 3:
            resumed.judge_epoch(resumed.train_epoch(bar))
    assert resumed.progress.history == unbroken.progress.history
    for one, other in zip(resumed.averaged.get_weights(), unbroken.averaged.get_weights(), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-6)


def test_photos_are_first_seen_at_half_the_edge_and_what_was_learned_goes_on(
    settings: Settings, part: Examples
) -> None:
    # A quarter of the edge would be too small.
    small = dataclasses.replace(settings.network, widths=(8, 8, 8), blocks=(1, 1, 1))
    coarse = dataclasses.replace(
        with_training(settings, epochs=4, coarse_share=0.5, patience=0, least_share=0.1), network=small
    )
    run = Run(coarse, part, part)
    before = [np.array(run.network.network.get_layer("head").kernel)]
    shapes = []
    with tqdm(disable=True) as bar:
        while not run.is_over():
            run.judge_epoch(run.train_epoch(bar))
            shapes.append(run.network.network.input["photo"].shape[1])
            before.append(np.array(run.network.network.get_layer("head").kernel))
            if len(shapes) == 2:
                steps = int(run.optimizer.iterations)
    # Patience for nothing, and yet the training does not end before it has seen whole photos.
    assert shapes[:3] == [16, 16, 32]
    assert int(run.optimizer.iterations) == len(shapes) * run.steps > steps == 2 * run.steps
    # A step of AdamW moves a weight by about the learning rate: a network begun anew would be far away.
    moved = [np.abs(one - other).max() for one, other in itertools.pairwise(before)]
    assert moved[2] < 2 * run.steps * settings.training.learning_rate
    assert run.finished().input["photo"].shape == (None, 32, 32, 3)


def test_a_run_is_restored_on_either_side_of_the_change_of_edge(
    settings: Settings, part: Examples, tmp_path: Path
) -> None:
    coarse = with_training(settings, epochs=4, coarse_share=0.5)
    with tqdm(disable=True) as bar:
        unbroken = Run(coarse, part, part)
        for done in range(4):
            unbroken.judge_epoch(unbroken.train_epoch(bar))
            unbroken.save(tmp_path / f"{done + 1}.npz")
        for done in (2, 3):
            resumed = Run(coarse, part, part)
            resumed.restore(tmp_path / f"{done}.npz")
            while len(resumed.progress.history) < 4:
                resumed.judge_epoch(resumed.train_epoch(bar))
            assert resumed.progress.history == unbroken.progress.history


def test_processor_time_is_summed_over_interruptions(
    settings: Settings, part: Examples, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = itertools.count(step=5)  # seconds
    monkeypatch.setattr("data_modelling.training.fit.time.process_time", lambda: next(clock))
    for epochs in (1, 3):
        fit(with_training(settings, epochs=epochs), part, part, tmp_path, "")
    assert checkpoint.load_progress(tmp_path / "checkpoint.npz").cpu_seconds == 15


def test_epochs_are_compared_by_the_mean_of_three_and_the_best_weights_kept(
    settings: Settings, part: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    aucs = iter([0.5, 0.9, 0.7, 0.7, 0.2])
    monkeypatch.setattr("data_modelling.training.fit.macro_auc", lambda *_: next(aucs))
    run = Run(settings, part, part)
    kept = []
    for epoch in range(5):
        run.averaged.get_layer("head").bias.assign(np.full(7, float(epoch)))
        run.judge_epoch(1.0)
        kept.append(run.progress.best)
    # Means: .5, .7, .7, .767, .533.
    assert kept == [0, 1, 1, 3, 3]
    shifted = run.finished().get_layer("head").bias
    np.testing.assert_allclose(np.asarray(shifted), 3 + run.prior_shift(), atol=1e-6)


def test_the_average_follows_the_weights_with_the_decay_that_is_set(
    settings: Settings, part: Examples
) -> None:
    run = Run(settings, part, part)
    head, mean = (model.get_layer("head").kernel for model in (run.network.network, run.averaged))
    before = np.asarray(mean)
    head.assign(before + 1)
    run._average(step=10**6, since=1)
    np.testing.assert_allclose(np.asarray(mean) - before, 1 - settings.training.averaging, atol=1e-5)


def test_training_learns_what_is_plain(settings: Settings, part: Examples) -> None:
    run = Run(settings, part, part)
    with tqdm(disable=True) as bar:
        losses = [run.train_epoch(bar)]
        while not run.is_over():
            run.judge_epoch(run.train_epoch(bar))
            losses.append(run.progress.history[-1]["loss"])
    assert losses[-1] < losses[0] - 0.3
    assert run.progress.history[run.progress.best]["stopping_macro_auc"] > 0.8


def with_training(settings: Settings, **values: object) -> Settings:
    return dataclasses.replace(settings, training=dataclasses.replace(settings.training, **values))


def test_a_frozen_image_branch_stays_as_it_is_and_is_fine_tuned_afterwards(
    settings: Settings, part: Examples, tmp_path: Path
) -> None:
    run = Run(with_training(settings, frozen_epochs=2), part, part)
    branch, head = (run.network.network.get_layer(name) for name in ("image_branch", "head"))
    with tqdm(disable=True) as bar:
        for epoch in range(3):
            before = [np.array(weight) for weight in (*branch.weights, head.kernel)]
            run.judge_epoch(run.train_epoch(bar))
            *branch_before, kernel_before = before
            assert not np.array_equal(np.array(head.kernel), kernel_before)
            same = [np.array_equal(*pair) for pair in zip(branch.get_weights(), branch_before, strict=True)]
            # Kernels and the statistics of batch normalisation alike.
            assert all(same) if epoch < 2 else not any(same)
            if epoch == 1:
                run.save(tmp_path / "checkpoint.npz")
        resumed = Run(with_training(settings, frozen_epochs=2), part, part)
        resumed.restore(tmp_path / "checkpoint.npz")
        resumed.judge_epoch(resumed.train_epoch(bar))
    for weight, expected in zip(
        resumed.network.network.get_weights(), run.network.network.get_weights(), strict=True
    ):
        np.testing.assert_allclose(weight, expected, atol=1e-6)


def test_the_learning_rate_after_the_frozen_epochs_is_a_share_of_the_schedule(settings: Settings) -> None:
    plain = optimizer_of(settings.training, steps=10)
    tuned = optimizer_of(with_training(settings, frozen_epochs=2, fine_tuning=0.25).training, steps=10)
    found = []
    for step in (19, 20, 70):
        rates = []
        for optimizer in (plain, tuned):
            optimizer.build([])
            optimizer.iterations.assign(step)
            rates.append(float(optimizer.learning_rate))
        found.append(rates[1] / rates[0])
    np.testing.assert_allclose(found, [1, 0.25, 0.25], rtol=1e-5)


def test_logits_of_the_photo_alone_do_not_depend_on_the_details(settings: Settings, part: Examples) -> None:
    network = Run(settings, part, part).averaged
    known = dataclasses.replace(part, details=np.repeat(encode(Details(80, "male", "torso"))[None], 40, 0))
    alone, same = (predict_logits(network, one, with_details=False) for one in (part, known))
    np.testing.assert_array_equal(alone, same)
    assert not np.allclose(predict_logits(network, known, with_details=True), alone)


def test_a_network_without_dropout_trains(settings: Settings, part: Examples) -> None:
    bare = dataclasses.replace(settings, network=dataclasses.replace(settings.network, dropout=0.0))
    with tqdm(disable=True) as bar:
        assert np.isfinite(Run(bare, part, part).train_epoch(bar))


def test_a_class_that_weighs_nothing_is_not_learnt_from(
    settings: Settings, part: Examples, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With weight on one class alone, an epoch makes that class more probable for every photo."""
    only_second = np.eye(7)[1] * 7
    monkeypatch.setattr("data_modelling.training.pipeline.weights_a_class", lambda *_: only_second)
    run = Run(settings, part, part)
    before = predict_logits(run.network.network, part, with_details=False)
    with tqdm(disable=True) as bar:
        for _ in range(3):
            run.train_epoch(bar)
            run.progress.history.append({})
    after = predict_logits(run.network.network, part, with_details=False)
    of_second = [softmax(logits, axis=1)[:, 1].mean() for logits in (before, after)]
    assert of_second[1] > of_second[0] + 0.2


def test_the_average_moves_every_few_steps_as_if_it_moved_at_each(settings: Settings, part: Examples) -> None:
    """Eight steps with a network that stays as it is: the distance shrinks by the product of the steps' decays."""
    slow = dataclasses.replace(settings, training=dataclasses.replace(settings.training, averaging=0.9))
    run = Run(slow, part, part)
    kernel = run.averaged.get_layer("head").kernel
    run.network.network.get_layer("head").kernel.assign(np.ones(kernel.shape))
    kernel.assign(np.zeros(kernel.shape))
    run._average(10**6, since=8)
    np.testing.assert_allclose(np.asarray(kernel), 1 - 0.9**8, rtol=1e-5)
