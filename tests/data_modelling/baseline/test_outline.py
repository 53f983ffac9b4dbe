"""Outline and shape of drawn lesions, against what geometry says of them."""

import numpy as np
import pytest

from data_modelling.baseline.outline import Mask, asymmetries, compactness, main_axes, outline, perimeter

SKIN, BROWN = (222, 182, 160), (120, 70, 50)
ROW, COLUMN = np.indices((64, 64))


def disc(radius: float, row: float = 31.5, column: float = 31.5) -> Mask:
    return np.asarray((ROW - row) ** 2 + (COLUMN - column) ** 2 <= radius**2)


def drawn(*lesions: Mask) -> np.ndarray:
    photo = np.full((64, 64, 3), SKIN, np.uint8)
    for lesion in lesions:
        photo[lesion] = BROWN
    return photo


def test_of_several_dark_areas_the_largest_is_the_lesion() -> None:
    assert (outline(drawn(disc(16, 30, 36), disc(4, 8, 8))) == disc(16, 30, 36)).all()


def test_a_pale_centre_belongs_to_the_lesion() -> None:
    assert (outline(drawn(disc(16) & ~disc(6))) == disc(16)).all()


def test_bare_skin_has_no_outline() -> None:
    assert not outline(drawn()).any()


@pytest.mark.parametrize("radius", [12, 16, 24])
def test_perimeter_and_compactness_of_a_disc(radius: int) -> None:
    assert disc(radius).sum() == pytest.approx(np.pi * radius**2, rel=0.02)
    assert perimeter(disc(radius)) == pytest.approx(2 * np.pi * radius, rel=0.02)
    assert compactness(disc(radius)) == pytest.approx(1, abs=0.04)


def test_the_perimeter_of_a_square_by_hand() -> None:
    """Of edge 20: 40 crossings across and 40 down; on the diagonals 39 lines of pixels, each crossed twice."""
    square = (abs(ROW - 31.5) < 10) & (abs(COLUMN - 31.5) < 10)
    assert square.sum() == 400
    assert perimeter(square) == pytest.approx(np.pi / 2 * (40 + 40 + 2 * 78 * 0.5**0.5) / 4)


def test_a_ragged_outline_is_less_compact() -> None:
    star = disc(20) & ~((COLUMN % 8 < 3) & (abs(ROW - 31.5) > 6))
    assert compactness(star) < 0.6 * compactness(disc(20))


def test_the_long_axis_of_a_bar_by_hand() -> None:
    """Pixels 0 to 9 across have the variance (100 - 1) / 12, 0 to 1 down (4 - 1) / 12."""
    bar = np.zeros((16, 16), bool)
    bar[4:6, 3:13] = True
    variances, axes = main_axes(bar)
    np.testing.assert_allclose(variances, (3 / 12, 99 / 12))
    np.testing.assert_allclose(np.abs(axes), [[1, 0], [0, 1]])


def test_a_disc_of_one_colour_is_symmetric() -> None:
    assert asymmetries(disc(16), np.full((64, 64), 90.0)).tolist() == [0, 0, 0, 0]


def test_a_disc_of_two_halves_is_asymmetric_in_grey_alone() -> None:
    """Left and right differ by 51 of 255 grey levels: mirrored at the upright axis everywhere, at the other nowhere."""
    found = asymmetries(disc(16), np.where(COLUMN < 32, 60.0, 111.0))
    assert found[:2].tolist() == [0, 0]
    assert sorted(found[2:]) == pytest.approx([0, 0.2])


def test_the_asymmetry_of_a_t_by_hand() -> None:
    """Five pixels in row 2, then a stem of five: the centre is at row 3.5, and row r is mirrored to row 7 - r.

    Of the bar four pixels miss the stem's row 5, of the stem the last two lie above the bar: six of ten.
    """
    shape = np.zeros((8, 8), bool)
    shape[2, 1:6] = shape[3:, 3] = True
    assert asymmetries(shape, np.zeros((8, 8))) == pytest.approx([0, 0.6, 0, 0])
