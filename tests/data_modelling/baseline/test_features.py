"""Features of drawn lesions, against values worked out by hand."""

import numpy as np
import pytest

from data_modelling.baseline.features import (
    COLOURS,
    LEVELS,
    NAMES,
    SHAPE,
    TEXTURE,
    co_occurrence,
    colour,
    features,
    haralick,
    texture,
)

ROW, COLUMN = np.indices((64, 64))
DISC = (ROW - 31.5) ** 2 + (COLUMN - 31.5) ** 2 <= 16**2
SKIN = (222, 182, 160)


def lesion(left: tuple[int, int, int], right: tuple[int, int, int]) -> np.ndarray:
    """A disc whose halves have the colours."""
    photo = np.full((64, 64, 3), SKIN, np.uint8)
    photo[DISC & (COLUMN < 32)] = left
    photo[DISC & (COLUMN >= 32)] = right
    return photo


def named(photo: np.ndarray) -> dict[str, float]:
    return dict(zip(NAMES, features(photo).tolist(), strict=True))


def test_a_disc_of_one_colour_by_hand() -> None:
    brown = COLOURS["dark_brown"]
    found = named(lesion(brown, brown))
    assert found["found"] == 1
    assert found["area"] == pytest.approx(DISC.mean())
    assert found["compactness"] == pytest.approx(1, abs=0.04)
    assert [found[name] for name in SHAPE if name.startswith("asymmetry") or name == "elongation"] == [0] * 5
    luma = np.dot(np.subtract(SKIN, brown), (0.299, 0.587, 0.114))
    assert found["abruptness"] == pytest.approx(luma / 255)
    assert [found[f"mean_{channel}"] for channel in "rgb"] == list(brown)
    assert [found[f"less_skin_{channel}"] for channel in "rgb"] == np.subtract(brown, SKIN).tolist()
    assert [found[f"{what}_{channel}"] for what in ("spread", "skewness") for channel in "rgb"] == [0] * 6
    assert (found["colours"], found["share_dark_brown"]) == (1, 1)


def test_two_colours_are_counted_with_their_shares() -> None:
    found = named(lesion(COLOURS["black"], COLOURS["red"]))
    assert (found["colours"], found["share_black"], found["share_red"]) == (2, 0.5, 0.5)
    # Halves at 0 and 204 of red: mean and spread 102, and no skewness.
    assert (found["mean_r"], found["spread_r"], found["skewness_r"]) == (102, 102, 0)


def test_a_colour_of_few_pixels_is_not_counted() -> None:
    photo, inside = np.zeros((10, 10, 3), np.uint8), np.ones((10, 10), bool)
    photo[0, :4] = (255, 255, 255)  # 4 of 100
    assert colour(photo, inside)[-1] == 1
    photo[0, :5] = (255, 255, 255)
    assert colour(photo, inside)[-1] == 2


def test_skewness_by_hand() -> None:
    """Three pixels of 0 and one of 4: about the mean 1 the cubes are -1, -1, -1 and 27, their mean 6."""
    photo = np.zeros((2, 2, 3), np.uint8)
    photo[0, 0] = 4
    assert colour(photo, np.ones((2, 2), bool))[6:9] == pytest.approx([6 ** (1 / 3)] * 3)


def test_a_flat_patch_has_no_texture() -> None:
    found = texture(np.full((8, 8), 100.0), np.ones((8, 8), bool), 1)
    assert dict(zip(TEXTURE, found, strict=True)) == {
        "contrast": 0,
        "homogeneity": 1,
        "energy": 1,
        "entropy": 0,
        "correlation": 1,
    }


def test_the_texture_of_stripes_by_hand() -> None:
    """Columns of levels 0 and 1 by turns: across every pair differs by 1, down every pair is alike."""
    levels = np.indices((8, 8))[1] % 2
    everywhere = np.ones((8, 8), bool)
    across = co_occurrence(levels, everywhere, 0, 1)
    assert across[0, 1] == across[1, 0] == 0.5
    assert haralick(across).tolist() == [1, 0.5, 0.5, 1, -1]
    down = co_occurrence(levels, everywhere, 1, 0)
    assert down[0, 0] == down[1, 1] == 0.5
    assert haralick(down).tolist() == [0, 1, 0.5, 1, 1]
    # At three columns' distance pairs differ again; both diagonals go three columns on.
    grey = levels * 256 / LEVELS
    assert texture(grey, everywhere, 3)[0] == pytest.approx(3 / 4)


def test_pairs_that_leave_the_lesion_are_not_counted() -> None:
    """Of a row of four levels, of which the lesion has the middle two, one pair is left."""
    levels = np.array([[0, 3, 5, 7]])
    found = co_occurrence(levels, np.array([[False, True, True, False]]), 0, 1)
    assert found[3, 5] == found[5, 3] == 0.5
    assert found.sum() == 1


def test_both_diagonals_are_pairs_of_their_own() -> None:
    levels = np.array([[1, 2], [3, 4]])
    everywhere = np.ones((2, 2), bool)
    assert co_occurrence(levels, everywhere, 1, 1)[1, 4] == 0.5
    assert co_occurrence(levels, everywhere, 1, -1)[2, 3] == 0.5


def test_where_there_is_no_lesion_the_middle_is_measured() -> None:
    found = named(np.full((64, 64, 3), SKIN, np.uint8))
    assert found["found"] == 0
    assert found["area"] == pytest.approx(np.pi / 16, abs=0.01)  # a disc of half the edge
    assert np.isfinite(list(found.values())).all()
