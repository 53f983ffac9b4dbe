"""Make or refresh a virtual environment: `python3 tools/environment.py app` (or `all`, `tools`, `fuzz`).

Runs under the bare python3 of the machine, before anything is installed. It is written so that a Python
too old for the project still parses it and can say so. A stamp inside the environment holds what it was
made from; while that is current, nothing is done and no network is needed.
"""

import argparse
import hashlib
import importlib.util
import platform
import subprocess  # nosec B404  # to call venv and pip
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
LOCKS = {
    "app": ROOT / "app" / "requirements.lock",
    "all": ROOT / "requirements.lock",
    "tools": ROOT / "tools" / "requirements.lock",
    "fuzz": ROOT / "tests" / "fuzz" / "requirements.lock",
}
PYTHONS = ((3, 11), (3, 13))  # oldest and newest supported
PLATFORMS = (("Linux", "x86_64"), ("Darwin", "arm64"))
OLDEST_MACOS = 14  # for which onnxruntime is built
STAMP = "made-from.txt"


class NotPossible(Exception):
    """The environment cannot be made; the text is one sentence that says why and what to do."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(LOCKS))
    name = parser.parse_args().name
    try:
        check_machine()
        refresh(ROOT / ".venv" / name, LOCKS[name])
    except NotPossible as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def check_machine():
    """Raise NotPossible on a Python or a platform that the project does not support."""
    version = tuple(sys.version_info[:2])
    if not PYTHONS[0] <= version <= PYTHONS[1]:
        raise NotPossible(
            "Python {}.{} is not supported: install Python 3.11, 3.12 or 3.13 and name it, "
            "for example `make app PYTHON=python3.12`.".format(*version)
        )
    machine = (platform.system(), platform.machine())
    if machine not in PLATFORMS:
        raise NotPossible("{} on {} is not supported: use Linux x86-64 or macOS arm64.".format(*machine))
    macos = platform.mac_ver()[0]
    if macos and int(macos.split(".")[0]) < OLDEST_MACOS:
        raise NotPossible("macOS {} is not supported: use {} or newer.".format(macos, OLDEST_MACOS))
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise NotPossible("This Python has no venv: install it, on Debian with `apt install python3-venv`.")


def refresh(folder, lock):
    """Make `folder` an environment with the packages of `lock`, unless it is that already.

    The stamp is taken away before anything is changed and written last, so that an environment
    whose making was broken off never counts as whole.
    """
    wanted = fingerprint(lock)
    stamp = folder / STAMP
    made_from = stamp.read_text() if stamp.exists() else ""
    if made_from == wanted and (folder / "bin" / "python").exists():
        return
    print("Making {} (needs the network, the first time for some minutes)".format(folder), flush=True)
    if stamp.exists():
        stamp.unlink()
    same_python = made_from.startswith(python_line())
    create(folder, clear=not same_python)
    install(folder, lock)
    stamp.write_text(wanted)


def python_line():
    return "python {}.{}\n".format(*sys.version_info[:2])


def fingerprint(lock):
    """The Python version, and the name and hash of `lock`."""
    name = lock.relative_to(ROOT).as_posix()
    return python_line() + "{} {}\n".format(name, hashlib.sha256(lock.read_bytes()).hexdigest())


def create(folder, clear):
    """An empty environment with pip in it; without `clear`, what is installed stays."""
    options = ["--clear"] if clear else []
    run(
        [sys.executable, "-m", "venv", *options, str(folder)],
        "The environment {} cannot be made".format(folder),
    )


def install(folder, lock):
    """Only files whose hashes the lock has, and none that would run its author's code to be built.

    pip's progress goes through to standard output; what goes wrong is told in one sentence.
    """
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
        "--require-hashes",
        "--only-binary=:all:",
    ]
    run(
        [*pip, "-r", str(lock)],
        "The packages of {} cannot be installed (is there a network?)".format(lock.relative_to(ROOT)),
    )


def run(command, failure):
    """Run a command; raise NotPossible with `failure` and the last line it complained with."""
    done = subprocess.run(  # nosec B603  # a list of arguments, no shell
        command, check=False, stderr=subprocess.PIPE, universal_newlines=True
    )
    if done.returncode:
        complaints = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise NotPossible("{}: {}".format(failure, complaints[-1] if complaints else "no reason was given"))


if __name__ == "__main__":
    sys.exit(main())
