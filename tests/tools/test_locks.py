"""Test what uv wrote into the locks, and that it was asked for every machine and Python that is supported."""

import re
import subprocess
import tomllib
from typing import NamedTuple

import pytest
from packaging.markers import Marker
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

from tests.conftest import PROJECT
from tools.environment import ENVIRONMENTS, LINUX, LINUX_ARM, MACOS, WINDOWS, minors

FOLDERS = ("app", "data_analysis", "data_modelling", "tests", "tools")
REQUIREMENTS = sorted(
    {
        *PROJECT.glob("requirements*.txt"),
        *(path for folder in FOLDERS for path in (PROJECT / folder).rglob("requirements*.txt")),
    }
)
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)(?: ; ([^\\\n]*\S))? \\$", re.MULTILINE)
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
SYS_PLATFORMS = {"Linux": "linux", "Darwin": "darwin", "Windows": "win32"}


class Pin(NamedTuple):
    """A locked package. marker: where it is needed; empty is everywhere."""

    name: str
    version: str
    marker: str = ""


def lock_of(requirements):
    return requirements.with_suffix(".lock")


def pins(lock):
    """The packages of a lock, in its order."""
    return [Pin(*groups) for groups in PIN.findall(lock.read_text())]


def marker_values(machine, minor):
    """What markers are compared with on one machine with Python 3.minor."""
    system, processor = machine
    return {
        "implementation_name": "cpython",
        "os_name": "nt" if system == "Windows" else "posix",
        "platform_machine": processor,
        "platform_python_implementation": "CPython",
        "platform_system": system,
        "python_full_version": f"3.{minor}.9",
        "python_version": f"3.{minor}",
        "sys_platform": SYS_PLATFORMS[system],
    }


def supported(requirements):
    """The values of markers on each machine and Python that a lock has to serve: those of everything if no environment is of it alone."""
    kinds = {kind.lock: kind for kind in ENVIRONMENTS.values()}
    kind = kinds.get(lock_of(requirements), ENVIRONMENTS["all"])
    return [marker_values(machine, minor) for machine in kind.machines for minor in minors(kind)]


def is_needed(pin, values):
    return not pin.marker or Marker(pin.marker).evaluate({**values})


def name_of(path):
    return path.relative_to(PROJECT).as_posix()


def own_lines(requirements):
    """What a file of requirements asks for itself."""
    lines = [line.strip() for line in requirements.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-r"))]


def asked_for(requirements):
    """What a file of requirements asks for, with the files that it names with -r."""
    named = [line[2:].strip() for line in requirements.read_text().splitlines() if line.startswith("-r")]
    further = [line for name in named for line in asked_for((requirements.parent / name).resolve())]
    return own_lines(requirements) + further


def versions(requirements):
    return {pin.name: pin.version for pin in pins(lock_of(requirements))}


def test_make_update_writes_every_lock():
    command = ["make", "--no-print-directory", "--dry-run", "update"]
    told = subprocess.run(command, check=True, cwd=PROJECT, capture_output=True, text=True).stdout
    written = re.findall(r"pip compile .* (\S+\.txt) --output-file (\S+)$", told, re.MULTILINE)
    assert sorted(written) == sorted((name_of(path), name_of(lock_of(path))) for path in REQUIREMENTS)
    assert written[0][0] == "requirements.txt"  # it decides about versions
    assert told.count("--constraints requirements.lock") == len(REQUIREMENTS) - 1
    assert told.count("--upgrade") == len(REQUIREMENTS)
    kept = subprocess.run(
        [*command, "KEEP=1"], check=True, cwd=PROJECT, capture_output=True, text=True
    ).stdout
    assert kept == told.replace("--upgrade", "")


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=name_of)
def test_requirements_have_lower_and_upper_bounds(requirements):
    packages = [line.split(";")[0] for line in own_lines(requirements)]
    assert [line for line in packages if ">=" not in line or ",<" not in line] == []


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=name_of)
def test_a_lock_meets_its_requirements_on_each_supported_machine(requirements):
    by_name = {pin.name: pin for pin in pins(lock_of(requirements))}
    wanted = [Requirement(line) for line in asked_for(requirements)]
    assert wanted
    for asked in wanted:
        pin = by_name[canonicalize_name(asked.name)]
        assert asked.specifier.contains(pin.version), pin
        needed = [one for one in supported(requirements) if not asked.marker or asked.marker.evaluate(one)]
        assert [values for values in needed if not is_needed(pin, values)] == [], pin


def test_one_tensorflow_on_each_machine():
    """tensorflow-cpu has wheels for Linux x86-64 alone, and needs half the disk."""
    for lock in (PROJECT / "requirements.lock", PROJECT / "data_modelling" / "requirements.lock"):
        either = [pin for pin in pins(lock) if pin.name in ("tensorflow", "tensorflow-cpu")]
        for machine, name in ((LINUX, "tensorflow-cpu"), (LINUX_ARM, "tensorflow"), (MACOS, "tensorflow")):
            needed = [pin.name for pin in either if is_needed(pin, marker_values(machine, 12))]
            assert needed == [name], machine


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=name_of)
def test_a_lock_holds_pins_with_hashes_and_names_no_place_to_get_them(requirements):
    lines = lock_of(requirements).read_text().splitlines()
    others = [line for line in lines if not HASH.fullmatch(line)]
    assert [line for line in others if not PIN.fullmatch(line)] == []
    assert others
    following = {line: lines[number + 1] for number, line in enumerate(lines[:-1])}
    assert [line for line in others if not HASH.fullmatch(following[line])] == []


def test_the_locks_agree():
    decided = versions(PROJECT / "requirements.txt")
    rest = [item for path in REQUIREMENTS for item in versions(path).items()]
    assert len(rest) > 2 * len(decided)
    assert [(name, version) for name, version in rest if decided.get(name, version) != version] == []


def test_the_apps_lock_installs_in_a_container_on_any_processor():
    app = pins(PROJECT / "app" / "requirements.lock")
    assert app
    values = [
        [marker_values(machine, minor) for machine in (LINUX, LINUX_ARM)]
        for minor in minors(ENVIRONMENTS["app"])
    ]
    assert [pin for pin in app for one, other in values if is_needed(pin, one) != is_needed(pin, other)] == []


@pytest.mark.parametrize(("folder", "name"), [(".", "all"), ("tools", "app"), ("tools", "tools")])
def test_uv_looks_for_wheels_for_every_machine_and_python_that_is_supported(folder, name):
    """It fails where one is lacking."""
    with (PROJECT / folder / "pyproject.toml").open("rb") as file:
        settings = tomllib.load(file)["tool"]["uv"]
    kind = ENVIRONMENTS[name]
    systems = [marker_values(machine, minor) for machine in kind.machines for minor in minors(kind)]
    markers = [Marker(text) for text in settings["required-environments"]]
    assert len(markers) == len(systems)
    assert [values for values in systems if sum(one.evaluate(values) for one in markers) != 1] == []
    assert settings["pip"]["only-binary"] == [":all:"]
    assert settings["pip"]["universal"]


def test_the_locks_with_windows_are_made_with_the_settings_that_have_it():
    told = subprocess.run(
        ["make", "--dry-run", "update"], check=True, cwd=PROJECT, capture_output=True, text=True
    ).stdout
    made = re.findall(r"--project tools .*--output-file (\S+)$", told, re.MULTILINE)
    with_windows = [kind.lock for kind in ENVIRONMENTS.values() if WINDOWS in kind.machines]
    assert sorted(made) == sorted(map(name_of, with_windows))
