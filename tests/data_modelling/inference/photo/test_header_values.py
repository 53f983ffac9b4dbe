import pytest

from data_modelling.inference.details import SITE_NAMES
from data_modelling.inference.photo.header_values import read_age, read_sex, read_site


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("045Y", 45),
        ("45y", 45),
        ("42", 42),
        ("042", 42),
        ("42.5", 42.5),
        ("42,5", 42.5),
        ("42 years", 42),
        ("42 Y", 42),
        ("018M", 1.5),
        ("6 months", 0.5),
        ("026W", 0.5),
        ("001D", 0.01),
        ("000Y", None),
        ("000D", None),
        ("0", None),
        ("", None),
        ("UNK", None),
        ("120Y", 120),
    ],
)
def test_ages(text, age):
    assert read_age(text) == age


@pytest.mark.parametrize(
    "text", ["121Y", "old", "4 5", "045X", "-5", "1e1", "45-50", "\u0660\u0664\u0665Y", "9999D9", "0450Y"]
)
def test_ages_that_are_not_read(text):
    with pytest.raises(ValueError, match="no age"):
        read_age(text)


@pytest.mark.parametrize(
    ("text", "sex"), [("F", "female"), ("m", "male"), ("Female", "female"), ("U", None), ("", None)]
)
def test_sexes(text, sex):
    assert read_sex(text) == sex


@pytest.mark.parametrize("text", ["O", "other", "X"])
def test_sexes_that_are_not_read(text):
    with pytest.raises(ValueError, match="no sex"):
        read_sex(text)


@pytest.mark.parametrize(
    ("text", "site"),
    [
        ("HEAD", "head/neck"),
        ("HEADNECK", "head/neck"),
        ("Head and Neck", "head/neck"),
        ("HEAD_AND_NECK", "head/neck"),
        ("head & neck", "head/neck"),
        ("Face, Neck", "head/neck"),
        ("UPPER LIP", "head/neck"),
        ("LEFT FOREARM", "upper extremity"),
        ("Forearm, left", "upper extremity"),
        ("FOREARM_LT", "upper extremity"),
        ("LEFTFOREARM", "upper extremity"),
        ("Right Upper Arm", "upper extremity"),
        ("UPPER_EXTREMITY", "upper extremity"),
        ("left lower extremity", "lower extremity"),
        ("both legs", "lower extremity"),
        ("Skin of left thigh", "lower extremity"),
        ("Upper limb structure", "upper extremity"),
        ("lower extremities", "lower extremity"),
        ("UPPER_EXTREMITIES", "upper extremity"),
        ("dorsum of left hand", "upper extremity"),
        ("right ear lobe", "head/neck"),
        ("PLANTAR", "palms/soles"),
        ("N/A", None),
        ("Skin of region of back", "posterior torso"),
        ("UPPER BACK", "posterior torso"),
        ("lower back", "posterior torso"),
        ("anterior trunk", "anterior torso"),
        ("Lower abdomen", "anterior torso"),
        ("lateral torso", "torso"),
        ("TRUNK", "torso"),
        ("PALMS", "palms/soles"),
        ("Sole of left foot", "palms/soles"),
        ("palms/soles", "palms/soles"),
        ("posterior chest", "posterior torso"),
        ("Chest, posterior", "posterior torso"),
        ("ventral left hand", "palms/soles"),
        ("inner lower lip", "oral/genital"),
        ("Inner cheek", "oral/genital"),
        ("oral/genital", "oral/genital"),
        ("", None),
        ("UNKNOWN", None),
        ("SKIN", None),
    ],
)
def test_body_parts(text, site):
    assert read_site(text) == site


@pytest.mark.parametrize(
    "text",
    [
        "HEART",
        "back of hand",
        "arm and leg",
        "head, back",
        "EXTREMITY",
        "left",
        "UPPER",
        "hip",
        "Ohr links",
        "頭",
        "arm 2",
    ],
)
def test_body_parts_whose_region_is_not_clear(text):
    with pytest.raises(ValueError, match="no clear region"):
        read_site(text)


@pytest.mark.parametrize("name", SITE_NAMES)
def test_every_name_of_the_data_sets_is_read(name):
    assert read_site(name.upper().replace(" ", "_")) == SITE_NAMES[name]
