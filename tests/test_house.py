"""The rules of the house: small folders, one direction of imports, names from the glossary (docs/architecture.md)."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.conftest import PROJECT

MOST_MODULES = 15
FOLDERS = ("app", "benchmarks", "data_analysis", "data_modelling", "tests", "tools")
# At the top of data_modelling each module is a command, which is named by what it does.
COMMANDS = {path.stem for path in (PROJECT / "data_modelling").glob("*.py")} - {"settings"}


def modules(folder: str) -> list[Path]:
    """All modules below a folder, without the `__init__` of packages."""
    return [path for path in (PROJECT / folder).rglob("*.py") if not path.stem.startswith("__")]


def terms() -> set[str]:
    """The words of the glossary's terms, in lower case, without a plural s."""
    lines = (PROJECT / "docs" / "glossary.md").read_text().splitlines()
    names = " ".join(re.findall(r"^- \*\*(.+?)\*\*", "\n".join(lines), re.MULTILINE))
    return {singular(word) for word in re.findall(r"[a-z0-9]+", names.lower().replace("_", " "))}


def singular(word: str) -> str:
    """`metrics` to `metric`, `diagnoses` to `diagnosis`, `histories` to `history`; good enough to compare names."""
    for plural, ending in (("ies", "y"), ("noses", "nosis"), ("batches", "batch"), ("s", "")):
        if word.endswith(plural) and not word.endswith(("ss", "is")):
            return word.removesuffix(plural) + ending
    return word


@pytest.mark.parametrize("folder", FOLDERS)
def test_no_folder_has_more_modules_than_a_reader_can_hold(folder: str) -> None:
    counts: dict[Path, int] = {}
    for path in modules(folder):
        counts[path.parent] = counts.get(path.parent, 0) + 1
    assert {str(place): count for place, count in counts.items() if count > MOST_MODULES} == {}


def test_every_module_is_named_by_terms_of_the_glossary() -> None:
    known = terms()
    paths = [path for folder in ("app", "data_modelling") for path in modules(folder)]
    names = {path.stem for path in paths} - COMMANDS
    unknown = {name for name in names if not {singular(word) for word in name.split("_")} <= known}
    assert unknown == set()


def test_a_plural_and_its_singular_are_one_word() -> None:
    assert [singular(word) for word in ("metrics", "diagnoses", "histories", "loss", "photo")] == [
        "metric",
        "diagnosis",
        "history",
        "loss",
        "photo",
    ]


# A short docstring that begins with one of these words, a digit or code is a fragment: "The answer.", "Whether all are."
FRAGMENT = re.compile(
    r"(?:A|All|An|As|Case|Cases|Each|Every|For|From|How|In|Its|No|Of|One|Same|So|That|The|Those|What|Where|Whether|Which|Who|With)\b|[^A-Z]",
)


def is_fragment(docstring: str) -> bool:
    """Tell whether a docstring is short and clearly no whole sentence."""
    return len(docstring) < 32 and (FRAGMENT.match(docstring) is not None or not docstring.endswith("."))


@pytest.mark.parametrize("folder", FOLDERS)
def test_a_short_docstring_is_a_whole_sentence(folder: str) -> None:
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)
    fragments = {
        f"{path.relative_to(PROJECT)}:{node.body[0].lineno}: {text}"
        for path in (PROJECT / folder).rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, documented) and (text := ast.get_docstring(node)) and is_fragment(text)
    }
    assert fragments == set()


def test_fragments_are_told_from_sentences() -> None:
    fragments = ("Whether all are.", "That it was asked.", "The answer.", "`a, b or c`.", "Return rows")
    assert [is_fragment(text) for text in fragments] == [True] * 5
    assert not is_fragment("Return the answer.")
    assert not is_fragment("The answer for one photo, with the model's name.")


def test_imports_have_one_direction() -> None:
    program = Path(sys.executable).with_name("lint-imports")
    done = subprocess.run(
        [program, "--no-cache", "--no-logo"], cwd=PROJECT, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout[-2000:]
