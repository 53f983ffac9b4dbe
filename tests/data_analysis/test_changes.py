import dataclasses

import numpy as np
import pytest

from data_analysis import changes
from data_modelling.settings import AugmentationSettings
from data_modelling.training.augmentation import augment
from data_modelling.training.draws import draw_colours, draw_warps


@pytest.mark.parametrize("edge", [24, 25])
def test_the_picture_shows_what_the_training_does(edge):
    settings = AugmentationSettings(shift=0.4)  # far enough to look beyond the edges
    rng = np.random.default_rng(5)
    photos = rng.integers(0, 256, (12, edge, edge, 3), dtype=np.uint8)
    warps, colours = draw_warps(rng, 12, edge, settings), draw_colours(rng, 12, settings)
    expected = np.asarray(augment(photos, warps, colours))
    found = [
        changes.recoloured(changes.warped(*pair), c) for *pair, c in zip(photos, warps, colours, strict=True)
    ]
    np.testing.assert_allclose(found, expected, atol=0.1)


def test_changed_photos_are_photos_and_the_same_each_time():
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    found = changes.changed_photos(photo, 3, AugmentationSettings())
    assert (found.shape, found.dtype) == ((3, 16, 16, 3), np.uint8)
    np.testing.assert_array_equal(found, changes.changed_photos(photo, 3, AugmentationSettings()))
    assert len({one.tobytes() for one in found}) == 3


def test_settings_that_change_nothing_leave_the_photo():
    photo = np.random.default_rng(0).integers(0, 256, (16, 16, 3), dtype=np.uint8)
    nothing = dataclasses.replace(
        AugmentationSettings(), flip=False, rotation=0, scale=1, stretch=1, shift=0,
        brightness=0, contrast=1, saturation=1, colour=1,
    )  # fmt: skip
    np.testing.assert_array_equal(changes.changed_photos(photo, 1, nothing)[0], photo)
