import numpy as np

from data_modelling.rejection.skin import free_square, skin_squares


def test_the_largest_square_outside_the_outline_is_found():
    lesion = np.zeros((256, 256), bool)
    lesion[100:160, 100:160] = True
    top, left, side = free_square(lesion)
    assert side == 96
    assert not lesion[top : top + side, left : left + side].any()


def test_beside_a_small_lesion_a_larger_square_fits():
    lesion = np.zeros((256, 256), bool)
    lesion[:20, :20] = True
    assert free_square(lesion)[2] == 144


def test_no_square_fits_beside_a_lesion_that_fills_the_photo():
    lesion = np.zeros((256, 256), bool)
    lesion[40:220, 40:220] = True
    assert free_square(lesion) is None


def test_without_the_data_there_is_no_skin(tmp_path):
    assert skin_squares(tmp_path, tmp_path, 16, 5).shape == (0, 16, 16, 3)


def test_skin_is_cut_from_real_photos(data_root):
    from data_modelling.datasets.roots import REPOSITORY_DATA

    squares = skin_squares(data_root, REPOSITORY_DATA / "splits", 32, 3)
    assert squares.shape == (3, 32, 32, 3)
    assert squares.mean() > 60  # skin, not the black of a corner
