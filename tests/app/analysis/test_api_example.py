"""Test the example of /api: what its snippets print is what the page shows, at the root and below a path."""

import html
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import requests

from tests.app.nginx import Site, run_nginx
from tests.app.tiny_bundle import make_tiny_bundle
from tests.conftest import skip_unless_ci
from tools.serving import ROOT, run_app


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    folder = tmp_path_factory.mktemp("example")
    make_tiny_bundle(folder / "models" / "ham10000")
    with run_nginx(folder / "models", folder) as running:
        yield running


def snippets(page: str) -> dict[str, str]:
    """Return the texts of the page's snippets by name."""
    parts = re.findall(r'<code data-snippet="(\w+)">(.*?)</code>', page, re.DOTALL)
    return {name: html.unescape(text) for name, text in parts}


def run_snippet(kind: str, text: str, folder: Path, environment: dict[str, str]) -> dict:
    commands = {"curl": ["sh", "-e", "-c", text], "python": [sys.executable, "-c", text]}
    if shutil.which(commands[kind][0]) is None or shutil.which("curl") is None:
        skip_unless_ci("curl is not installed")
    variables = {**os.environ, **environment, "NO_PROXY": "*"}
    done = subprocess.run(
        commands[kind], cwd=folder, env=variables, capture_output=True, check=True, timeout=60
    )
    return json.loads(done.stdout)


@pytest.mark.parametrize("kind", ["curl", "python"])
@pytest.mark.parametrize("path", ["/", "/skin/"])
def test_a_snippet_gives_the_answer_beside_it(site: Site, tmp_path, kind, path):
    port = site.path_port if path == "/skin/" else site.root_port
    page = requests.get(f"https://localhost:{port}{path}api", verify=str(site.certificate), timeout=30)
    parts = snippets(page.text)
    assert f"https://localhost:{port}{path}" in parts[kind]
    trusted = dict.fromkeys(("CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"), str(site.certificate))
    answer = run_snippet(kind, parts[kind], tmp_path, trusted)
    assert answer == json.loads(parts["answer"])
    assert list(answer) == list(json.loads(parts["answer"]))


def test_the_committed_model_answers_its_first_snippet_as_the_page_says(tmp_path):
    with run_app(tmp_path / "log", {"BUNDLES": str(ROOT / "DATA" / "models")}) as running:
        parts = snippets(requests.get(f"{running.url}/api", timeout=30).text)
        assert run_snippet("curl", parts["curl"], tmp_path, {}) == json.loads(parts["answer"])


def test_without_a_bundle_the_page_has_no_answer(orphan):
    page = orphan.get("/api").text
    assert set(snippets(page)) == {"curl", "python", "javascript"}


def test_the_document_has_real_examples(client):
    schemas = client.get("/api/openapi.json").json["components"]["schemas"]
    shown = json.loads(snippets(client.get("/api").text)["answer"])
    assert schemas["Answer"]["examples"] == [shown]
    assert schemas["Models"]["examples"] == [client.get("/api/v1/models").json]
    assert schemas["Health"]["examples"] == [client.get("/healthz").json]
    assert [photo["photo"] for photo in schemas["Visit"]["examples"][0]["photos"]] == [1, 2]


def test_every_property_has_a_description(client):
    schemas = client.get("/api/openapi.json").json["components"]["schemas"]
    undescribed = [
        f"{name}.{key}"
        for name, schema in schemas.items()
        for key, value in schema["properties"].items()
        if not value.get("description")
    ]
    assert undescribed == []
