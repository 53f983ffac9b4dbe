import json
import re
from pathlib import Path

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tools.bill_of_materials import BILL, write_bill
from tools.serving import ROOT

# A line of a lock: name, version, and where it is needed.
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)(?: ; ([^\\\n]*\S))? \\$", re.MULTILINE)
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


def components() -> dict[str, dict]:
    bill = json.loads(BILL.read_text())
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")
    return {canonicalize_name(component["name"]): component for component in bill["components"]}


def test_the_bill_has_every_package_of_the_app_with_its_version_and_licence():
    lock = (ROOT / "app" / "requirements.lock").read_text()
    locked = {
        name: version
        for name, version, marker in PIN.findall(lock)
        if not marker or Marker(marker).evaluate({**LINUX})
    }
    assert len(locked) > 10
    listed = components()
    assert {name: listed[name]["version"] for name in locked} == locked
    # cyclonedx-py does not know protobuf's words for its licence; docs/licences.md has them.
    assert {name for name in locked if not listed[name].get("licenses")} <= {"protobuf"}


def test_addresses_and_folders_are_left_out(tmp_path, monkeypatch):
    program = tmp_path / "cyclonedx-py"
    bill = '{"components": [{"name": "a", "externalReferences": [{"url": "b"}]}], "metadata": {"tools": 1}}'
    program.write_text(f"#!/bin/sh\necho '{bill}'\n")
    program.chmod(0o755)
    monkeypatch.setattr("sys.executable", str(tmp_path / "python"))
    write_bill(Path("/nowhere"), tmp_path / "bill.json")
    assert json.loads((tmp_path / "bill.json").read_text()) == {"components": [{"name": "a"}], "metadata": {}}
