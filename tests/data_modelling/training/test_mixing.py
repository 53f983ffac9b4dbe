import dataclasses

import numpy as np

from data_modelling.settings import AugmentationSettings
from data_modelling.training.mixing import Mixes, draw_mixes, mix, mixed_rows

EDGE = 8


def drawn(count: int = 400, **settings: float) -> Mixes:
    changes = dataclasses.replace(AugmentationSettings(), **settings)
    return draw_mixes(np.random.default_rng(0), np.ones(count, bool), EDGE, changes)


def test_nothing_is_mixed_of_what_may_not_be() -> None:
    mixable = np.array([True, False] * 50)
    mixes = draw_mixes(np.random.default_rng(1), mixable, EDGE, AugmentationSettings(mixup=1.0))
    assert (mixes.share[~mixable] == 1).all()
    assert (mixes.own[~mixable] == 1).all()
    assert mixable[mixes.partner[mixable]].all()  # nor does it go into another


def test_the_settings_are_the_shares_of_photos_blended_and_cut() -> None:
    mixes = drawn(mixup=0.25, cutmix=0.5)
    even = np.ptp(mixes.own, axis=(1, 2, 3)) == 0
    blended = even & (mixes.share < 1) & (mixes.share > 0)
    assert abs(blended.mean() - 0.25) < 0.07
    # A rectangle may be smaller than half a pixel or cover the whole photo: then it is no mixture to be seen.
    assert 0.35 < (~even).mean() < 0.55
    assert set(np.unique(mixes.own[~even])) == {0.0, 1.0}


def test_the_share_is_the_mean_of_what_stays_of_the_photo() -> None:
    mixes = drawn(cutmix=1.0)
    by_hand = [(one == 1).sum() / EDGE**2 for one in mixes.own]
    np.testing.assert_allclose(mixes.share, by_hand, rtol=1e-6)


def test_a_photo_mixed_by_hand() -> None:
    photos = np.stack([np.full((2, 2, 3), 100.0), np.full((2, 2, 3), 200.0)]).astype("float32")
    own = np.array([[[1, 0], [0.25, 1]], [[1, 1], [1, 1]]], "float32")[..., None]
    found = np.asarray(mix(photos, np.array([1, 0]), own))
    np.testing.assert_allclose(found[0, :, :, 0], [[100, 200], [175, 100]])
    np.testing.assert_allclose(found[1], photos[1])


def test_targets_are_mixed_by_the_same_share() -> None:
    mixes = Mixes(np.array([1, 0]), np.ones((2, 1, 1, 1), "float32"), np.array([0.75, 1.0], "float32"))
    found = mixed_rows(np.eye(2, dtype="float32"), mixes)
    np.testing.assert_allclose(found, [[0.75, 0.25], [0, 1]])
    np.testing.assert_allclose(mixed_rows(np.array([4, 8], "float32"), mixes), [5, 8])
