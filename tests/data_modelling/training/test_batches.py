from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from data_modelling.datasets.table import encode_table
from data_modelling.inference.details import Details, encode_details
from data_modelling.networks.model import build_network
from data_modelling.settings import Settings, read_settings
from data_modelling.training.batches import (
    Examples,
    halve_resolution,
    predict_logits,
    select_examples,
    steps_per_epoch,
    training_batches,
)

SMOKE = Path(__file__).resolve().parents[3] / "data_modelling" / "configs" / "smoke.toml"


@pytest.fixture
def settings() -> Settings:
    return read_settings(SMOKE)


@pytest.fixture
def part() -> Examples:
    pixels = np.random.default_rng(0).integers(0, 256, (60, 32, 32, 3), dtype=np.uint8)
    rows = np.arange(10, 60)  # the first ten photos are another part's
    labels = np.array([0] * 30 + [1] * 20)
    return Examples(pixels, rows, labels, np.repeat(encode_details(Details(age=30))[None], 50, 0))


def test_an_epoch_is_the_same_whenever_it_is_drawn_and_unlike_the_next(
    part: Examples, settings: Settings
) -> None:
    first, again, other = (list(training_batches(part, settings, epoch)) for epoch in (3, 3, 4))
    for (batch, target, _), (batch_again, target_again, _) in zip(first, again, strict=True):
        assert all((batch[key] == batch_again[key]).all() for key in batch)
        assert (target == target_again).all()
    assert not np.array_equal(first[0][0]["photo"], other[0][0]["photo"])
    assert len(first) == steps_per_epoch(part, settings)


def test_batches_hold_the_parts_own_photos_with_their_labels(part: Examples, settings: Settings) -> None:
    place = {part.pixels[row].tobytes(): row for row in range(60)}
    for batch, target, _ in training_batches(part, settings, 0):
        rows = np.array([place[photo.tobytes()] for photo in batch["photo"]])
        assert rows.min() >= 10
        np.testing.assert_array_equal(target.argmax(axis=1), part.labels[rows - 10])


def test_halved_by_hand() -> None:
    square = np.array([[0, 1, 10, 10], [1, 0, 10, 11], [255, 255, 7, 0], [255, 254, 0, 0]], np.uint8)
    # Means: .5, 10.25, 254.75, 1.75.
    np.testing.assert_array_equal(halve_resolution(square[None, ..., None])[0, ..., 0], [[1, 10], [255, 2]])


def test_coarse_batches_are_of_the_same_photos(part: Examples, settings: Settings) -> None:
    fine, coarse = (
        next(training_batches(replace(part, coarse=coarse), settings, 0))[0] for coarse in (False, True)
    )
    np.testing.assert_array_equal(coarse["photo"], halve_resolution(fine["photo"]))
    # The warps are the same too; what they shift by, in pixels, is half as much.
    centre = np.array([15.5, 15.5, 1])
    mapped = [
        (np.stack([warp[:, :3], warp[:, 3:6]], 1) @ at)
        for warp, at in ((fine["warp"], centre), (coarse["warp"], centre * [0.5, 0.5, 1] - [0.25, 0.25, 0]))
    ]
    np.testing.assert_allclose(mapped[1], mapped[0] / 2 - 0.25, atol=1e-4)


def test_smoothed_targets_by_hand(part: Examples, settings: Settings) -> None:
    _, target, _ = next(training_batches(part, settings, 0))
    # Smoothing .05 over 7 classes: .95 + .05/7 for the label, .05/7 for every other.
    np.testing.assert_allclose(np.sort(target, axis=1)[:, -1], 0.95 + 0.05 / 7, rtol=1e-6)
    np.testing.assert_allclose(np.sort(target, axis=1)[:, 0], 0.05 / 7, rtol=1e-6)


def table() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "diagnosis": ["NV", "MEL", "DF"],
            "source": ["HAM10000", "BCN_20000", "mine"],
            "age": [45.0, np.nan, 0.0],
            "sex": ["male", None, "female"],
            "site": ["torso", None, None],
        }
    )


def test_details_of_a_table_are_those_of_its_rows() -> None:
    expected = [Details(45.0, "male", "torso"), Details(), Details(0.0, "female", None)]
    np.testing.assert_array_equal(encode_table(table()), [encode_details(one) for one in expected])


def test_examples_take_the_chosen_rows_and_number_their_classes() -> None:
    pixels = np.zeros((3, 4, 4, 3), np.uint8)
    part = select_examples(table(), pixels, np.array([True, False, True]), "ham10000")
    assert part.rows.tolist() == [0, 2]
    assert part.sources is not None
    assert part.sources.tolist() == ["HAM10000", "mine"]
    assert part.labels.tolist() == [1, 5]  # MEL, NV, BCC, AKIEC, BKL, DF, VASC
    assert len(part) == 2


def test_logits_of_the_photo_alone_do_not_depend_on_the_details(settings: Settings, part: Examples) -> None:
    network = build_network(settings)
    known = replace(part, details=np.repeat(encode_details(Details(80, "male", "torso"))[None], 50, 0))
    alone, same = (predict_logits(network, one, with_details=False) for one in (part, known))
    np.testing.assert_array_equal(alone, same)
    assert not np.allclose(predict_logits(network, known, with_details=True), alone)
