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
    # The tests may run under make themselves, and the inner make would tell of it.
    command = ["make", "--no-print-directory", "help"]
    listed = subprocess.run(command, check=True, cwd=ROOT, capture_output=True, text=True).stdout
    assert [line.split()[0] for line in listed.splitlines()] == list(targets())


def test_a_target_has_at_most_three_lines():
    assert targets()
    assert [name for name, recipe in targets().items() if len(recipe) > 2] == []
