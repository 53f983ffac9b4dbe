import keras
import numpy as np

from data_modelling.networks.colour_constancy import ShadesOfGrey


def photo() -> np.ndarray:
    return np.random.default_rng(0).uniform(20, 120, (2, 6, 6, 3)).astype("float32")


def test_grey_world_by_hand() -> None:
    """Means 40, 80 and 120: the grey is 80, so the channels are doubled, kept, and taken by two thirds."""
    given = np.tile(np.array([40.0, 80.0, 120.0], "float32"), (1, 2, 2, 1))
    np.testing.assert_allclose(np.asarray(ShadesOfGrey(1.0)(given)), np.full((1, 2, 2, 3), 80.0), rtol=1e-5)


def test_the_same_lesion_under_another_light_looks_the_same() -> None:
    layer = ShadesOfGrey(6.0)
    light = np.array([1.2, 1.0, 0.8], "float32")
    plain, lit = np.asarray(layer(photo())), np.asarray(layer(photo() * light))
    # Alike but for brightness, which is that of the lit photo.
    ratio = lit / plain
    np.testing.assert_allclose(ratio, np.broadcast_to(ratio[:, :1, :1, :1], ratio.shape), rtol=1e-4)


def test_a_black_and_a_white_photo_are_answered_with_numbers() -> None:
    for level in (0.0, 255.0):
        found = np.asarray(ShadesOfGrey(6.0)(np.full((1, 4, 4, 3), level, "float32")))
        np.testing.assert_allclose(found, level, atol=1e-3)


def test_a_saved_network_still_has_it(tmp_path) -> None:
    network = keras.Sequential([keras.Input((6, 6, 3)), ShadesOfGrey(6.0)])
    network.save(tmp_path / "network.keras")
    again = keras.saving.load_model(tmp_path / "network.keras", compile=False)
    np.testing.assert_allclose(again(photo()), network(photo()), rtol=1e-6)
