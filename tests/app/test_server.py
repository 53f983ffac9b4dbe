"""The real server in a process of its own."""

import http.client
import json
import logging
import os
import signal
import socket
import subprocess
import sys
import time
from urllib.parse import urlsplit

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import encode_multipart

from app import __main__ as command
from app import keeper
from app.security import HEADERS
from app.settings import MEGABYTE
from tests.app.conftest import form, photo
from tests.app.test_lanes import Application, running, until
from tools.serving import ROOT, served

TIMEOUT = 60  # seconds; far above what is ever needed


@pytest.fixture(scope="module")
def server(bundles, tmp_path_factory):
    log = tmp_path_factory.mktemp("server") / "log"
    with served(log, {"BUNDLES": str(bundles), "MAX_UPLOAD_MB": "20"}) as running:
        yield running


def ask(url: str, method: str, path: str, body: bytes | None = None, headers: dict[str, str] | None = None):
    """(status, headers, body) of one request."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
    try:
        connection.request(method, path, body, headers or {})
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # What a browser sends to a plain-http host in the network: Origin, and no Sec-Fetch-Site.
        ({"Host": "192.168.1.20:8000", "Origin": "http://192.168.1.20:8000"}, 200),
        ({"Host": "192.168.1.20:8000", "Origin": "http://evil.example"}, 400),
        ({"Host": "192.168.1.20:8000", "Origin": "null"}, 400),
        ({"Host": "skin.local", "Origin": "http://skin.local"}, 200),
        ({"Host": "skin.local", "Origin": "http://skin.local:8000"}, 400),
        ({"Host": "192.168.1.20:8000", "Sec-Fetch-Site": "cross-site"}, 400),
    ],
)
@pytest.mark.parametrize("path", ["/", "/api/v1/predictions"])
def test_cross_site_posts_are_refused_by_the_real_server(server, path, headers, status):
    assert post(server.url, photo(), path, **headers)[0] == status


def post(url: str, data: bytes, path: str = "/api/v1/predictions", **headers: str):
    boundary, body = encode_multipart(MultiDict(form(data, age="83.25", site="scalp")))
    return ask(
        url, "POST", path, body, {"Content-Type": f"multipart/form-data; boundary={boundary}", **headers}
    )


def test_a_photo_is_answered_and_nothing_of_it_is_logged(server):
    status, headers, _ = post(server.url, photo())
    assert status == 200
    assert "Set-Cookie" not in headers
    assert "Server" not in headers
    ask(server.url, "GET", "/IMG_secret.jpg?name=secret")
    assert_logged(server, f"{headers['X-Request-Id']} POST api.predictions 200")
    log = server.log.read_text()
    assert not any(word in log for word in ("IMG_secret", "secret", "83.25", "scalp"))


def assert_logged(server, words):
    """The server's log comes through a pipe, now and then a moment later."""
    until = time.monotonic() + TIMEOUT
    while words not in server.log.read_text():
        assert time.monotonic() < until
        time.sleep(0.05)


def answer_to(address: tuple[str, int], sent: bytes) -> http.client.HTTPResponse:
    """The answer, read whole, to bytes that need not be a request."""
    with socket.create_connection(address, TIMEOUT) as client:
        client.sendall(sent)
        response = http.client.HTTPResponse(client)
        response.begin()
        response.json = json.loads(response.read())
        return response


HEAD = b"POST /api/v1/predictions HTTP/1.1\r\nHost: a\r\n"


@pytest.mark.parametrize(
    ("sent", "status", "code"),
    [
        (b"nonsense\r\n\r\n", 400, "bad_request"),
        (b"GET http://[ HTTP/1.1\r\n\r\n", 400, "bad_request"),
        (HEAD + b"no header\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Content-Length: x\r\n\r\n", 400, "bad_request"),
        (HEAD + b"Content-Length: %s\r\n\r\n" % (b"9" * 5000), 400, "bad_request"),
        (HEAD + b"Transfer-Encoding: chunked\r\n\r\nzz\r\n", 400, "bad_request"),
        (HEAD + b"Content-Length: 300000000\r\n\r\n", 413, "too_large"),
        (HEAD.ljust(256 * 1024, b"x"), 431, "headers_too_large"),
        (HEAD + b"Transfer-Encoding: gzip\r\n\r\n", 501, "transfer_encoding_unknown"),
    ],
)
def test_what_the_server_cannot_read_is_refused_in_the_form_of_the_app_and_logged(server, sent, status, code):
    address = urlsplit(server.url)
    response = answer_to((address.hostname, address.port), sent)
    assert (response.status, response.headers["Content-Type"]) == (status, "application/problem+json")
    assert list(response.json) == ["type", "title", "status", "detail", "errors"]
    assert response.json["status"] == status
    (fault,) = response.json["errors"]
    assert (fault["field"], fault["code"]) == (None, code)
    assert response.json["detail"] == fault["message"]
    assert {name: response.headers[name] for name in HEADERS} == HEADERS
    assert (response.headers["Cache-Control"], response.headers["Connection"]) == ("no-store", "close")
    assert "Server" not in response.headers
    assert_logged(server, f"{response.headers['X-Request-Id']} - server {status}\n")


def test_a_fault_of_the_app_is_answered_in_its_form_too():
    with running(Faulty()) as server:
        response = answer_to(("127.0.0.1", server.port), b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
    assert (response.status, response.json["errors"][0]["code"]) == (500, "internal")


class Faulty(Application):
    """Fails in a way that the app would have answered."""

    def __call__(self, environ, start_response):
        self.inside += 1
        raise LookupError


class Late(Application):
    """Answers only when the client has gone."""

    def __call__(self, environ, start_response):
        self.inside += 1
        until(environ["waitress.client_disconnected"])
        return super().__call__(environ, start_response)


FORGED = b"GET /IMG_secret%0A2026-01-01%20INFO%20forged?secret HTTP/1.1\r\nHost: a\r\n\r\n"


@pytest.mark.parametrize(
    ("application", "words"),
    [(Faulty(), "Exception\nTraceback"), (Late(), "Client disconnected")],
    ids=["fault", "disconnect"],
)
def test_the_servers_own_log_has_no_path(caplog, application, words):
    caplog.set_level(logging.INFO)
    with running(application) as server:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(FORGED)
            until(lambda: application.inside)
        until(lambda: caplog.text)
    assert words in caplog.text
    assert "secret" not in caplog.text
    assert "forged" not in caplog.text


def test_a_connection_that_ends_in_a_fault_is_logged_without_its_address(caplog, monkeypatch):
    monkeypatch.setattr("app.server.Parser.received", None)
    with running(Application()) as server:
        with socket.create_connection(("127.0.0.1", server.port), TIMEOUT) as client:
            client.sendall(FORGED)
            address, port = client.getsockname()
            assert client.recv(1) == b""
        assert "closed after a fault" in caplog.text
    assert address not in caplog.text
    assert str(port) not in caplog.text


@pytest.mark.parametrize("path", ["/", "/api/v1/predictions"])
@pytest.mark.parametrize("megabytes", [21, 60])
def test_a_body_that_is_too_large_is_answered_in_the_right_form(server, path, megabytes):
    status, headers, body = post(server.url, bytes(megabytes * MEGABYTE), path)
    assert status == 413
    assert headers["Content-Type"].startswith("text/html" if path == "/" else "application/problem+json")
    assert b"at most 20 MB" in body


def test_a_body_without_a_length_is_bounded_too(server):
    chunks = (bytes(MEGABYTE) for _ in range(25))
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Transfer-Encoding": "chunked"}
    connection = http.client.HTTPConnection(urlsplit(server.url).netloc, timeout=TIMEOUT)
    connection.request("POST", "/api/v1/predictions", chunks, headers, encode_chunked=True)
    assert connection.getresponse().status == 413
    connection.close()


def test_a_photo_of_nineteen_megabytes_is_answered(server):
    data = photo()
    assert post(server.url, data + bytes(19 * MEGABYTE))[0] == 200


def test_forwarded_host_reaches_the_app_behind_a_trusted_proxy_only(bundles, tmp_path):
    headers = {
        "Origin": "https://skin.example",
        "X-Forwarded-Host": "skin.example",
        "X-Forwarded-Proto": "https",
    }
    statuses = []
    for proxies in ("0", "1"):
        with served(tmp_path / proxies, {"BUNDLES": str(bundles), "TRUSTED_PROXIES": proxies}) as running:
            statuses.append(post(running.url, photo(), **headers)[0])
    assert statuses == [400, 200]


def start(**environment: str) -> subprocess.CompletedProcess[str]:
    """Run the app that is expected to end by itself."""
    return subprocess.run(
        [sys.executable, "-m", "app"],
        check=False,
        cwd=ROOT,
        env=os.environ | environment,
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )


def sentences(stderr: str) -> list[str]:
    """What stands on standard error beside the log."""
    return [line for line in stderr.splitlines() if " WARNING " not in line and " INFO " not in line]


def test_a_port_in_use_is_one_sentence(bundles):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = start(BUNDLES=str(bundles), PORT=port)
    assert done.returncode == 2
    (sentence,) = sentences(done.stderr)
    assert f"port {port}" in sentence


@pytest.mark.parametrize("environment", [{"PORT": "http"}, {"HOST": "no.such.host.invalid", "PORT": "0"}])
def test_a_bad_setting_is_one_sentence(bundles, environment):
    done = start(BUNDLES=str(bundles), **environment)
    assert done.returncode == 2
    assert len(sentences(done.stderr)) == 1


def test_ctrl_c_ends_with_130(bundles, tmp_path):
    with served(tmp_path / "log", {"BUNDLES": str(bundles)}) as running:
        running.process.send_signal(signal.SIGINT)
        assert running.process.wait(TIMEOUT) == 130
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_public_host_is_warned_about(monkeypatch, caplog):
    monkeypatch.setattr(keeper.Keeper, "run", lambda _self: 130)  # ends at once, as after Ctrl-C
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "0")
    assert command.main() == 130
    assert "without TLS" in caplog.text
