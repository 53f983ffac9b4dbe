import numpy as np
import pytest

from data_modelling.evaluation.shortcuts import lesion_painting
from data_modelling.evaluation.shortcuts.lesion_painting import (
    cells_area,
    find_areas,
    mean_colour,
    paint_area,
)

# A dark lesion of two by two pixels in a photo of four by four, all else skin.
OUTLINE = np.array([[0, 0, 0, 0], [0, 1, 1, 0], [0, 1, 1, 0], [0, 0, 0, 0]], bool)
PHOTO = np.where(OUTLINE[..., None], 10, 200).astype(np.uint8) * np.ones(3, np.uint8)


def grown(monkeypatch: pytest.MonkeyPatch, by: float, ring: float) -> None:
    """Growth and ring in pixels of a photo of four."""
    monkeypatch.setattr(lesion_painting, "OUTLINE_MARGIN", by / 4)
    monkeypatch.setattr(lesion_painting, "SKIN_RING_WIDTH", ring / 4)


def test_lesion_and_skin_by_hand(monkeypatch: pytest.MonkeyPatch) -> None:
    """The ring of one pixel beside the outline takes its four sides, and not the corners, 1.41 away."""
    grown(monkeypatch, 0, 1)
    areas = find_areas(PHOTO, OUTLINE)
    assert (areas.lesion == OUTLINE).all()
    assert areas.skin.astype(int).tolist() == [[0, 1, 1, 0], [1, 0, 0, 1], [1, 0, 0, 1], [0, 1, 1, 0]]


def test_the_outline_grows_and_the_ring_begins_beyond_it(monkeypatch: pytest.MonkeyPatch) -> None:
    grown(monkeypatch, 1, 1)
    areas = find_areas(PHOTO, OUTLINE)
    corners = np.array([[1, 0, 0, 1], [0, 0, 0, 0], [0, 0, 0, 0], [1, 0, 0, 1]], bool)
    assert (areas.lesion == ~corners).all()
    assert (areas.skin == corners).all()


def test_painted_pixels_are_exact_and_the_rest_is_untouched() -> None:
    photo = PHOTO.copy()
    colour = np.array([200, 150, 100], np.uint8)
    over = paint_area(photo, OUTLINE, colour)
    assert (over[OUTLINE] == [200, 150, 100]).all()
    assert (over[~OUTLINE] == 200).all()
    assert (photo == PHOTO).all()


def test_the_colour_is_the_skins_mean_to_whole_grey_levels() -> None:
    photo = PHOTO.copy()
    photo[0, 1] = (100, 201, 0)
    area = np.zeros((4, 4), bool)
    area[0, :2] = True
    assert mean_colour(photo, area).tolist() == [150, 200, 100]  # 200.5 goes to the even one


def test_the_dermatoscopes_rim_is_no_skin() -> None:
    edge = 100
    offset = np.arange(edge) + 0.5 - edge / 2
    away = offset[:, None] ** 2 + offset[None] ** 2
    photo = np.full((edge, edge, 3), 200, np.uint8)
    photo[away > 50**2] = 5
    areas = find_areas(photo, away < 45**2)
    assert areas.skin.any()
    assert (photo[areas.skin] == 200).all()


@pytest.mark.parametrize("outline", [np.zeros((40, 40), bool), np.ones((40, 40), bool)])
def test_without_lesion_or_without_skin_there_is_nothing_to_paint(outline: np.ndarray) -> None:
    assert find_areas(np.full((40, 40, 3), 200, np.uint8), outline) is None


def test_cells_cover_their_pixels() -> None:
    """Cells 0 and 3 of two by two, on four by four pixels."""
    expected = [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 1, 1], [0, 0, 1, 1]]
    assert cells_area(np.array([0, 3]), (2, 2), 4).astype(int).tolist() == expected
    assert cells_area(np.arange(4), (2, 2), 4).all()
    assert not cells_area(np.array([], np.int64), (2, 2), 4).any()
