import pytest

from data_modelling.inference.details import (
    DETAILS_WIDTH,
    SITE_NAMES,
    SITES,
    Details,
    encode_details,
    fill_in_details,
    parse_details,
)

HAM10000 = "abdomen acral back chest ear face foot genital hand lower_extremity neck scalp trunk unknown upper_extremity"
ISIC_2019 = "anterior_torso head/neck lateral_torso lower_extremity oral/genital palms/soles posterior_torso upper_extremity"
ISIC_2020 = "head/neck lower_extremity oral/genital palms/soles torso upper_extremity"


def parsed(**fields):
    details, errors = parse_details(fields)
    return details, [(error.field, error.code) for error in errors]


@pytest.mark.parametrize("name", sorted({*HAM10000.split(), *ISIC_2019.split(), *ISIC_2020.split()}))
def test_every_site_of_the_data_sets_is_accepted(name):
    details, errors = parsed(site=name.replace("_", " "))
    assert errors == []
    assert details.site in ((None,) if name == "unknown" else SITES)


def test_names_of_one_region_are_one_site():
    read = {
        name: parsed(site=name)[0].site
        for name in ("back", "posterior torso", " Back ", "trunk", "torso", "EAR")
    }
    assert read == {
        "back": "posterior torso",
        "posterior torso": "posterior torso",
        " Back ": "posterior torso",
        "trunk": "torso",
        "torso": "torso",
        "EAR": "head/neck",
    }


@pytest.mark.parametrize(
    ("text", "age"),
    [
        ("0", None),
        ("0.0", None),
        ("00", None),
        ("0.01", 0.01),
        ("120", 120),
        ("45.0", 45),
        (" 45 ", 45),
        ("0.5", 0.5),
        (".5", 0.5),
        ("45,5", 45.5),
        (" 0,25 ", 0.25),
        (",5", 0.5),
        ("007", 7),
        ("", None),
        ("  ", None),
    ]
    + [("unknown", None), ("Unknown", None)]
    # As in DICOM's headers: 18 / 12 years, 26 * 7 / 365.25 years, and a day, which is not "age not known".
    + [
        ("045Y", 45),
        (" 045y ", 45),
        ("018M", 1.5),
        ("026W", 0.5),
        ("001D", 0.01),
        ("000Y", None),
        ("000D", None),
    ],
)
def test_age_accepted(text, age):
    assert parsed(age=text) == (Details(age=age), [])


@pytest.mark.parametrize(
    "text",
    [
        "nan",
        "inf",
        "1e1",
        "-1",
        "-0",
        "+5",
        "120.1",
        "121",
        "\u0663\u0664",
        "\uff14\uff15",
        "4 5",
        "1_0",
        ".",
        "1.2.3",
        "45 years",
        "45Y",
        "121Y",
        "0450Y",
        "0x10",
    ]
    + ["9" * 400, "4\x005", "None", "120,1", "1,000", "1,2,3", "1.2,3", "1,2.3", ",", "4, 5"],
)
def test_age_refused(text):
    assert parsed(age=text) == (Details(), [("age", "age_range")])


@pytest.mark.parametrize(
    ("text", "sex"), [("female", "female"), (" MALE ", "male"), ("", None), ("unknown", None)]
)
def test_sex_accepted(text, sex):
    assert parsed(sex=text) == (Details(sex=sex), [])


def test_every_wrong_field_is_reported_and_the_others_are_read():
    assert parsed(age="old", sex="m", site="back") == (
        Details(site="posterior torso"),
        [("age", "age_range"), ("sex", "sex_unknown_value")],
    )
    _, errors = parse_details({"site": "moon"})
    assert [error.code for error in errors] == ["site_unknown_value"]
    assert all(name in str(errors[0]) for name in SITE_NAMES)


def test_absent_fields_are_not_known():
    assert parsed() == (Details(), [])


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, Details(45, "female", "head/neck")),
        ({"age": "30", "sex": "male", "site": "back"}, Details(30, "male", "posterior torso")),
        ({"age": "unknown", "sex": " ", "site": "UNKNOWN"}, Details(None, "female", None)),
        ({"age": "0", "sex": "unknown"}, Details(None, None, "head/neck")),
    ],
)
def test_a_file_fills_in_only_what_was_left_empty(fields, expected):
    details, _ = parse_details(fields)
    assert fill_in_details(details, Details(45, "female", "head/neck")) == expected


def test_words_of_a_header_that_are_not_read_count_where_nothing_else_is_given():
    header = Details(sex="male", unread=("age", "site"))
    assert fill_in_details(Details(), header).unread == ("age", "site")
    assert fill_in_details(Details(age=30), header).unread == ("site",)
    stated, _ = parse_details({"site": "unknown"})
    assert fill_in_details(stated, header).unread == ("age",)


def test_encoding_by_hand():
    # (75 - 50) / 25, age known; female, male, not known; the eight sites in order, not known
    known = [1, 0] + [0, 1, 0] + [0, 0, 1, 0, 0, 0, 0, 0, 0]
    nothing = [0, 1] + [0, 0, 1] + [0, 0, 0, 0, 0, 0, 0, 0, 1]
    assert encode_details(Details(75, "male", "posterior torso")).tolist() == known
    assert encode_details(Details()).tolist() == nothing
    assert encode_details(Details(age=0)).tolist() == [-2, 0] + nothing[2:]
    assert encode_details(Details()).dtype == "float32"
    assert len(known) == DETAILS_WIDTH == 14


def test_the_smallest_age_is_not_the_same_as_no_age():
    assert encode_details(Details(age=50)).tolist() != encode_details(Details()).tolist()
