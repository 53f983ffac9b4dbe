import numpy as np
import pytest

from data_modelling.inference.checks.image_features import (
    COARSE_EDGES,
    FEATURE_COUNT,
    FEATURE_EDGE,
    LEVEL_QUANTILES,
    LOG_OFFSET,
    RING_BOUNDS,
    dark_rim,
    darker_area,
    measure_image_features,
)

GREY = np.full((16, 16, 3), 180, np.uint8)
FINE = slice(0, 6)
LEVELS = slice(6 * (1 + len(COARSE_EDGES)) + 1, 6 * (1 + len(COARSE_EDGES)) + 1 + 3 * len(LEVEL_QUANTILES))


def plain(colour):
    return np.tile(np.array(colour, np.uint8), (FEATURE_EDGE, FEATURE_EDGE, 1))


def test_a_plain_photo_has_no_detail_and_its_own_colour():
    features = measure_image_features(plain((90, 60, 30)))
    assert features.shape == (FEATURE_COUNT,)
    assert features[FINE] == pytest.approx([np.log(LOG_OFFSET)] * 3 + [0] * 3)
    brightness, red_less_green, green_less_blue = features[LEVELS].reshape(3, -1)
    assert brightness == pytest.approx(60)
    assert red_less_green == pytest.approx(30)
    assert green_less_blue == pytest.approx(30)


def test_columns_of_black_and_white_differ_from_every_neighbour_across_and_none_below():
    photo = plain((0, 0, 0))
    photo[:, ::2] = 255
    mean, root_mean_square = 255 / 2, 255 / np.sqrt(2)
    features = measure_image_features(photo)
    assert features[0] == pytest.approx(np.log(mean + LOG_OFFSET))
    assert features[3] == pytest.approx(
        np.log(root_mean_square + LOG_OFFSET) - np.log(mean + LOG_OFFSET), abs=1e-5
    )
    assert features[6] == pytest.approx(np.log(LOG_OFFSET))  # gone in the means of blocks


def test_a_dark_disc_in_the_middle_shows_in_the_inner_rings_alone():
    photo = plain((200, 200, 200))
    photo[48:64, 48:64] = 40  # the middle pixel of seven
    of_rings = measure_image_features(photo)[-4 * (len(RING_BOUNDS) - 1) :].reshape(4, -1)
    assert of_rings[0] == pytest.approx([(40 + 4 * 200) / 5, 200, 200, 200])


def test_a_photo_of_another_edge_is_measured_at_the_same_one():
    assert measure_image_features(np.full((16, 16, 3), 77, np.uint8)) == pytest.approx(
        measure_image_features(plain((77, 77, 77)))
    )


def test_a_turned_photo_looks_the_same():
    photo = np.random.default_rng(1).integers(0, 256, (FEATURE_EDGE, FEATURE_EDGE, 3)).astype(np.uint8)
    assert measure_image_features(np.rot90(photo).copy()) == pytest.approx(
        measure_image_features(photo), abs=1e-3
    )


def test_a_photo_of_one_colour_has_no_darker_area():
    assert not darker_area(GREY).any()


def test_the_dermatoscopes_rim_is_no_darker_area():
    photo = GREY.copy()
    offset = np.arange(16) - 7.5
    photo[offset[:, None] ** 2 + offset[None] ** 2 > 64] = 5
    photo[6:10, 6:10] = 80
    assert (dark_rim(photo) == (photo[..., 0] == 5)).all()
    assert np.argwhere(darker_area(photo)).min() == 6
    assert darker_area(photo).sum() == 16


def test_a_black_photo_has_no_darker_area():
    assert not darker_area(np.zeros((16, 16, 3), np.uint8)).any()
