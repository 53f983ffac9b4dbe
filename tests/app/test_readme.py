"""Compare the tables of README and docs with the code. Each is between two comments with its name."""

import json
import re
import shlex
import shutil
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest

from app.analysis.openapi import describe_range, openapi_document
from app.http.problems import PROBLEM_CODES
from app.model_page.published_results import METRICS, PUBLISHED_RESULTS
from app.settings import Settings
from data_modelling.inference.checks.image_quality import HINTS
from data_modelling.inference.checks.photo_checks import PHOTO_FOREIGN
from data_modelling.inference.reason_codes import REASON_MEANINGS
from data_modelling.inference.source_facts import facts_by_source
from tests.conftest import skip_unless_ci
from tools.serving import run_app

ROOT = Path(__file__).parents[2]


def listed(name: str, document: str = "docs/api.md") -> list[list[str]]:
    """Return the cells of the table between `<!-- name -->` and `<!-- /name -->`, without its two header lines."""
    text = (ROOT / document).read_text()
    match = re.search(rf"<!-- {name} -->\n(.*?)<!-- /{name} -->", text, re.DOTALL)
    assert match is not None, f"{document} has no table {name}"
    lines = [line for line in match[1].splitlines() if line.startswith("|")]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines[2:]]


def test_the_operators_guide_lists_every_setting_with_its_default():
    defaults = {field.name.upper(): shown(field.default) for field in fields(Settings)}
    assert {row[0]: row[1] for row in listed("settings", "docs/operate.md")} == defaults


def shown(default: object) -> str:
    if isinstance(default, bool):
        return "on" if default else "off"
    return "" if default == () else str(default)


def test_the_document_lists_every_code_with_its_status_and_meaning():
    expected = [[code, str(entry.status), entry.meaning] for code, entry in PROBLEM_CODES.items()]
    assert listed("codes") == expected


RAISES = re.compile(
    r'(?:PhotoError|problem|Fault)\(\s*"(\w+)"|FieldError\(\s*[\w"]+,\s*"(\w+)"|^    \d+: \(\s*"(\w+)"',
    re.MULTILINE,
)
READERS = ("photo/reader.py", "details.py")  # of data_modelling/inference: what the app has read


def raised_codes() -> set[str]:
    inference = ROOT / "data_modelling" / "inference"
    files = [*ROOT.glob("app/**/*.py"), *(inference / name for name in READERS)]
    return {code for file in files for match in RAISES.findall(file.read_text()) for code in match if code}


def test_every_code_in_the_source_is_in_the_table_and_every_one_of_the_table_occurs():
    refused = {code for code in HINTS if code.startswith("photo_")} | {PHOTO_FOREIGN}
    assert raised_codes() | refused == set(PROBLEM_CODES)


def test_the_document_lists_every_reason_with_its_meaning():
    assert listed("reasons") == [[code, meaning] for code, meaning in REASON_MEANINGS.items()]


def test_the_document_lists_every_field_of_a_request_with_its_meaning():
    post = openapi_document(Settings().max_upload_mb)["paths"]["/api/v1/predictions"]["post"]
    schema = post["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert listed("fields") == [[name, value["description"]] for name, value in schema["properties"].items()]


def test_the_document_lists_every_property_of_an_answer_with_its_range_and_meaning():
    schemas = openapi_document(Settings().max_upload_mb)["components"]["schemas"]
    expected = [
        [f"{name}.{key}", "" if "$ref" in value else describe_range(value), value["description"]]
        for name in ("Answer", "Class", "Cancer", "PredictionSet", "ModelVersion")
        for key, value in schemas[name]["properties"].items()
    ]
    assert listed("answer") == expected


@pytest.mark.parametrize("code", PROBLEM_CODES)
def test_meanings_are_short_and_fit_a_table(code):
    assert PROBLEM_CODES[code].meaning.isprintable()
    assert "|" not in PROBLEM_CODES[code].meaning
    assert len(PROBLEM_CODES[code].meaning) < 100


def test_the_curl_line_gives_seven_probabilities_that_sum_to_one(tmp_path):
    if shutil.which("curl") is None:
        skip_unless_ci("curl is not installed")
    line = re.search(r"^curl .*$", (ROOT / "docs" / "api.md").read_text(), re.MULTILINE)
    assert line is not None
    with run_app(tmp_path / "log", {"BUNDLES": str(ROOT / "DATA" / "models")}) as running:
        command = shlex.split(line[0].replace("http://127.0.0.1:8000", running.url))
        done = subprocess.run(command, cwd=ROOT, capture_output=True, check=True, timeout=60)
    answer = json.loads(done.stdout)
    assert len(answer["probabilities"]) == 7
    assert sum(answer["probabilities"].values()) == pytest.approx(1, abs=1e-6)


@pytest.mark.parametrize("file", ["README.md", "CITATION.cff"])
def test_the_data_that_the_committed_models_learned_from_is_cited(file):
    text = (ROOT / file).read_text()
    for path in sorted(ROOT.glob("DATA/models/*/metadata.json")):
        for name, facts in facts_by_source(json.loads(path.read_text())).items():
            assert facts.published is not None, name
            assert facts.published[1].partition(":")[2] in text, name


def test_the_readme_compares_the_default_model_with_the_results_of_others():
    metrics = json.loads((ROOT / "DATA" / "models" / Settings().bundle / "metrics.json").read_text())
    version = metrics["openings"]["rows"][-1]["version"]
    parts = {"locked_test": f"our locked test (model version {version})", "out_of_fold": "out-of-fold photos"}
    own = [
        [
            "**our model**, photo alone",
            text,
            *(three_decimals(metrics[part]["photo"][key]) for key in METRICS),
        ]
        for part, text in parts.items()
        if part in metrics
    ]
    others = [
        [
            f"{result['who']} ({result['how']}; {result['cite']})",
            result["test"],
            *(three_decimals(result.get(key)) for key in METRICS),
        ]
        for result in PUBLISHED_RESULTS
    ]
    assert listed("published", "README.md") == own + others


def three_decimals(value: float | None) -> str:
    return "-" if value is None else f"{value:.3f}".removeprefix("0")
