"""The real server in processes of its own: what it answers, what it logs, and what must not bring it down."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from threading import Thread
from types import SimpleNamespace
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
from werkzeug.datastructures import MultiDict
from werkzeug.test import encode_multipart

from app import __main__ as command
from app import server
from app.settings import MEGABYTE
from benchmarks.load_generator import LoadResult, photo_request, run_load
from tests.app.conftest import form, photo
from tests.app.server.answering_process import answering_process
from tests.app.tiny_bundle import make_tiny_bundle
from tools.serving import ROOT, AppServer, run_app

PROCESSES = re.compile(r"the server runs as process (\d+)")
TIMEOUT = 60  # seconds; far above what is ever needed
REQUEST = photo_request("/api/v1/predictions", photo())


@pytest.fixture(scope="module")
def models(tmp_path_factory) -> Path:
    """A folder with one bundle, that a test may replace."""
    folder = tmp_path_factory.mktemp("server") / "models"
    make_tiny_bundle(folder / "ham10000")
    return folder


@pytest.fixture(scope="module")
def running(models, tmp_path_factory):
    environment = {"BUNDLES": str(models), "PROCESSES": "2", "METRICS": "on"}
    with run_app(tmp_path_factory.mktemp("server") / "log", environment) as app:
        yield app


def connected(app: AppServer) -> socket.socket:
    address = urlsplit(app.url)
    return socket.create_connection((address.hostname, address.port), TIMEOUT)


def answer(connection: socket.socket) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response


def ask(app: AppServer) -> int:
    """The status of one photo; a connection that is refused or broken is an error."""
    with connected(app) as connection:
        connection.sendall(REQUEST)
        return answer(connection).status


def until(condition) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def processes(app: AppServer) -> list[int]:
    """Those that the log named, in order, and that are there."""
    return [int(number) for number in PROCESSES.findall(app.log.read_text()) if exists(int(number))]


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")  # whom nobody waits for stays there as a zombie
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


@contextmanager
def asking(app: AppServer, clients: int = 8):
    """Clients who ask all the time; yields a list that has their Load in the end."""
    loads: list[LoadResult] = []
    is_done = False

    def ask_on() -> None:
        while not is_done:
            loads.append(run_load(app.url, [REQUEST], clients, seconds=0.3))

    thread = Thread(target=ask_on)
    thread.start()
    try:
        yield loads
    finally:
        is_done = True
        thread.join(TIMEOUT)


def statuses(loads: list[LoadResult]) -> dict[int, int]:
    return {
        status: sum(load.statuses[status] for load in loads) for load in loads for status in load.statuses
    }


def post(app: AppServer, data: bytes, path: str = "/api/v1/predictions", **headers: str):
    """The status, headers and body of the answer to a form."""
    boundary, body = encode_multipart(MultiDict(form(data, age="83.25", site="scalp")))
    connection = http.client.HTTPConnection(urlsplit(app.url).netloc, timeout=TIMEOUT)
    try:
        headers = {"Content-Type": f"multipart/form-data; boundary={boundary}", **headers}
        connection.request("POST", path, body, headers)
        response = connection.getresponse()
        return response.status, response.headers, response.read()
    finally:
        connection.close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        # What a browser sends to a plain-http host in the network: Origin, and no Sec-Fetch-Site.
        ({"Host": "192.168.1.20:8000", "Origin": "http://192.168.1.20:8000"}, 200),
        ({"Host": "192.168.1.20:8000", "Origin": "null"}, 400),
        ({"Host": "192.168.1.20:8000", "Sec-Fetch-Site": "cross-site"}, 400),
        # No proxy is trusted.
        ({"Origin": "https://a.example", "X-Forwarded-Host": "a.example", "X-Forwarded-Proto": "https"}, 400),
    ],
)
def test_cross_site_posts_are_refused_by_the_real_server(running, headers, status):
    assert post(running, photo(), **headers)[0] == status


def test_a_photo_is_answered_and_nothing_of_it_is_logged(running):
    status, headers, _ = post(running, photo())
    assert status == 200
    assert "Set-Cookie" not in headers
    with connected(running) as connection:
        connection.sendall(
            b"GET /IMG_secret.jpg?name=secret HTTP/1.1\r\nHost: a\r\nbad header secret\r\n\r\n"
        )
        assert answer(connection).status == 400
    until(lambda: f"{headers['X-Request-Id']} POST api.predictions 200" in running.log.read_text())
    until(lambda: "WARNING Invalid request\n" in running.log.read_text())
    log = running.log.read_text()
    assert not any(word in log for word in ("secret", "83.25", "scalp", "127.0.0.1"))


@pytest.mark.parametrize("path", ["/", "/api/v1/predictions"])
def test_a_body_that_is_too_large_is_answered_in_the_right_form(running, path):
    status, headers, body = post(running, bytes(21 * MEGABYTE), path)
    assert status == 413
    assert headers["Content-Type"].startswith("text/html" if path == "/" else "application/problem+json")
    assert b"at most 20 MB" in body


def test_a_body_without_a_length_is_bounded_too(running):
    part = b'--b\r\nContent-Disposition: form-data; name="photo"; filename="a.jpg"\r\n\r\n'
    chunks = (part, *(bytes(MEGABYTE) for _ in range(25)), b"\r\n--b--\r\n")
    headers = {"Content-Type": "multipart/form-data; boundary=b", "Transfer-Encoding": "chunked"}
    connection = http.client.HTTPConnection(urlsplit(running.url).netloc, timeout=TIMEOUT)
    connection.request("POST", "/api/v1/predictions", chunks, headers, encode_chunked=True)
    refused = connection.getresponse()
    assert (refused.status, json.load(refused)["errors"][0]["field"]) == (413, "photo")
    connection.close()


def test_a_flood_is_answered_or_told_to_come_back_within_ten_seconds(running):
    load = run_load(running.url, [REQUEST], clients=200, count=200)
    assert set(load.statuses) <= {200, 503}  # a fast machine answers all of them
    assert sum(load.statuses.values()) == 200
    assert max(load.milliseconds + load.refused) < 10_000
    assert ask(running) == 200


def test_sixty_half_open_and_sixty_stalled_bodies_keep_nobody_waiting(running):
    held = [connected(running) for _ in range(120)]
    for connection in held[:60]:
        connection.sendall(b"POST /api/v1/predictions HTTP/1.1\r\nHost:")
    for connection in held[60:]:
        connection.sendall(REQUEST[:-20])
    assert run_load(running.url, [REQUEST], clients=8, count=64).statuses == {200: 64}
    for connection in held[60:]:
        connection.sendall(REQUEST[-20:])
    assert [answer(connection).status for connection in held[60:]] == [200] * 60
    for connection in held:
        connection.close()


def test_a_client_that_sends_nothing_for_long_is_closed(monkeypatch):
    monkeypatch.setattr(server, "SILENT_SECONDS", 1)
    with server.open_listener("127.0.0.1", 0) as listener:
        server._close_silent_clients(SimpleNamespace(LISTENERS=[SimpleNamespace(sock=listener)]))
        with socket.create_connection(listener.getsockname()):
            accepted, _ = listener.accept()
            accepted.settimeout(None)
            begun = time.monotonic()
            with accepted, pytest.raises(BlockingIOError):
                accepted.recv(1)
    assert time.monotonic() - begun < 10


def test_a_killed_process_takes_no_more_than_its_own_requests_with_it_and_is_counted_still(running):
    def counted() -> int:
        with urlopen(f"{running.url}/metrics", timeout=TIMEOUT) as response:
            text = response.read().decode()
        return int(float(re.search(r'{endpoint="api.predictions",status="200"} (\S+)', text)[1]))

    before, (killed, kept) = counted(), processes(running)[-2:]
    with asking(running) as loads:
        until(lambda: loads)
        os.kill(killed, signal.SIGKILL)
        begun = time.monotonic()
        assert ask(running) == 200
        assert time.monotonic() - begun < 4
        until(lambda: len(processes(running)) == 2)
    assert exists(kept)
    found = statuses(loads)
    assert set(found) <= {0, 200}
    assert found.get(0, 0) <= 8  # each client had one request on its way
    assert counted() - before >= found[200]


def test_all_processes_killed_at_once_are_started_again(running):
    first = processes(running)
    for process in first:
        os.kill(process, signal.SIGKILL)
    until(lambda: len(set(processes(running)) - set(first)) == 2)
    assert ask(running) == 200


def version(app: AppServer) -> str:
    with urlopen(f"{app.url}/healthz", timeout=TIMEOUT) as response:
        return json.load(response)["version"]


def test_a_bundle_replaced_while_serving_loses_no_request(running, models):
    first = processes(running)
    new = make_tiny_bundle(models.parent / "new" / "ham10000", "1.1")
    (models / "ham10000").rename(models.parent / "before")
    new.rename(models / "ham10000")
    with asking(running) as loads:
        running.process.send_signal(signal.SIGHUP)
        until(lambda: not any(exists(process) for process in first))
        until(lambda: version(running) == "1.1")
    assert set(statuses(loads)) == {200}


def test_sigterm_finishes_what_has_begun(models, tmp_path):
    with run_app(tmp_path / "log", {"BUNDLES": str(models)}) as app:
        with connected(app) as connection:
            connection.sendall(REQUEST[:-1])
            assert ask(app) == 200  # so that the first piece has arrived
            app.process.terminate()
            time.sleep(0.5)
            connection.sendall(REQUEST[-1:])
            assert answer(connection).status == 200
        assert app.process.wait(40) == 0
    assert "Traceback" not in app.log.read_text()


def accepts(app: AppServer) -> bool:
    try:
        with connected(app):
            return True
    except OSError:
        return False


def test_the_processes_do_not_outlive_the_one_that_keeps_them(models, tmp_path):
    with run_app(tmp_path / "log", {"BUNDLES": str(models), "PROCESSES": "1"}) as app:
        worker = answering_process(app)
        app.process.kill()
        until(lambda: not exists(worker))


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full here")
def test_a_full_disk_and_no_temporary_folder(models, tmp_path):
    """Whatever it writes to is full: what it tells, its log, the log of scores."""
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    environment = {
        "BUNDLES": str(models),
        "PORT": str(port),
        "TMPDIR": str(tmp_path / "nowhere"),
        "SCORE_LOG": "/dev/full",
        "PYTHONDONTWRITEBYTECODE": "1",
    }
    with Path("/dev/full").open("w") as full:
        process = subprocess.Popen(
            [sys.executable, "-m", "app"], cwd=ROOT, env=os.environ | environment, stdout=full, stderr=full
        )
    app = AppServer(f"http://127.0.0.1:{port}", tmp_path, process)
    try:
        until(lambda: accepts(app))
        assert [ask(app) for _ in range(3)] == [200] * 3
    finally:
        process.terminate()
        assert process.wait(TIMEOUT) == 0


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


def test_a_port_in_use_is_one_sentence(models):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        done = start(BUNDLES=str(models), PORT=port)
    assert done.returncode == 2
    assert re.fullmatch(
        rf"Cannot listen on 127.0.0.1 port {port} .*; set HOST or PORT to another value\.\n", done.stderr
    )


def test_an_app_that_cannot_be_made_is_one_sentence_and_is_not_tried_again(models, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import app\nfrom data_modelling.inference.errors import InputError\n"
        "def fail(*_):\n    raise InputError('It cannot be made.')\napp.create_app = fail\n"
    )
    path = os.pathsep.join([str(tmp_path), str(ROOT)])
    done = start(BUNDLES=str(models), PORT="0", PROCESSES="1", PYTHONPATH=path)
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.splitlines()[0] == "It cannot be made."


def test_ctrl_c_ends_with_130(models, tmp_path):
    with run_app(tmp_path / "log", {"BUNDLES": str(models)}) as app:
        # A worker that still imports modules would report the end as an exception that Python ignores.
        with urlopen(f"{app.url}/healthz", timeout=TIMEOUT):
            app.process.send_signal(signal.SIGINT)
        assert app.process.wait(TIMEOUT) == 130
    assert "Traceback" not in (tmp_path / "log").read_text()


def test_ctrl_c_does_not_wait_for_a_client_that_has_stalled(models, tmp_path):
    with run_app(tmp_path / "log", {"BUNDLES": str(models)}) as app, connected(app) as stalled:
        stalled.sendall(REQUEST[:-20])
        assert ask(app) == 200
        app.process.send_signal(signal.SIGINT)
        assert app.process.wait(10) == 130


def test_public_host_is_warned_about(monkeypatch, caplog):
    monkeypatch.setattr(server, "_serve_in_processes", lambda *_: 130)
    monkeypatch.setenv("HOST", "0.0.0.0")
    monkeypatch.setenv("PORT", "0")
    assert command.main() == 130
    assert "Without TLS" in caplog.text
