import io

import numpy as np
from PIL import Image

from data_modelling.settings import AugmentationSettings
from data_modelling.training.recompression import add_vignettes, recompress


def photos(count: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, 32, 32, 3), dtype=np.uint8)


def test_as_many_are_changed_as_asked_and_the_given_ones_stay() -> None:
    originals = photos(400)
    copies = originals.copy()
    recompressed = recompress(
        np.random.default_rng(1), originals, AugmentationSettings(recompress=0.3, reduced_edges=(16, 32))
    )
    changed = (recompressed != originals).any(axis=(1, 2, 3)).mean()
    assert abs(changed - 0.3) < 0.07
    np.testing.assert_array_equal(originals, copies)


def test_a_photo_loses_its_finest_grain_and_keeps_its_colour() -> None:
    originals = photos(50)
    recompressed = recompress(
        np.random.default_rng(1), originals, AugmentationSettings(recompress=1.0, reduced_edges=(16, 32))
    )
    assert recompressed.astype(float).std() < 0.8 * originals.astype(float).std()
    np.testing.assert_allclose(recompressed.mean(axis=(1, 2)), originals.mean(axis=(1, 2)), atol=6)


def size_as_jpeg(photo: np.ndarray) -> int:
    file = io.BytesIO()
    Image.fromarray(photo).save(file, "JPEG", quality=95)
    return file.tell()


def test_photos_of_two_sharpnesses_come_nearer_to_each_other() -> None:
    """What the change is for: the size of a file no longer tells the source as well."""
    sharp = photos(60)
    smooth = np.stack([np.asarray(Image.fromarray(p).resize((12, 12)).resize((32, 32))) for p in sharp])
    settings = AugmentationSettings(recompress=1.0, reduced_edges=(16, 32))

    def ratio(one: np.ndarray, other: np.ndarray) -> float:
        return float(np.mean([*map(size_as_jpeg, one)]) / np.mean([*map(size_as_jpeg, other)]))

    rng = np.random.default_rng(2)
    assert ratio(recompress(rng, sharp, settings), recompress(rng, smooth, settings)) < ratio(sharp, smooth)


def test_a_vignette_darkens_the_corners_and_leaves_the_lesion() -> None:
    bright = np.full((200, 40, 40, 3), 200, np.uint8)
    bordered = add_vignettes(np.random.default_rng(3), bright, 0.25)
    changed = (bordered != bright).any(axis=(1, 2, 3))
    assert abs(changed.mean() - 0.25) < 0.1
    corners = bordered[changed][:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert corners.max() < 120
    np.testing.assert_array_equal(bordered[:, 12:28, 12:28], bright[:, 12:28, 12:28])
    np.testing.assert_array_equal(bright, 200)
