"""Test that README, CONTRIBUTING and docs name only links, targets, modules, options and files that exist."""

import contextlib
import functools
import importlib.util
import io
import re
import runpy
import shlex
import sys
import warnings
from pathlib import Path
from unittest import mock

import pytest

from tests.conftest import PROJECT

DOCUMENTS = [PROJECT / "README.md", PROJECT / "CONTRIBUTING.md", *sorted(PROJECT.glob("docs/**/*.md"))]
CODE = re.compile(r"^( *)```\w*\n(.*?)^ *```|`([^`]+)`", re.MULTILINE | re.DOTALL)
MODULE = re.compile(r"\bpython(?:3(?:\.\d+)?)? -m (\w[\w.]*)(.*)")
SCRIPT = re.compile(r"\bpython(?:3(?:\.\d+)?)? (\w+(?:/\w+)+)\.py")
MAKE = re.compile(r"(?:^|[\s;&|])make((?: [A-Z_]+=(?:\"[^\"]*\"|\S+)| [a-z-]+)+)")
PATH = re.compile(r"(?<![\w./<:-])(?:\w[\w.-]*/)+[\w.*-]*")
FOLDERS = ("app", "benchmarks", "data_analysis", "data_modelling", "deploy", "docs", "tests", "tools")
# Made by the reader of the page, or by a command on it.
MADE = re.compile(r".*\b(moles|own|both|NAME)\b|tests/x\.py|DATA/(?!models/|plots/|splits/)")


def code_of(text: str) -> list[str]:
    """The commands and names that a page shows as code, each on one line."""
    parts = []
    for _, block, span in CODE.findall(text):
        parts += (
            block.replace("\\\n", " ").replace("\\", "/").splitlines() if block else [" ".join(span.split())]
        )
    return [part.split("  #")[0].strip() for part in parts]


def commands_of(text: str) -> list[tuple[str, list[str]]]:
    """The modules that a page runs with `python -m` or as a file, with their options."""
    codes = [
        SCRIPT.sub(lambda match: "python -m " + match[1].replace("/", "."), code) for code in code_of(text)
    ]
    found = [match.groups() for code in codes for match in MODULE.finditer(code)]
    return [
        (module, re.findall(r"(?<![\w-])--[\w-]+", re.split(r"[;&|]", rest)[0])) for module, rest in found
    ]


@functools.cache
def help_of(module: str) -> str:
    """What the module's `--help` prints."""
    output = io.StringIO()
    with (
        mock.patch.object(sys, "argv", [module, "--help"]),
        contextlib.redirect_stdout(output),
        contextlib.suppress(SystemExit),
        warnings.catch_warnings(action="ignore", category=RuntimeWarning),  # it may have been imported before
    ):
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    return output.getvalue()


def headings(text: str) -> set[str]:
    """The anchors that GitHub makes of a page's headings."""
    prose = re.sub(r"^ *```.*?^ *```", "", text, flags=re.MULTILINE | re.DOTALL)
    titles = re.findall(r"^#+ (.+)$", prose, re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def links_of(path: Path) -> list[tuple[Path, str]]:
    """The files and sections of the project that a page links to."""
    prose = re.sub(r"^ *```.*?^ *```", "", path.read_text(), flags=re.MULTILINE | re.DOTALL)
    targets = re.findall(r"\]\(((?:[^()\s]|\([^()]*\))+)\)", prose)
    relative = [target for target in targets if not re.match(r"[a-z]+:", target)]
    return [
        (
            (path.parent / target.partition("#")[0]).resolve() if target[0] != "#" else path,
            target.partition("#")[2],
        )
        for target in relative
    ]


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_link_leads_somewhere(path: Path) -> None:
    links = links_of(path)
    assert [str(target) for target, _ in links if not target.exists()] == []
    sections = [(target, section) for target, section in links if section]
    assert [link for link in sections if link[1] not in headings(link[0].read_text())] == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_module_that_a_page_runs_has_the_options(path: Path) -> None:
    commands = commands_of(path.read_text())
    modules = {module for module, _ in commands}
    assert {module for module in modules if importlib.util.find_spec(module) is None} == set()
    unknown = [
        (module, option)
        for module, options in commands
        if module.partition(".")[0] in FOLDERS
        for option in options
        if not re.search(rf"{re.escape(option)}\b", help_of(module))
    ]
    assert unknown == []


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_make_target_and_variable_exists(path: Path) -> None:
    makefile = (PROJECT / "Makefile").read_text()
    targets = set(re.findall(r"^([a-z-]+):", makefile, re.MULTILINE))
    words = [
        word
        for code in code_of(path.read_text())
        for match in MAKE.findall(code)
        for word in shlex.split(match)
    ]
    variables = {word.partition("=")[0] for word in words if "=" in word}
    assert {word for word in words if "=" not in word} - targets == set()
    assert {name for name in variables if f"$({name}" not in makefile} == set()


@pytest.mark.parametrize("path", DOCUMENTS, ids=lambda path: path.relative_to(PROJECT).as_posix())
def test_every_file_of_the_project_that_a_page_names_exists(path: Path) -> None:
    names = {name.rstrip(".") for code in code_of(path.read_text()) for name in PATH.findall(code)}
    ours = {name for name in names if name.partition("/")[0] in (*FOLDERS, "DATA") and not MADE.match(name)}
    assert {name for name in ours if not any(PROJECT.glob(name.rstrip("/")))} == set()


def test_every_page_can_be_reached_from_the_readme() -> None:
    reached, new = set(), {PROJECT / "README.md"}
    while new:
        reached |= new
        new = {target for path in new for target, _ in links_of(path) if target.suffix == ".md"} - reached
    assert {path.relative_to(PROJECT).as_posix() for path in DOCUMENTS if path not in reached} == set()


def test_the_readme_has_at_most_120_lines() -> None:
    assert len((PROJECT / "README.md").read_text().splitlines()) <= 120


def test_commands_and_links_are_found_in_a_page(tmp_path: Path) -> None:
    """The other tests would pass if nothing were found."""
    page = tmp_path / "page.md"
    page.write_text(
        "Run `python -m\n data_modelling.train --out X`, `make train NAME=a`. [a](b.md#c), [d](#e)\n\n# E\n"
        "```sh\n.venv/app/bin/python -m app.x --y \\\n  --z   # --not\n[no](link.md)\n```\n"
    )
    text = page.read_text()
    assert commands_of(text) == [("data_modelling.train", ["--out"]), ("app.x", ["--y", "--z"])]
    assert commands_of("`python3 tools/x.py all --slow`") == [("tools.x", ["--slow"])]
    assert [MAKE.findall(code) for code in code_of(text)][1] == [" train NAME=a"]
    assert links_of(page) == [(tmp_path / "b.md", "c"), (page, "e")]
    assert headings(text) == {"e"}
    assert "--resume" in help_of("data_modelling.train")
    assert "--nothing" not in help_of("data_modelling.train")
