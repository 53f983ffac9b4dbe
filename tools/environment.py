"""Make or refresh a virtual environment: `python3 tools/environment.py app` (or `all`, `tools`, `fuzz`).

This file runs with the machine's own python3, before anything is installed. A Python that is too old for the project
can run the file as far as `check_machine`, which then refuses this Python. A lock is a file with the version and hashes
of every package. If an environment was made from the current locks, nothing is done and no network is needed.
"""

import argparse
import hashlib
import importlib.util
import platform
import subprocess  # nosec B404  # to call venv and pip
import sys
import sysconfig
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# A machine is the pair of platform.system() and platform.machine().
LINUX, LINUX_ARM = ("Linux", "x86_64"), ("Linux", "aarch64")
MACOS, WINDOWS = ("Darwin", "arm64"), ("Windows", "AMD64")
MACHINES = {
    LINUX: "Linux x86-64",
    LINUX_ARM: "Linux aarch64",
    MACOS: "macOS 14 arm64",
    WINDOWS: "Windows x86-64",
}
OLDEST_PYTHON = (3, 11)
OLDEST_MACOS, OLDEST_GLIBC = 14, (2, 28)  # onnxruntime has no wheels for older systems


class Environment(typing.NamedTuple):
    """Describe an environment; all its packages have wheels for `machines` and for Python up to `newest`."""

    purpose: str
    lock: Path
    machines: tuple
    newest: tuple


LOCK = "requirements.lock"
ENVIRONMENTS = {
    "app": Environment("the app", ROOT / "app" / LOCK, tuple(MACHINES), (3, 14)),
    "all": Environment("training and the tests", ROOT / LOCK, (LINUX, LINUX_ARM, MACOS), (3, 13)),
    "tools": Environment("updating the locks", ROOT / "tools" / LOCK, tuple(MACHINES), (3, 14)),
    "fuzz": Environment("fuzzing", ROOT / "tests" / "fuzz" / LOCK, (LINUX,), (3, 13)),
}
SLOW_LOCK = ROOT / "tests" / "requirements-slow.lock"  # added to `all` by --slow
STAMP = "made-from.txt"

# A lock lists all dependencies, so pip need not look for them (--no-deps). If an old pip looked for `name[extra]`, it
# would choose the newest release. Then it would refuse this release, because the lock lacks the release's hash.
INSTALL = ["install", "--disable-pip-version-check", "--no-input", "--no-deps", "--require-hashes"]
INSTALL += ["--only-binary=:all:"]


class NotPossible(Exception):
    """Report why an environment cannot be made; for an unsupported machine or Python, also say what to use instead."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(ENVIRONMENTS))
    parser.add_argument("--slow", action="store_true", help="with `all`: also install what slow tests need")
    options = parser.parse_args()
    if options.slow and options.name != "all":
        parser.error("--slow can only be used with `all`")
    try:
        check_machine(options.name)
        locks = [ENVIRONMENTS[options.name].lock] + ([SLOW_LOCK] if options.slow else [])
        refresh(ROOT / ".venv" / options.name, locks)
    except NotPossible as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def check_machine(name):
    """Raise NotPossible if the environment of this name does not support this Python or this platform."""
    environment = ENVIRONMENTS[name]
    version, machine = tuple(sys.version_info[:2]), (platform.system(), platform.machine())
    if not OLDEST_PYTHON <= version <= environment.newest:
        raise NotPossible(
            f"Python {version[0]}.{version[1]} is not supported for {environment.purpose}: install Python "
            f"{' or '.join(f'3.{minor}' for minor in minors(environment))} and start this file with it, for example "
            f"`python3.12 tools/environment.py {name}` (or run make with PYTHON=python3.12)."
        )
    is_cpython = platform.python_implementation() == "CPython"
    if not is_cpython or sysconfig.get_config_var("Py_GIL_DISABLED") or sys.maxsize < 2**32:
        raise NotPossible("This build of Python is not supported: use the usual 64-bit build of CPython.")
    if machine not in environment.machines:
        raise NotPossible(
            f"{MACHINES.get(machine, '{} on {}'.format(*machine))} is not supported for {environment.purpose}: "
            f"use {', '.join(MACHINES[supported] for supported in environment.machines)}."
        )
    macos, (library, glibc) = platform.mac_ver()[0], platform.libc_ver()
    if macos and int(macos.split(".")[0]) < OLDEST_MACOS:
        raise NotPossible(f"macOS {macos} is not supported: use {OLDEST_MACOS} or newer.")
    if machine[0] == "Linux" and (library != "glibc" or tuple(map(int, glibc.split("."))) < OLDEST_GLIBC):
        raise NotPossible("This Linux is not supported: use one with glibc 2.28 or newer.")
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise NotPossible("This Python has no venv: install it, on Debian with `apt install python3-venv`.")


def minors(environment):
    """Return the second numbers of the Python versions that the environment supports, such as 11 for 3.11."""
    return range(OLDEST_PYTHON[1], environment.newest[1] + 1)


def refresh(folder, locks):
    """Make an environment with the packages of `locks` in `folder`, unless it has them already.

    If Python or the first lock has changed, the environment is made anew, so that no package of the old lock is left.
    Otherwise only the other locks are installed. The file STAMP names Python's version and the installed locks. It is
    removed first and written last, so that an interrupted environment never counts as complete.
    """
    wanted = [python_line()]
    wanted += [f"{name_of(lock)} {hashlib.sha256(lock.read_bytes()).hexdigest()}" for lock in locks]
    stamp = folder / STAMP
    made_from = stamp.read_text().splitlines() if stamp.exists() and python_in(folder).exists() else []
    if set(wanted) <= set(made_from):
        return
    print(f"Making {folder} (needs the network; takes some minutes the first time)", flush=True)
    if stamp.exists():
        stamp.unlink()
    has_first = made_from[:2] == wanted[:2]
    if not has_first:
        run(
            [sys.executable, "-m", "venv", "--clear", str(folder)], f"The environment {folder} cannot be made"
        )
    install(folder, locks[1:] if has_first else locks)
    stamp.write_text("".join(line + "\n" for line in wanted))


def python_line():
    return "python {}.{}".format(*sys.version_info[:2])


def name_of(path):
    """Return the path relative to the project, with `/` on every system."""
    return path.relative_to(ROOT).as_posix()


def python_in(folder):
    """Return the path of an environment's Python."""
    return folder / ("Scripts/python.exe" if platform.system() == "Windows" else "bin/python")


def install(folder, locks):
    """Install the packages of the locks from wheels with known hashes, so that the installation runs no package's code.

    Only the app's packages are compiled to bytecode now, so that the app starts fast the first time. For all others,
    this would take a minute and a half, so Python compiles them when they are first imported. pip prints its progress.
    """
    pip = [str(python_in(folder)), "-m", "pip"]
    for lock in locks:
        options = INSTALL if lock == ENVIRONMENTS["app"].lock else [*INSTALL, "--no-compile"]
        run([*pip, *options, "-r", str(lock)], f"The packages of {name_of(lock)} cannot be installed")
    check = [*pip, "check", "--disable-pip-version-check"]
    run(check, f"{name_of(locks[0])} is not complete", stdout=subprocess.PIPE)


def run(command, failure, stdout=None):
    """Run a command; if it fails, raise NotPossible with the sentence `failure` and the command's last error."""
    done = subprocess.run(  # nosec B603  # a list of arguments, no shell
        command, check=False, stdout=stdout, stderr=subprocess.PIPE, universal_newlines=True, errors="replace"
    )
    if done.returncode:
        raise NotPossible(f"{failure}: {last_words(done.stderr + (done.stdout or ''))}")


def last_words(text):
    """Return a command's output from its last "ERROR" on, in one line; without this word, return the whole output."""
    return " ".join(text[max(text.rfind("ERROR"), 0) :].split()) or "no reason was given"


if __name__ == "__main__":
    sys.exit(main())
