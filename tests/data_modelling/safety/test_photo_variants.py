import numpy as np

from data_modelling.safety import photo_variants
from data_modelling.safety.photo_variants import render_variants

EDGE = 64
PHOTOS = np.full((200, EDGE, EDGE, 3), (200, 150, 130), np.uint8)


def only(monkeypatch, name):
    for other in ("ZOOM", "SHARPENING", "SHADE", "COLOUR", "STICKER", "INK", "BORDER", "REDUCTION"):
        monkeypatch.setattr(photo_variants, other, float(other == name))


def test_variants_are_the_same_for_a_seed_and_differ_from_photo_to_photo():
    first = render_variants(PHOTOS[:20], 1)
    np.testing.assert_array_equal(first, render_variants(PHOTOS[:20], 1))
    assert (first != render_variants(PHOTOS[:20], 2)).any()
    assert len({variant.tobytes() for variant in first}) > 10
    assert first.shape == (20, EDGE, EDGE, 3)


def test_a_border_is_round_and_dark_and_leaves_the_middle(monkeypatch):
    only(monkeypatch, "BORDER")
    variants = render_variants(PHOTOS, 1)
    assert (variants[:, EDGE // 2, EDGE // 2] == PHOTOS[0, 0, 0]).all()
    dark_corners = (variants[:, 0, 0].max(axis=-1) < 40).mean()
    assert dark_corners > 0.95  # the largest radius leaves a corner that is just dark
    dark_sides = (variants[:, EDGE // 2, 0].max(axis=-1) < 40).mean()
    assert (
        0.4 < dark_sides < 0.8
    )  # where the radius is below half of the edge: (.5 - .26) / (.65 - .26) = .62


def test_a_sticker_is_at_the_border_alone(monkeypatch):
    only(monkeypatch, "STICKER")
    changed = (render_variants(PHOTOS, 1) != PHOTOS).any(axis=-1)
    assert changed.any(axis=(1, 2)).mean() > 0.9
    assert not changed[:, EDGE // 2, EDGE // 2].any()


def test_light_falls_off_towards_one_side(monkeypatch):
    only(monkeypatch, "SHADE")
    variants = render_variants(PHOTOS, 1).astype(float).mean(axis=-1)
    assert (variants[:, EDGE // 2, EDGE // 2] <= PHOTOS[0, 0, 0].mean()).all()
    corners = variants[:, [0, 0, -1, -1], [0, -1, 0, -1]]
    assert (corners.max(axis=1) - corners.min(axis=1) > 5).mean() > 0.8


def test_a_reduced_photo_keeps_its_colour(monkeypatch):
    only(monkeypatch, "REDUCTION")
    assert np.abs(render_variants(PHOTOS[:20], 1).astype(int) - PHOTOS[:20]).max() <= 4
