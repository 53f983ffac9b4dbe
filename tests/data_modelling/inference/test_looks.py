import numpy as np
import pytest

from data_modelling.inference.looks import COARSE, COUNT, EDGE, LEAST, RINGS, SHARES, looks

FINE = slice(0, 6)
LEVELS = slice(6 * (1 + len(COARSE)) + 1, 6 * (1 + len(COARSE)) + 1 + 3 * len(SHARES))


def plain(colour):
    return np.tile(np.array(colour, np.uint8), (EDGE, EDGE, 1))


def test_a_plain_photo_has_no_detail_and_its_own_colour():
    found = looks(plain((90, 60, 30)))
    assert found.shape == (COUNT,)
    assert found[FINE] == pytest.approx([np.log(LEAST)] * 3 + [0] * 3)
    brightness, red_less_green, green_less_blue = found[LEVELS].reshape(3, -1)
    assert brightness == pytest.approx(60)
    assert red_less_green == pytest.approx(30)
    assert green_less_blue == pytest.approx(30)


def test_columns_of_black_and_white_differ_from_every_neighbour_across_and_none_below():
    photo = plain((0, 0, 0))
    photo[:, ::2] = 255
    mean, root_mean_square = 255 / 2, 255 / np.sqrt(2)
    found = looks(photo)
    assert found[0] == pytest.approx(np.log(mean + LEAST))
    assert found[3] == pytest.approx(np.log(root_mean_square + LEAST) - np.log(mean + LEAST), abs=1e-5)
    assert found[6] == pytest.approx(np.log(LEAST))  # gone in the means of blocks


def test_a_dark_disc_in_the_middle_shows_in_the_inner_rings_alone():
    photo = plain((200, 200, 200))
    photo[48:64, 48:64] = 40  # the middle pixel of seven
    of_rings = looks(photo)[-4 * (len(RINGS) - 1) :].reshape(4, -1)
    assert of_rings[0] == pytest.approx([(40 + 4 * 200) / 5, 200, 200, 200])


def test_a_photo_of_another_edge_is_measured_at_the_same_one():
    assert looks(np.full((16, 16, 3), 77, np.uint8)) == pytest.approx(looks(plain((77, 77, 77))))


def test_a_turned_photo_looks_the_same():
    photo = np.random.default_rng(1).integers(0, 256, (EDGE, EDGE, 3)).astype(np.uint8)
    assert looks(np.rot90(photo).copy()) == pytest.approx(looks(photo), abs=1e-3)
