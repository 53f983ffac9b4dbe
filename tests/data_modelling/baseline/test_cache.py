from pathlib import Path

import numpy as np
import pytest

from data_modelling.baseline import cache, features
from data_modelling.baseline.cache import cached_features


@pytest.fixture
def pixels() -> np.ndarray:
    return np.random.default_rng(0).integers(0, 255, (7, 16, 16, 3), np.uint8)


def test_an_interrupted_measuring_goes_on_with_the_missing_block(
    pixels: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, seen = features.features, []

    def stopped_once(photo: np.ndarray) -> np.ndarray:
        seen.append(int(photo[0, 0, 0]))
        if len(seen) == 5:
            raise KeyboardInterrupt
        return real(photo)

    monkeypatch.setattr(cache, "BLOCK", 3)
    monkeypatch.setattr(features, "features", stopped_once)
    with pytest.raises(KeyboardInterrupt):
        cached_features(pixels, tmp_path)
    found, seconds = cached_features(pixels, tmp_path)
    order = pixels[:, 0, 0, 0].tolist()
    assert seen == order[:5] + order[3:]  # the first block was not measured again
    np.testing.assert_array_equal(found, np.stack([real(photo) for photo in pixels]))
    again, same = cached_features(pixels, tmp_path)
    assert len(seen) == 9
    assert same == seconds > 0
    np.testing.assert_array_equal(again, found)


def test_other_photos_are_measured_anew(pixels: np.ndarray, tmp_path: Path) -> None:
    before, _ = cached_features(pixels, tmp_path)
    other = pixels.copy()
    other[3] = 255 - other[3]
    after, _ = cached_features(other, tmp_path)
    same = (before == after).all(axis=1)
    assert same.tolist() == [True] * 3 + [False] + [True] * 3
