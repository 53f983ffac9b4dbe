"""Test the app behind a real nginx with TLS, at the root and below a path."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.conftest import encoded, form
from tests.app.http.test_reverse_proxy import addresses
from tests.app.nginx import FLOOD, LIMIT, OTHER, Site, run_nginx

REACHED = {200, 302}  # the page of the default bundle is at an address without its name


@pytest.fixture(scope="module")
def site(bundles: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """Return nginx in front of the app with the tiny bundles."""
    with run_nginx(bundles, tmp_path_factory.mktemp("nginx")) as running:
        yield running


def test_pages_and_all_that_they_load_and_link_to_are_below_the_path(site: Site):
    links = set()
    for path in ("/skin/?lang=de", "/skin/api"):
        page = site.ask(path)
        assert page.status == 200
        links |= set(addresses(page.text))
    assert len(links) > 20
    assert {link for link in links if not link.startswith("/skin/")} == set()
    assert {link: status for link in links if (status := site.ask(link).status) not in REACHED} == {}


def test_static_files_are_kept_for_good_and_scripts_find_each_other(site: Site):
    addresses_of_files = re.findall(r'(?:src|href)="(/skin/static/[^"]+)"', site.ask("/skin/").text)
    assert {path.rsplit(".")[-1].partition("?")[0] for path in addresses_of_files} >= {
        "js",
        "css",
        "svg",
        "jpg",
    }
    for path in addresses_of_files:
        reply = site.ask(path)
        assert (reply.status, "immutable" in reply.headers["Cache-Control"]) == (200, True), path
    assert site.ask("/skin/static/words.js").status == 200  # which the scripts import by its relative address


def test_the_form_is_answered_below_the_path(site: Site):
    action = re.search(r'<form [^>]*method="post" action="([^"]+)"', site.ask("/skin/").text)
    assert action is not None
    answer = site.ask(action[1], **encoded(form(age="50")))
    assert (answer.status, 'data-status="' in answer.text) == (200, True)
    assert {link for link in addresses(answer.text) if not link.startswith("/skin/")} == set()
    assert "form-action 'self'" in answer.headers["Content-Security-Policy"]


def test_a_post_of_another_site_is_refused(site: Site):
    reply = site.ask("/skin/api/v1/predictions", origin="https://evil.example", **encoded(form()))
    assert (reply.status, json.loads(reply.text)["errors"][0]["code"]) == (400, "cross_site")


def test_the_api_answers_at_the_address_of_its_document(site: Site):
    document = json.loads(site.ask("/skin/api/openapi.json").text)
    assert document["servers"] == [{"url": "/skin"}]
    answer = site.ask(f"{document['servers'][0]['url']}/api/v1/predictions", **encoded(form()))
    assert (answer.status, json.loads(answer.text)["class"]) == (200, "MEL")


@pytest.mark.parametrize(("path", "end"), [("/skin/model/ham10000", "/skin/model"), ("/skin", "/skin/")])
def test_redirects_stay_below_the_path(site: Site, path, end):
    reply = site.ask(path)
    assert reply.status in {301, 302}
    assert reply.headers["Location"].removeprefix(f"https://localhost:{site.path_port}") == end


def test_beside_the_path_is_nothing_of_the_app(site: Site):
    assert {path: site.ask(path).status for path in ("/", "/healthz", "/static/style.css")} == {
        "/": 404,
        "/healthz": 404,
        "/static/style.css": 404,
    }


def test_at_the_root_the_same_app_has_no_path(site: Site):
    page = site.ask("/", below=False)
    assert page.status == 200
    assert [link for link in addresses(page.text) if link.startswith(("/skin", "/evil"))] == []
    assert site.ask("/", below=False, **encoded(form())).status == 200


@pytest.mark.skipif(sys.platform != "linux", reason="other systems have no 127.0.0.2 of their own")
def test_the_rate_limit_counts_the_reader_and_not_nginx(site: Site):
    statuses = [site.ask("/skin/limits", client=FLOOD).status for _ in range(LIMIT + 1)]
    assert statuses == [200] * LIMIT + [429]
    assert site.ask("/skin/limits", client=OTHER).status == 200
