"""What the README lists is held against the code. The lists stand between two comments of their name."""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from app.problems import CODES
from app.settings import Settings
from data_modelling.inference.checks import PHOTO_FOREIGN
from data_modelling.inference.quality import HINTS
from data_modelling.inference.reasons import MEANINGS
from data_modelling.inference.source_facts import facts
from tests.conftest import skip_unless_ci
from tools.serving import served

ROOT = Path(__file__).parents[2]


def listed(name: str) -> list[list[str]]:
    """The cells of the table between `<!-- name -->` and `<!-- /name -->`, without its two header lines."""
    text = (ROOT / "README.md").read_text()
    found = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert found is not None, f"README.md has no table {name}"
    lines = [line for line in found[1].splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_readme_lists_every_setting_with_its_default():
    defaults = {field.name.upper(): shown(field.default) for field in fields(Settings)}
    assert {row[0]: row[1] for row in listed("settings")} == defaults


def shown(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return "" if default == () else str(default)


def test_readme_lists_every_code_with_its_status_and_meaning():
    expected = [[code, str(entry.status), entry.meaning] for code, entry in CODES.items()]
    assert listed("codes") == expected


RAISES = re.compile(
    r'(?:PhotoError|problem|Fault)\(\s*"(\w+)"|FieldError\(\s*[\w"]+,\s*"(\w+)"|^    \d+: \("(\w+)"',
    re.MULTILINE,
)
READERS = ("photos.py", "details.py")  # of data_modelling/inference: what the app has read


def raised_codes() -> set[str]:
    inference = ROOT / "data_modelling" / "inference"
    files = [*ROOT.glob("app/*.py"), *(inference / name for name in READERS)]
    return {code for file in files for match in RAISES.findall(file.read_text()) for code in match if code}


def test_every_code_in_the_source_is_in_the_table_and_every_one_of_the_table_occurs():
    refused = {code for code in HINTS if code.startswith("photo_")} | {PHOTO_FOREIGN}
    assert raised_codes() | refused == set(CODES)


def test_readme_lists_every_reason_with_its_meaning():
    assert listed("reasons") == [[code, meaning] for code, meaning in MEANINGS.items()]


@pytest.mark.parametrize("code", CODES)
def test_meanings_are_short_and_fit_a_table(code):
    assert CODES[code].meaning.isprintable()
    assert "|" not in CODES[code].meaning
    assert len(CODES[code].meaning) < 100


def test_the_curl_line_gives_seven_probabilities_that_sum_to_one(tmp_path):
    if shutil.which("curl") is None:
        skip_unless_ci("curl is not installed")
    line = re.search(r"^curl .*$", (ROOT / "README.md").read_text(), re.MULTILINE)
    assert line is not None
    with served(tmp_path / "log", {"BUNDLES": str(ROOT / "DATA" / "models")}) as running:
        command = shlex.split(line[0].replace("http://127.0.0.1:8000", running.url))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert len(answer["probabilities"]) == 7
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("file", ["README.md", "CITATION.cff"])
def test_the_data_that_the_committed_models_learned_from_is_cited(file):
    text = (ROOT / file).read_text()
    for path in sorted(ROOT.glob("DATA/models/*/metadata.json")):
        for name, found in facts(json.loads(path.read_text())).items():
            assert found.published is not None, name
            assert found.published[1].partition(":")[2] in text, name


def test_every_file_that_the_readme_links_to_is_there():
    links = re.findall(r"\]\(([^)#:]+)\)", (ROOT / "README.md").read_text())
    assert links
    assert [link for link in links if not (ROOT / link).exists()] == []
