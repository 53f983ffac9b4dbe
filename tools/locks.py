"""Lock the requirements: `make update` takes the newest versions within their bounds.

Beside each file of requirements lies its lock, the exact versions of everything that it leads to with the hashes of
their files; `tools/environment.py` installs from the locks alone. One lock serves every supported machine, which is
then checked. With `--keep` a version stays where it is unless the requirements forbid it: for a requirement that was
added.
"""

import argparse
import os
import re
import subprocess  # nosec B404  # to call uv
import sys
from dataclasses import dataclass
from itertools import product
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
EVERYTHING = ROOT / "requirements.txt"
# The first decides about versions; the others follow it.
REQUIREMENTS = (
    EVERYTHING,
    ROOT / "app" / "requirements.txt",
    ROOT / "data_analysis" / "requirements.txt",
    ROOT / "data_modelling" / "requirements.txt",
    ROOT / "tests" / "requirements.txt",
    ROOT / "tests" / "requirements-slow.txt",
    ROOT / "tests" / "fuzz" / "requirements.txt",
    ROOT / "tools" / "requirements.txt",
)
PYTHONS = ("3.11", "3.12", "3.13")
SYSTEMS = {
    "Linux x86-64": "x86_64-manylinux_2_28",
    "macOS 14 arm64": "aarch64-apple-darwin",
}  # as uv names them
OLDEST_MACOS = "14.0"
# What uv writes after a package that all of the environments in pyproject.toml need. It is left out: it tells
# nothing, and would keep the app from installing in a container on another processor.
EVERYWHERE = (
    " ; python_full_version < '3.14' and implementation_name == 'cpython' and ((platform_machine == 'arm64'"
    " and platform_python_implementation == 'CPython' and sys_platform == 'darwin') or (platform_machine == 'x86_64'"
    " and platform_python_implementation == 'CPython' and sys_platform == 'linux'))"
)
PIN = re.compile(r"^([a-z0-9][a-z0-9._-]*)==([^\s;]+)(?: ; ([^\\\n]*\S))? \\$", re.MULTILINE)


class NotLocked(Exception):
    """A lock cannot be made; the text is one sentence that says why."""


@dataclass(frozen=True, order=True)
class Pin:
    """A locked package. marker: where it is needed; empty is everywhere."""

    name: str
    version: str
    marker: str = ""


def lock_of(requirements: Path) -> Path:
    """`requirements.txt` to `requirements.lock`."""
    return requirements.with_suffix(".lock")


def pins(text: str) -> list[Pin]:
    """The packages of a lock, in its order."""
    return [Pin(name, version, marker) for name, version, marker in PIN.findall(text)]


def write_lock(requirements: Path, *, keep: bool) -> None:
    """Write one lock again. Raises NotLocked with uv's last words, and the lock stays as it was."""
    lock = lock_of(requirements)
    done = subprocess.run(  # nosec B603  # a list of arguments, none from outside
        _command(requirements, keep=keep), cwd=ROOT, capture_output=True, text=True, check=False
    )
    if done.returncode:
        last = " ".join(done.stderr.split()) or "uv said nothing"
        raise NotLocked(f"{lock.relative_to(ROOT)} cannot be made: {last}")
    lock.write_text(without_environments(lock.read_text()))


def without_environments(text: str) -> str:
    """A lock without the markers that say no more than which machines are supported."""
    return text.replace(EVERYWHERE, "")


def check_lock(requirements: Path) -> None:
    """Raise NotLocked unless each supported machine can install from a lock without building anything."""
    for (system, platform), python in product(SYSTEMS.items(), PYTHONS):
        done = subprocess.run(  # nosec B603  # a list of arguments, none from outside
            _dry_run(requirements, platform, python),
            cwd=ROOT,
            env={**os.environ, "MACOSX_DEPLOYMENT_TARGET": OLDEST_MACOS},
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode:
            name, last = lock_of(requirements).relative_to(ROOT), " ".join(done.stderr.split())
            raise NotLocked(f"{name} does not serve {system} with Python {python}, tighten a bound: {last}")


def _dry_run(requirements: Path, platform: str, python: str) -> list[str]:
    """uv's, that looks for the files that would be installed and downloads none of them."""
    options = ["--quiet", "--dry-run", "--no-deps", "--require-hashes", "--only-binary", ":all:"]
    options += ["--python-platform", platform, "--python-version", python, "--target", ".cache"]
    name = lock_of(requirements).relative_to(ROOT).as_posix()
    return [sys.executable, "-m", "uv", "pip", "install", *options, "--requirement", name]


def _command(requirements: Path, *, keep: bool) -> list[str]:
    """uv's; without `--upgrade` it keeps the versions in its output file where it can."""
    name = requirements.relative_to(ROOT).as_posix()
    options = ["--quiet", "--universal", "--python-version", PYTHONS[0], "--generate-hashes"]
    options += ["--no-header", "--no-annotate"]
    if requirements != EVERYTHING:
        options += ["--constraints", lock_of(EVERYTHING).relative_to(ROOT).as_posix()]
    if not keep:
        options += ["--upgrade"]
    output = ["--output-file", lock_of(requirements).relative_to(ROOT).as_posix()]
    return [sys.executable, "-m", "uv", "pip", "compile", *options, *output, name]


def main(arguments: list[str] | None = None) -> int:
    """Write and check all locks; the exit status."""
    parser = argparse.ArgumentParser(prog="python -m tools.locks", description="Lock the requirements.")
    parser.add_argument("--keep", action="store_true", help="leave versions that are still allowed")
    keep = parser.parse_args(arguments).keep
    try:
        for requirements in REQUIREMENTS:
            write_lock(requirements, keep=keep)
        for requirements in REQUIREMENTS:
            check_lock(requirements)
    except NotLocked as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
