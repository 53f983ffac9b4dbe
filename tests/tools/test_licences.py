import re

import pytest

from tools import licences
from tools.licences import NotListed, licence, locked, system_of, table
from tools.locks import REQUIREMENTS, ROOT, Pin

ROW = re.compile(r"^\| `([^`]+)` \| (\S+) \| (\S+) \| (.+) \|$", re.MULTILINE)


def listed():
    return ROW.findall(licences.TABLE.read_text())


def test_every_locked_package_is_listed_under_the_requirements_that_lead_to_it():
    expected = {(path.relative_to(ROOT).as_posix(), pin.name, pin.version) for pin, path in locked().items()}
    assert {row[:3] for row in listed()} == expected
    assert len(listed()) == len(expected) > 100


def test_no_locked_package_is_under_a_licence_that_would_bind_the_project():
    """GPL and AGPL would; MPL binds changes of its own files alone."""
    assert [row for row in listed() if "GPL" in row[3] or "General Public" in row[3]] == []


@pytest.mark.parametrize(
    ("metadata", "words"),
    [
        ({"license_expression": "MIT OR Apache-2.0", "license": "other"}, "MIT OR Apache-2.0"),
        ({"license": "BSD"}, "BSD"),
        (
            {"license": "UNKNOWN", "classifier": ["License :: OSI Approved :: ISC License (ISCL)"]},
            "ISC License (ISCL)",
        ),
        ({"license": "A" * 200, "classifier": ["License :: OSI Approved :: MIT License"]}, "MIT License"),
        ({"license": "MIT License\n\n" + "Permission " * 99}, "MIT License"),
        ({"license_expression": " AND ".join(["MIT"] * 30)}, " AND ".join(["MIT"] * 30)),
        ({"classifier": ["Topic :: Software Development"]}, ""),
        ({}, ""),
    ],
)
def test_a_packages_own_words(metadata, words):
    assert licence(metadata) == words


@pytest.mark.parametrize(
    ("marker", "system"),
    [
        ("", "linux"),
        ("sys_platform == 'darwin'", "darwin"),
        ("sys_platform == 'linux'", "linux"),
        ("sys_platform == 'linux' or sys_platform == 'darwin'", "linux"),
    ],
)
def test_a_package_of_one_system_is_looked_up_for_that(marker, system):
    assert system_of(Pin("x", "1", marker)) == system


def test_rows_in_the_order_of_the_requirements():
    packages = {
        Pin("b", "1"): REQUIREMENTS[2],
        Pin("z", "2"): REQUIREMENTS[1],
        Pin("a", "3"): REQUIREMENTS[2],
    }
    rows = ROW.findall(table(packages, {"a": "MIT", "b": "BSD", "z": "ISC"}))
    assert [row[1:] for row in rows] == [("z", "2", "ISC"), ("a", "3", "MIT"), ("b", "1", "BSD")]


def test_a_package_without_a_licence_is_an_error():
    with pytest.raises(NotListed, match="nolicence 1 tells no licence"):
        table({Pin("nolicence", "1"): REQUIREMENTS[1]}, {"nolicence": ""})
