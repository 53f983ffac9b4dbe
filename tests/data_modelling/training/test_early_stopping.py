import keras
import numpy as np
import pytest

from data_modelling.inference.details import Details, encode_details
from data_modelling.networks.model import build_network
from data_modelling.settings import TrainingSettings, read_settings
from data_modelling.training.batches import Examples
from data_modelling.training.early_stopping import EarlyStopping, photo_macro_auc
from tests.conftest import PROJECT

CLASSES = 7
TRAINING = TrainingSettings(epochs=10, patience=3)


@pytest.fixture(scope="module")
def network() -> keras.Model:
    return build_network(read_settings(PROJECT / "data_modelling" / "configs" / "smoke.toml"))


@pytest.fixture(scope="module")
def part() -> Examples:
    """Forty photos, of which the last five are only known to be benign."""
    rng = np.random.default_rng(0)
    labels = np.append(np.arange(35) % CLASSES, np.full(5, CLASSES))
    pixels = rng.integers(0, 256, (40, 32, 32, 3), dtype=np.uint8)
    return Examples(pixels, np.arange(40), labels, np.repeat(encode_details(Details())[None], 40, 0))


def stopping_after(part: Examples, done: int, best: int, coarse_epochs: int = 0) -> EarlyStopping:
    stopping = EarlyStopping(TRAINING, part, CLASSES, np.zeros(CLASSES), coarse_epochs)
    stopping.progress.history = [{}] * done
    stopping.progress.best = best
    return stopping


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
def test_when_training_ends(part: Examples, done: int, best: int, over: bool) -> None:
    assert stopping_after(part, done, best).is_over() is over


@pytest.mark.parametrize(("done", "over"), [(6, False), (7, False), (8, False), (9, True)])
def test_patience_begins_where_photos_are_whole(part: Examples, done: int, over: bool) -> None:
    """Of ten epochs six are coarse, and the third of these was the best: patience of three counts from the seventh."""
    assert stopping_after(part, done, best=2, coarse_epochs=6).is_over() is over


def test_epochs_are_compared_by_the_mean_of_three_and_the_best_weights_kept(
    part: Examples, network: keras.Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    aucs = iter([0.5, 0.9, 0.7, 0.7, 0.2])
    monkeypatch.setattr("data_modelling.training.early_stopping.macro_auc", lambda *_: next(aucs))
    stopping = stopping_after(part, 0, -1)
    head = [variable.path for variable in network.weights].index("head/bias")
    kept = []
    for epoch in range(5):
        network.get_layer("head").bias.assign(np.full(CLASSES, float(epoch)))
        stopping.evaluate(network, 1.0)
        kept.append(stopping.progress.best)
    # Means: .5, .7, .7, .767, .533.
    assert kept == [0, 1, 1, 3, 3]
    np.testing.assert_array_equal(stopping.best_weights[head], 3)


def test_photos_without_a_known_class_do_not_count(part: Examples, network: keras.Model) -> None:
    stopping = stopping_after(part, 0, -1)
    stopping.evaluate(network, 2.5)
    known = Examples(part.pixels, part.rows[:35], part.labels[:35], part.details[:35])
    row = stopping.progress.history[0]
    assert row["stopping_macro_auc"] == pytest.approx(photo_macro_auc(network, known), abs=1e-6)
    assert row["loss"] == 2.5


def test_the_last_weights_are_kept_if_the_stopping_photos_are_of_one_class(
    part: Examples, network: keras.Model
) -> None:
    """One class has no AUC, so no epoch is better than another, and the training must not end before its schedule."""
    nevi = np.flatnonzero(part.labels == 1)
    one_class = Examples(
        part.pixels, part.rows[nevi], part.labels[nevi], part.details[nevi], sources=np.full(len(nevi), "own")
    )
    stopping = stopping_after(one_class, 0, -1)
    for epoch in range(4):
        network.get_layer("head").bias.assign(np.full(CLASSES, float(epoch)))
        stopping.evaluate(network, 1.0)
        assert stopping.progress.best == epoch
    head = [variable.path for variable in network.weights].index("head/bias")
    np.testing.assert_array_equal(stopping.best_weights[head], 3)
