"""Test the list of licences that pip-licenses wrote."""

import re

from tests.conftest import PROJECT
from tests.tools.test_locks import LINUX, is_needed, marker_values, pins

ROW = re.compile(r"^\| (\S+) +\| (\S+) +\| (\S.*?) +\|$", re.MULTILINE)
LISTED = {
    re.sub(r"[-_.]+", "-", name).lower(): (version, licence)
    for name, version, licence in ROW.findall((PROJECT / "docs" / "licences.md").read_text())
}
BY_ITS_FILE = {"namex"}  # see docs/supply.md


def test_every_package_of_the_environment_is_listed():
    locked = pins(PROJECT / "requirements.lock")
    needed = {pin.name: pin.version for pin in locked if is_needed(pin, marker_values(LINUX, 11))}
    assert len(needed) > 100
    assert {name: LISTED.get(name, [""])[0] for name in needed.keys() - BY_ITS_FILE} == {
        name: version for name, version in needed.items() if name not in BY_ITS_FILE
    }


def test_no_package_is_under_a_licence_that_would_bind_the_project():
    """GPL and AGPL would; MPL binds changes of its own files alone."""
    assert [row for row in LISTED.values() if "GPL" in row[1] or "General Public" in row[1]] == []
    assert [name for name, (_, licence) in LISTED.items() if licence == "UNKNOWN"] == []
