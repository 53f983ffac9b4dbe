"""Make or refresh a virtual environment: `python3 tools/environment.py app` (or `all`).

Runs under the bare python3 of the machine, before anything is installed. It is written so that a Python
too old for the project still parses it and can say so. A stamp inside the environment holds what it was
made from; while that is current, nothing is done and no network is needed.
"""

import argparse
import hashlib
import importlib.util
import platform
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
REQUIREMENTS = {"app": ROOT / "app" / "requirements.txt", "all": ROOT / "requirements.txt"}
PYTHONS = ((3, 11), (3, 13))  # oldest and newest supported
PLATFORMS = (("Linux", "x86_64"), ("Darwin", "arm64"))
STAMP = "made-from.txt"


class NotPossible(Exception):
    """The environment cannot be made; the text is one sentence that says why and what to do."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(REQUIREMENTS))
    name = parser.parse_args().name
    try:
        check_machine()
        refresh(ROOT / ".venv" / name, REQUIREMENTS[name])
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
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise NotPossible("This Python has no venv: install it, on Debian with `apt install python3-venv`.")


def refresh(folder, requirements):
    """Make `folder` an environment with the packages of `requirements`, unless it is that already.

    The stamp is taken away before anything is changed and written last, so that an environment
    whose making was broken off never counts as whole.
    """
    wanted = fingerprint(requirements)
    stamp = folder / STAMP
    made_from = stamp.read_text() if stamp.exists() else ""
    if made_from == wanted and (folder / "bin" / "python").exists():
        return
    print("Making {} (needs the network, the first time for some minutes)".format(folder), flush=True)
    if stamp.exists():
        stamp.unlink()
    same_python = made_from.startswith(python_line())
    create(folder, clear=not same_python)
    install(folder, requirements)
    stamp.write_text(wanted)


def python_line():
    return "python {}.{}\n".format(*sys.version_info[:2])


def fingerprint(requirements):
    """The Python version, and the name and hash of `requirements` and of every file it names with -r."""
    lines = [
        "{} {}\n".format(path.relative_to(ROOT).as_posix(), hashlib.sha256(path.read_bytes()).hexdigest())
        for path in with_named_files(requirements)
    ]
    return python_line() + "".join(lines)


def with_named_files(requirements):
    """`requirements` and the files that it names with -r, and they in turn, each once."""
    found = []
    waiting = [requirements.resolve()]
    while waiting:
        path = waiting.pop(0)
        if path not in found:
            found.append(path)
            lines = [line.strip() for line in path.read_text().splitlines()]
            waiting += [(path.parent / line[2:].strip()).resolve() for line in lines if line.startswith("-r")]
    return found


def create(folder, clear):
    """An empty environment with pip in it; without `clear`, what is installed stays."""
    options = ["--clear"] if clear else []
    run(
        [sys.executable, "-m", "venv", *options, str(folder)],
        "The environment {} cannot be made".format(folder),
    )


def install(folder, requirements):
    """Let pip's progress through to standard output; tell what goes wrong in one sentence."""
    pip = [
        str(folder / "bin" / "python"),
        "-m",
        "pip",
        "install",
        "--disable-pip-version-check",
        "--no-input",
    ]
    run(
        [*pip, "-r", str(requirements)],
        "The packages of {} cannot be installed (is there a network?)".format(requirements.relative_to(ROOT)),
    )


def run(command, failure):
    """Run a command; raise NotPossible with `failure` and the last line it complained with."""
    done = subprocess.run(command, check=False, stderr=subprocess.PIPE, universal_newlines=True)
    if done.returncode:
        complaints = [line.strip() for line in done.stderr.splitlines() if line.strip()]
        raise NotPossible("{}: {}".format(failure, complaints[-1] if complaints else "no reason was given"))


if __name__ == "__main__":
    sys.exit(main())
