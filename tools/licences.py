"""List the licences of all locked packages in docs/licences.md; `make update` runs this.

pip is asked for each package's metadata, without installing it; a package's own words are listed, not judged.
"""

import json
import subprocess  # nosec B404  # to call pip
import sys
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tools.locks import EVERYTHING, REQUIREMENTS, ROOT, Pin, lock_of, pins

TABLE = ROOT / "docs" / "licences.md"
# What pip calls the supported platforms; a package without a marker is looked up for the first.
PLATFORMS = {
    "linux": (*(f"manylinux_2_{minor}_x86_64" for minor in range(28, 16, -1)), "manylinux2014_x86_64"),
    "darwin": ("macosx_14_0_arm64",),
}
PYTHON = "3.12"
LONGEST = 60  # characters; some packages put the whole text where the licence's name belongs
CLASSIFIER = "License :: "
# Packages that tell nothing but in a file LICENSE, where this was read.
READ_IN_FILE = {"atheris": "Apache-2.0", "namex": "Apache-2.0"}
HEADER = """# Licences of the packages that are installed

Written by `make update` from the packages' own metadata; none of their code is in this repository. The first column
says which file of requirements leads to the package, the uppermost one if several do: who serves the app needs those
of `app/requirements.txt` alone.

| for | package | version | licence |
|---|---|---|---|
"""


class NotListed(Exception):
    """The licences cannot be listed; the text is one sentence that says why."""


def locked() -> dict[Pin, Path]:
    """Every locked package, with the first of the requirements that lead to it; those of the app come first."""
    order = [path for path in REQUIREMENTS if path != EVERYTHING]
    return {pin: path for path in reversed(order) for pin in pins(lock_of(path).read_text())}


def licence(metadata: Mapping[str, Any]) -> str:
    """A package's own words: its SPDX expression, else its short text, else its classifiers; empty without any."""
    text = (metadata.get("license_expression") or metadata.get("license") or "").strip()
    if text == "UNKNOWN":  # what an old setuptools wrote for nothing
        text = ""
    if 0 < len(text) <= LONGEST or (text and "license_expression" in metadata):
        return " ".join(text.split())
    named = [entry for entry in metadata.get("classifier", []) if entry.startswith(CLASSIFIER)]
    if named:
        return ", ".join(entry.rsplit(" :: ", 1)[1] for entry in named)
    return text.split("\n", 1)[0]


def metadata_of(wanted: Iterable[Pin], system: str) -> Iterator[dict[str, Any]]:
    """The metadata of packages as pip finds them for a system, a key of PLATFORMS. Raises NotListed."""
    with TemporaryDirectory() as folder:
        names, report = Path(folder, "names.txt"), Path(folder, "report.json")
        names.write_text("".join(f"{pin.name}=={pin.version}\n" for pin in wanted))
        options = [f"--platform={platform}" for platform in PLATFORMS[system]]
        options += ["--no-deps", "--ignore-installed", "--only-binary=:all:", f"--python-version={PYTHON}"]
        options += [
            "--dry-run",
            "--quiet",
            f"--target={folder}",
            f"--report={report}",
            f"--requirement={names}",
        ]
        done = subprocess.run(  # nosec B603  # a list of arguments, none from outside
            [sys.executable, "-m", "pip", "install", *options], capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise NotListed((done.stderr.strip().splitlines() or ["pip said nothing"])[-1])
        yield from (entry["metadata"] for entry in json.loads(report.read_text())["install"])


def system_of(pin: Pin) -> str:
    """The system to look a package up for: that of its marker, where it names one alone."""
    named = [system for system in PLATFORMS if f"'{system}'" in pin.marker]
    return named[0] if len(named) == 1 else "linux"


def table(packages: Mapping[Pin, Path], licences: Mapping[str, str]) -> str:
    """docs/licences.md. licences: by the package's name. Raises NotListed for a package that tells none."""
    rows = []
    for pin, requirements in packages.items():
        words = licences.get(pin.name) or READ_IN_FILE.get(pin.name)
        if not words:
            raise NotListed(
                f"{pin.name} {pin.version} tells no licence: read its file and add it to READ_IN_FILE, or do without the package."
            )
        where = requirements.relative_to(ROOT).as_posix()
        rows.append((REQUIREMENTS.index(requirements), pin, where, words))
    return HEADER + "".join(
        f"| `{where}` | {pin.name} | {pin.version} | {words} |\n" for _, pin, where, words in sorted(rows)
    )


def normal(name: str) -> str:
    """A package's name as the locks have it: `Flask_Babel` to `flask-babel`."""
    return name.lower().replace("_", "-").replace(".", "-")


def main() -> int:
    """Write the table; the exit status."""
    packages = locked()
    try:
        licences = {
            normal(metadata["name"]): licence(metadata)
            for system in PLATFORMS
            for metadata in metadata_of([pin for pin in packages if system_of(pin) == system], system)
        }
        TABLE.write_text(table(packages, licences))
    except NotListed as error:
        print(error, file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
