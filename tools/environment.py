"""Make or refresh a virtual environment: `python3 tools/environment.py app` (or `all`, `tools`, `fuzz`).

It runs with the machine's own python3, before anything is installed. A Python that is too old for the project can
also parse it, and so report this. A stamp inside the environment lists its locks. While they are current,
nothing is done and no network is needed.
"""

import argparse
import hashlib
import importlib.util
import platform
import re
import subprocess  # nosec B404  # to call venv and pip
import sys
import sysconfig
import tempfile
import typing
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent

# As platform.system() and platform.machine() name them.
LINUX, LINUX_ARM, MACOS, WINDOWS = (
    ("Linux", "x86_64"),
    ("Linux", "aarch64"),
    ("Darwin", "arm64"),
    ("Windows", "AMD64"),
)
MACHINES = {
    LINUX: "Linux x86-64",
    LINUX_ARM: "Linux aarch64",
    MACOS: "macOS 14 arm64",
    WINDOWS: "Windows x86-64",
}
OLDEST_PYTHON = (3, 11)
OLDEST_MACOS = 14  # for which onnxruntime is built
OLDEST_GLIBC = (2, 28)  # for which onnxruntime is built


class Environment(typing.NamedTuple):
    """Hold an environment's use, its lock, and the machines and newest Python with wheels (`make update`).

    no_newer, no_other: the package without wheels for a newer Python, and for other machines.
    """

    purpose: str
    lock: Path
    machines: tuple
    newest: tuple
    no_newer: str
    no_other: str


ENVIRONMENTS = {
    "app": Environment("the app", ROOT / "app" / "requirements.lock", tuple(MACHINES), (3, 14), "", ""),
    "all": Environment(
        "training and the tests",
        ROOT / "requirements.lock",
        (LINUX, LINUX_ARM, MACOS),
        (3, 13),
        "tensorflow",
        "",
    ),
    "tools": Environment(
        "updating the locks", ROOT / "tools" / "requirements.lock", tuple(MACHINES), (3, 14), "", ""
    ),
    "fuzz": Environment(
        "fuzzing", ROOT / "tests" / "fuzz" / "requirements.lock", (LINUX,), (3, 13), "atheris", "atheris"
    ),
}
NEWEST_PYTHON = max(environment.newest for environment in ENVIRONMENTS.values())
SLOW_LOCK = ROOT / "tests" / "requirements-slow.lock"  # added to `all` by --slow
STAMP = "made-from.txt"

# pip's own choice of versions is switched off: a lock is complete. Old versions of pip take a newer release than the
# lock's of a package that another one asks for with an extra, and then refuse its hash.
INSTALL = [
    "install",
    "--disable-pip-version-check",
    "--no-input",
    "--no-deps",
    "--require-hashes",
    "--only-binary=:all:",
]
REACHED = re.compile(r"Fetched page https?:")
NOT_FETCHED = re.compile(r"Could not fetch URL \S+ (connection error|timed out)?")


class NotPossible(Exception):
    """The environment cannot be made; the text is one sentence that says why and what to do."""


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("name", choices=sorted(ENVIRONMENTS))
    parser.add_argument("--slow", action="store_true", help="add what the slow tests need to `all`")
    options = parser.parse_args()
    if options.slow and options.name != "all":
        parser.error("--slow belongs to `all`")
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
    """Raise NotPossible on a Python or a platform that does not support the environment of this name."""
    check_python(name)
    check_system(name)
    if importlib.util.find_spec("venv") is None or importlib.util.find_spec("ensurepip") is None:
        raise NotPossible("This Python has no venv: install it, on Debian with `apt install python3-venv`.")


def check_python(name):
    """Raise NotPossible unless the environment supports the Python that runs this."""
    environment = ENVIRONMENTS[name]
    version = tuple(sys.version_info[:2])
    if not OLDEST_PYTHON <= version <= environment.newest:
        raise NotPossible(
            "Python {}.{} is not supported for {}{}: install Python {} and start this file with it, "
            "for example `python3.12 tools/environment.py {}` (or give make PYTHON=python3.12).".format(
                version[0],
                version[1],
                environment.purpose,
                because(environment.no_newer if environment.newest < version <= NEWEST_PYTHON else ""),
                alternatives("3.{}".format(minor) for minor in minors(environment)),
                name,
            )
        )
    if platform.python_implementation() != "CPython":
        build = platform.python_implementation()
    elif sysconfig.get_config_var("Py_GIL_DISABLED"):
        build = "The free-threaded build of Python"
    elif sys.maxsize < 2**32:
        build = "A 32-bit Python"
    else:
        return
    raise NotPossible("{} is not supported: use the usual 64-bit build of CPython.".format(build))


def check_system(name):
    """Raise NotPossible unless the environment supports the machine that runs this."""
    environment = ENVIRONMENTS[name]
    machine = (platform.system(), platform.machine())
    if machine not in environment.machines:
        raise NotPossible(
            "{} is not supported for {}{}: use {}.".format(
                MACHINES.get(machine, "{} on {}".format(*machine)),
                environment.purpose,
                because(environment.no_other if machine in MACHINES else ""),
                alternatives(MACHINES[supported] for supported in environment.machines),
            )
        )
    macos = platform.mac_ver()[0]
    if macos and int(macos.split(".")[0]) < OLDEST_MACOS:
        raise NotPossible("macOS {} is not supported: use {} or newer.".format(macos, OLDEST_MACOS))
    if machine[0] == "Linux" and not has_glibc():
        raise NotPossible(
            "This Linux is not supported: use one with glibc {}.{} or newer, "
            "for which the packages are built.".format(*OLDEST_GLIBC)
        )


def has_glibc():
    """Return whether this Linux has a C library for which the packages are built."""
    library, version = platform.libc_ver()
    return library == "glibc" and tuple(map(int, version.split(".")[:2])) >= OLDEST_GLIBC


def minors(environment):
    """Return the second numbers of the Pythons that the environment supports: 11 of 3.11."""
    return range(OLDEST_PYTHON[1], environment.newest[1] + 1)


def because(package):
    """Return the reason why a package limits an environment, for the middle of a sentence."""
    return ", because {} has no wheel for it".format(package) if package else ""


def alternatives(names):
    """Return the names as `a, b or c`."""
    names = list(names)
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def refresh(folder, locks):
    """Make `folder` an environment with the packages of `locks`, unless it has them already.

    Another lock is added to the packages of the first. Any other change starts from an empty environment, so
    that nothing of an older lock is left. The stamp is removed before anything is changed and written last. So
    an interrupted environment never counts as complete.
    """
    wanted = fingerprint(locks)
    stamp = folder / STAMP
    made_from = stamp.read_text().splitlines() if stamp.exists() and python_in(folder).exists() else []
    if set(wanted) <= set(made_from):
        return
    print("Making {} (needs the network, the first time for some minutes)".format(folder), flush=True)
    if stamp.exists():
        stamp.unlink()
    has_first = made_from[:2] == wanted[:2]
    if not has_first:
        create(folder)
    install(folder, locks[1:] if has_first else locks)
    stamp.write_text("".join(line + "\n" for line in wanted))


def python_line():
    return "python {}.{}".format(*sys.version_info[:2])


def fingerprint(locks):
    """Return lines with the Python version and the name and hash of each lock."""
    return [python_line()] + [
        "{} {}".format(name_of(lock), hashlib.sha256(lock.read_bytes()).hexdigest()) for lock in locks
    ]


def name_of(path):
    """Return the path below the project, with `/` on every system."""
    return path.relative_to(ROOT).as_posix()


def python_in(folder):
    """Return the Python of an environment."""
    if platform.system() == "Windows":
        return folder / "Scripts" / "python.exe"
    return folder / "bin" / "python"


def create(folder):
    """Make an environment with nothing but pip in it."""
    done = run([sys.executable, "-m", "venv", "--clear", str(folder)])
    if done.returncode:
        raise NotPossible("The environment {} cannot be made: {}".format(folder, last_words(done.stderr)))


def install(folder, locks):
    """Install only the locks: files with their hashes, as wheels, so that no author's code runs to build them.

    Only the app is compiled at once, for a fast first start. Elsewhere Python compiles modules when it imports them,
    because compiling all takes a minute and a half. pip's progress goes to standard output. A failure is told in one
    sentence, with pip's last words.
    """
    pip = [str(python_in(folder)), "-m", "pip"]
    options = INSTALL if ENVIRONMENTS["app"].lock in locks else [*INSTALL, "--no-compile"]
    for lock in locks:
        with tempfile.TemporaryDirectory() as logs:
            log = Path(logs) / "pip.log"
            done = run([*pip, *options, "--log", str(log), "-r", str(lock)])
            if done.returncode:
                raise NotPossible(
                    "The packages of {} cannot be installed{}: {}".format(
                        name_of(lock),
                        " (is there a network?)" if reached_nothing(log) else "",
                        last_words(done.stderr),
                    )
                )
    done = run([*pip, "check", "--disable-pip-version-check"], stdout=subprocess.PIPE)
    if done.returncode:
        raise NotPossible(
            "{} is not complete: {}".format(name_of(locks[0]), last_words(done.stderr + done.stdout))
        )


def run(command, stdout=None):
    """Run a command; return the completed process with its standard error."""
    return subprocess.run(  # nosec B603  # a list of arguments, no shell
        command, check=False, stdout=stdout, stderr=subprocess.PIPE, universal_newlines=True, errors="replace"
    )


def last_words(text):
    """Return the last line of a command's error; for pip, its last error if details follow it."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    errors = [number for number, line in enumerate(lines) if line.startswith("ERROR")]
    words = lines[errors[-1] :] if errors else lines[-1:]
    if len(words) > 3:
        words = words[:2] + ["..."] + words[-1:]
    return " ".join(words) or "no reason was given"


def reached_nothing(log):
    """Return whether pip's log says that it requested pages and no server answered."""
    text = log.read_text(encoding="utf-8", errors="replace") if log.exists() else ""
    failures = NOT_FETCHED.findall(text)
    return bool(failures) and all(failures) and not REACHED.search(text)


if __name__ == "__main__":
    sys.exit(main())
