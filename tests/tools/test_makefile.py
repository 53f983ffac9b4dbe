import re
import subprocess
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text()


def targets() -> dict[str, list[str]]:
    """The recipe lines of each documented target."""
    found = re.findall(r"^([a-z-]+):[^\n]*## [^\n]*\n((?:\t[^\n]*\n)*)", MAKEFILE, re.MULTILINE)
    return {name: recipe.splitlines() for name, recipe in found}


def test_help_lists_every_target():
    command = ["make", "--no-print-directory", "help"]  # the test itself may run under make, which prints then
    listed = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(targets())


def test_a_target_has_at_most_three_lines():
    assert targets()
    assert [name for name, recipe in targets().items() if len(recipe) > 2] == []
