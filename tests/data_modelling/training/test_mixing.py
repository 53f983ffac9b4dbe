import numpy as np

from data_modelling.settings import AugmentationSettings
from data_modelling.training.augmentation import mix_photos
from data_modelling.training.augmentation_parameters import Mixes, draw_mixes, mix_rows


def test_nothing_is_mixed_of_what_may_not_be() -> None:
    mixable = np.array([True, False] * 50)
    mixes = draw_mixes(np.random.default_rng(1), mixable, AugmentationSettings(mixup=1.0))
    assert (mixes.share[~mixable] == 1).all()
    assert (mixes.share[mixable] < 1).all()
    assert mixable[mixes.partner[mixable]].all()  # nor does it go into another


def test_the_setting_is_the_share_of_photos_blended() -> None:
    mixes = draw_mixes(np.random.default_rng(0), np.ones(400, bool), AugmentationSettings(mixup=0.25))
    assert abs((mixes.share < 1).mean() - 0.25) < 0.07
    assert (mixes.share >= 0).all()


def test_a_photo_mixed_by_hand() -> None:
    photos = np.stack([np.full((2, 2, 3), 100.0), np.full((2, 2, 3), 200.0)]).astype("float32")
    found = np.asarray(mix_photos(photos, np.array([1, 0]), np.array([0.25, 1], "float32")))
    np.testing.assert_allclose(found[0], np.full((2, 2, 3), 175.0))
    np.testing.assert_allclose(found[1], photos[1])


def test_targets_are_mixed_by_the_same_share() -> None:
    mixes = Mixes(np.array([1, 0]), np.array([0.75, 1.0], "float32"))
    found = mix_rows(np.eye(2, dtype="float32"), mixes)
    np.testing.assert_allclose(found, [[0.75, 0.25], [0, 1]])
    np.testing.assert_allclose(mix_rows(np.array([4, 8], "float32"), mixes), [5, 8])
