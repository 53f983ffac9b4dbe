"""Test the app behind a real nginx with TLS, at the root and below a path."""

import json
import re
import socket
import ssl
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.app.conftest import encoded, form
from tests.app.http.test_reverse_proxy import addresses
from tests.app.nginx import FLOOD, LIMIT, OTHER, READER, Site, run_nginx, run_nginx_alone

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


@pytest.mark.parametrize("chunked", [False, True])
def test_nginx_keeps_a_slow_request_in_memory_until_it_is_complete(tmp_path: Path, chunked):
    """A client that sends a byte now and then would otherwise keep a thread of the app, and 256 of them all threads."""
    photo, rest = bytes(20 * 1024 * 1024), b"--x--"
    size = len(photo) + len(rest)
    length = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {size}"
    first = b"%x\r\n%b\r\n" % (len(photo), photo) if chunked else photo
    last = b"%x\r\n%b\r\n0\r\n\r\n" % (len(rest), rest) if chunked else rest
    with socket.create_server((READER, 0)) as app, socket.socket() as plain:
        with run_nginx_alone(f"http://{READER}:{app.getsockname()[1]}", tmp_path) as site:
            plain.connect((READER, site.root_port))
            context = ssl.create_default_context(cafile=site.certificate)
            with context.wrap_socket(plain, server_hostname="localhost") as client:
                client.sendall(f"POST / HTTP/1.1\r\nHost: localhost\r\n{length}\r\n\r\n".encode() + first)
                app.settimeout(1)
                with pytest.raises(TimeoutError):
                    app.accept()
                client.sendall(last)
                app.settimeout(10)
                connection, _ = app.accept()
                with connection:
                    received = connection.recv(1024)
                    while not received.endswith(rest):
                        received += connection.recv(1024 * 1024)
        assert len(received.partition(b"\r\n\r\n")[2]) == size
        assert "temporary file" not in (tmp_path / "error.log").read_text()
