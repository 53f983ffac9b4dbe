import json
import re

from packaging.markers import Marker
from packaging.utils import canonicalize_name

from tools.serving import ROOT

# A line of a lock: name, version, and where it is needed.
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)(?: ; ([^\\\n]*\S))? \\$", re.MULTILINE)
LINUX = {"sys_platform": "linux", "platform_system": "Linux", "os_name": "posix"}


def components() -> dict[str, dict]:
    bill = json.loads((ROOT / "docs" / "bill-of-materials.cdx.json").read_text())
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
