import re

import pytest
from packaging.requirements import Requirement

from tools import environment, locks
from tools.locks import EVERYWHERE, REQUIREMENTS, ROOT, NotLocked, Pin, lock_of, pins, without_environments

LOCKS = [lock_of(path) for path in REQUIREMENTS]
HASH = re.compile(r"    --hash=sha256:[0-9a-f]{64}( \\)?")
PLATFORMS = (
    {"sys_platform": "linux", "platform_machine": "x86_64"},
    {"sys_platform": "darwin", "platform_machine": "arm64"},
)


def name_of(path):
    return path.relative_to(ROOT).as_posix()


def own_lines(requirements):
    """What a file of requirements asks for itself."""
    lines = [line.strip() for line in requirements.read_text().splitlines()]
    return [line for line in lines if line and not line.startswith(("#", "-r"))]


def asked_for(requirements):
    """What a file of requirements asks for, with the files that it names with -r."""
    named = [line[2:].strip() for line in requirements.read_text().splitlines() if line.startswith("-r")]
    further = [line for name in named for line in asked_for((requirements.parent / name).resolve())]
    return own_lines(requirements) + further


def versions(lock):
    return {pin.name: pin.version for pin in pins(lock.read_text())}


def test_every_file_of_requirements_is_known():
    folders = ("app", "data_analysis", "data_modelling", "tests", "tools")
    there = {
        *ROOT.glob("requirements*.txt"),
        *(path for one in folders for path in (ROOT / one).rglob("requirements*.txt")),
    }
    assert there == set(REQUIREMENTS)


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=name_of)
def test_requirements_have_lower_and_upper_bounds(requirements):
    packages = [line.split(";")[0] for line in own_lines(requirements)]
    assert [line for line in packages if ">=" not in line or ",<" not in line] == []


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=name_of)
def test_a_lock_meets_its_requirements(requirements):
    wanted = [Requirement(line) for line in asked_for(requirements)]
    locked = versions(lock_of(requirements))
    assert wanted
    assert [str(one) for one in wanted if not one.specifier.contains(locked.get(one.name, "0"))] == []


@pytest.mark.parametrize("requirements", REQUIREMENTS, ids=name_of)
def test_a_lock_installs_what_each_supported_platform_needs(requirements):
    by_name = {pin.name: pin for pin in pins(lock_of(requirements).read_text())}
    for platform in PLATFORMS:
        python = {"python_version": "3.11", "python_full_version": "3.11.7", "implementation_name": "cpython"}
        here = {**platform, **python, "platform_python_implementation": "CPython"}
        for one in map(Requirement, asked_for(requirements)):
            if one.marker is None or one.marker.evaluate(here):
                marker = (
                    Requirement(f"x; {by_name[one.name].marker}").marker if by_name[one.name].marker else None
                )
                assert marker is None or marker.evaluate(here), (one.name, platform)


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_a_lock_holds_pins_with_hashes_and_names_no_place_to_get_them(lock):
    lines = lock.read_text().splitlines()
    others = [line for line in lines if not HASH.fullmatch(line)]
    assert [line for line in others if not pins(line + "\n")] == []
    assert len(others) == len(pins(lock.read_text())) > 0
    following = {line: lines[number + 1] for number, line in enumerate(lines[:-1])}
    assert [line for line in others if not HASH.fullmatch(following[line])] == []


def test_the_locks_agree():
    decided = versions(LOCKS[0])
    rest = [item for lock in LOCKS[1:] for item in versions(lock).items()]
    assert len(rest) > len(decided)
    assert [(name, version) for name, version in rest if decided.get(name, version) != version] == []


def test_pins_are_read():
    text = (
        "flask==3.1.3 \\\n    --hash=sha256:00 \\\n    --hash=sha256:01\n"
        "tensorflow==2.21.0 ; sys_platform == 'darwin' \\\n    --hash=sha256:02\n"
    )
    assert pins(text) == [Pin("flask", "3.1.3"), Pin("tensorflow", "2.21.0", "sys_platform == 'darwin'")]


def test_markers_of_supported_machines_are_left_out():
    some = " ; sys_platform == 'darwin'"
    assert without_environments(f"a==1{EVERYWHERE} \\\nb==1{some} \\\n") == f"a==1 \\\nb==1{some} \\\n"
    assert [pin.marker for pin in pins(LOCKS[1].read_text()) if pin.marker] == []  # the app's: any container


def test_a_failure_is_one_sentence_and_leaves_the_lock(monkeypatch, tmp_path, capsys):
    monkeypatch.setattr(locks, "_command", lambda *_, **__: ["sh", "-c", "echo no network >&2; exit 1"])
    before = [lock.read_bytes() for lock in LOCKS]
    with pytest.raises(NotLocked, match=r"^app/requirements\.lock cannot be made: no network$"):
        locks.write_lock(ROOT / "app" / "requirements.txt", keep=True)
    assert locks.main(["--keep"]) == 2
    assert capsys.readouterr().err == "requirements.lock cannot be made: no network\n"
    assert [lock.read_bytes() for lock in LOCKS] == before


def test_locks_are_checked_for_the_machines_that_environment_accepts():
    oldest, newest = environment.PYTHONS
    assert tuple(f"3.{minor}" for minor in range(oldest[1], newest[1] + 1)) == locks.PYTHONS
    assert float(locks.OLDEST_MACOS) == environment.OLDEST_MACOS
    assert len(locks.SYSTEMS) == len(environment.PLATFORMS)


def test_a_lock_that_a_machine_cannot_install_is_one_sentence(monkeypatch):
    """Only with the last of them it fails, so that each was tried before."""
    script = '[ "$1 $2" != "aarch64-apple-darwin 3.13" ] || { echo no wheel >&2; exit 1; }'
    monkeypatch.setattr(locks, "_dry_run", lambda _, *machine: ["sh", "-c", script, "uv", *machine])
    with pytest.raises(
        NotLocked,
        match=r"^app/requirements\.lock does not serve macOS 14 arm64 with Python 3\.13, .*: no wheel$",
    ):
        locks.check_lock(ROOT / "app" / "requirements.txt")


def test_what_is_checked_needs_hashes_and_builds_nothing():
    command = locks._dry_run(REQUIREMENTS[1], "some-platform", "3.12")
    assert {"--dry-run", "--require-hashes", "--only-binary", "some-platform", "3.12"} < set(command)
    assert command[-1] == "app/requirements.lock"


def test_only_without_keep_is_anything_newer_taken():
    update, keep = (locks._command(REQUIREMENTS[1], keep=keep) for keep in (False, True))
    assert set(update) - set(keep) == {"--upgrade"}
    assert keep[-2:] == ["app/requirements.lock", "app/requirements.txt"]
