import numpy as np
import pytest
from msgspec import structs

from data_modelling.inference.details import Details, encode_details
from data_modelling.settings import AugmentationSettings
from data_modelling.training.augmentation import augment_photos
from data_modelling.training.augmentation_parameters import draw_colours, draw_warps, drop_details

NOTHING = AugmentationSettings(
    flip=False, rotation=0, scale=1, stretch=1, shift=0, brightness=0, contrast=1, saturation=1, colour=1,
    drop_details=0, drop_detail=0,
)  # fmt: skip
KEEP_COLOURS = np.concatenate([np.eye(3), np.zeros((3, 1))], axis=1)[None].astype("float32")
EDGE = 9


def rng(seed: int = 0) -> np.random.Generator:
    return np.random.default_rng(seed)


def photos(count: int) -> np.ndarray:
    return rng().integers(0, 256, (count, EDGE, EDGE, 3), dtype=np.uint8)


def warped(photo: np.ndarray, matrix: list[float]) -> np.ndarray:
    """One photo under an affine map from output to input pixels [a, b, x0, c, d, y0]."""
    warp = np.array([[*matrix, 0, 0]], "float32")
    return np.asarray(augment_photos(photo[None], warp, KEEP_COLOURS))[0]


def test_neutral_settings_leave_photos_as_they_are() -> None:
    given = photos(4)
    found = augment_photos(given, draw_warps(rng(), 4, EDGE, NOTHING), draw_colours(rng(), 4, NOTHING))
    np.testing.assert_allclose(np.asarray(found), given, atol=1e-3)


def test_a_quarter_turn_is_numpys() -> None:
    photo = photos(1)[0]
    turned = warped(photo, [0, 1, 0, -1, 0, EDGE - 1])
    np.testing.assert_allclose(turned, np.rot90(photo, -1), atol=1e-3)


def test_draws_of_flips_alone_give_the_four_mirror_images() -> None:
    photo = photos(1)[0]
    settings = structs.replace(NOTHING, flip=True)
    warps = draw_warps(rng(), 40, EDGE, settings)
    found = np.asarray(augment_photos(np.repeat(photo[None], 40, 0), warps, np.repeat(KEEP_COLOURS, 40, 0)))
    mirrors = [photo, photo[:, ::-1], photo[::-1], photo[::-1, ::-1]]
    which = {
        next(i for i, mirror in enumerate(mirrors) if np.allclose(one, mirror, atol=1e-3)) for one in found
    }
    assert which == {0, 1, 2, 3}


def test_rotation_keeps_the_centre_where_it_is() -> None:
    photo = photos(1)[0]
    warps = draw_warps(rng(), 8, EDGE, structs.replace(NOTHING, rotation=180))
    found = np.asarray(augment_photos(np.repeat(photo[None], 8, 0), warps, np.repeat(KEEP_COLOURS, 8, 0)))
    centre = EDGE // 2
    np.testing.assert_allclose(
        found[:, centre, centre], np.repeat(photo[None, centre, centre], 8, 0), atol=1e-2
    )


def test_scale_and_shift_stay_within_their_ranges() -> None:
    settings = structs.replace(NOTHING, scale=1.25, shift=0.1)
    warps = draw_warps(rng(), 1000, 100, settings)
    zoom = warps[:, 0]
    assert zoom.min() > 1 / 1.2501
    assert zoom.max() < 1.2501
    assert zoom.min() < 0.85  # the range is used
    assert zoom.max() > 1.18
    centre = 49.5
    moved = warps[:, 0] * centre + warps[:, 2] - centre  # where the output's centre looks in the input
    assert np.abs(moved).max() <= 10.001
    assert np.abs(moved).max() > 9


def test_a_stretch_changes_width_and_height_against_each_other() -> None:
    warps = draw_warps(rng(), 500, EDGE, structs.replace(NOTHING, stretch=1.5))
    np.testing.assert_allclose(warps[:, 0] * warps[:, 4], 1, atol=1e-5)
    ratio = warps[:, 0] / warps[:, 4]
    assert 1 / 1.501 < ratio.min() < 0.75
    assert 1.35 < ratio.max() < 1.501


def test_colours_worked_out_by_hand() -> None:
    photo = np.full((1, EDGE, EDGE, 3), (100, 150, 200), np.uint8)
    identity = draw_warps(rng(), 1, EDGE, NOTHING)
    # Contrast 2 about 127.5, then ten brighter: 100 -> 82.5, 150 -> 182.5, 200 -> 282.5, which is cut at 255.
    colour = np.array([[[2, 0, 0, -117.5], [0, 2, 0, -117.5], [0, 0, 2, -117.5]]], "float32")
    found = np.asarray(augment_photos(photo, identity, colour))
    np.testing.assert_allclose(found[0, 4, 4], (82.5, 182.5, 255), atol=1e-3)


@pytest.mark.parametrize(
    ("setting", "value"), [("brightness", 0.2), ("contrast", 1.5), ("saturation", 1.5), ("colour", 1.2)]
)
def test_each_colour_change_does_what_its_name_says(setting: str, value: float) -> None:
    maps = draw_colours(rng(), 200, structs.replace(NOTHING, **{setting: value}))
    given = np.array([90.0, 120.0, 180.0])
    found = maps[:, :, :3] @ given + maps[:, :, 3]
    mean, spread = found.mean(axis=1), found[:, 2] - found[:, 0]
    if setting == "brightness":
        assert np.abs(mean - 130).max() > 40
        np.testing.assert_allclose(spread, 90, atol=1e-3)
    elif setting == "contrast":
        np.testing.assert_allclose((mean - 127.5) / (130 - 127.5), spread / 90, atol=1e-3)
        assert spread.max() > 120
    elif setting == "saturation":
        np.testing.assert_allclose(mean, 130, atol=1e-3)
        assert spread.max() > 120
    else:
        gains = found / given
        assert np.ptp(gains, axis=1).max() > 0.2
        assert gains.max() < 1.2001
        assert gains.min() > 1 / 1.2001


def test_details_are_dropped_whole_or_one_by_one_and_never_half() -> None:
    known = encode_details(Details(age=40, sex="male", site="torso"))
    unknown = encode_details(Details())
    parts = (slice(0, 2), slice(2, 5), slice(5, None))
    settings = structs.replace(NOTHING, drop_details=0.5, drop_detail=0.2)
    found = drop_details(rng(), np.repeat(known[None], 4000, 0), settings)
    hidden = np.stack([(found[:, part] == unknown[part]).all(axis=1) for part in parts], axis=1)
    shown = np.stack([(found[:, part] == known[part]).all(axis=1) for part in parts], axis=1)
    assert (hidden ^ shown).all()
    # By hand: .5 whole, else .2^3 by chance: .504 of the photos show nothing; .5 + .5 x .2 = .6 hide the age.
    assert hidden.all(axis=1).mean() == pytest.approx(0.504, abs=0.03)
    assert hidden[:, 0].mean() == pytest.approx(0.6, abs=0.03)


def test_no_detail_is_dropped_when_nothing_is_to_be() -> None:
    known = encode_details(Details(age=40, sex="male", site="torso"))[None]
    np.testing.assert_array_equal(drop_details(rng(), known, NOTHING), known)
