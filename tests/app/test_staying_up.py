"""What must not bring the real server down, nor keep it from answering others."""

import http.client
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from threading import Event
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest

from app.settings import Settings
from benchmarks.load import load, photo_request
from tests.app.conftest import photo
from tests.app.tiny_bundle import make_tiny_bundle
from tools.serving import ROOT, Served, served

SERVERS = re.compile(r"the server runs as process (.*)")
TIMEOUT = 60  # seconds; far above what is ever needed
REQUEST = photo_request("/api/v1/predictions", photo())


@pytest.fixture
def models(tmp_path) -> Path:
    """A folder with one bundle, that a test may replace."""
    make_tiny_bundle(tmp_path / "models" / "ham10000")
    return tmp_path / "models"


@pytest.fixture
def running(models, tmp_path):
    with served(tmp_path / "log", {"BUNDLES": str(models)}) as found:
        yield found


def connected(running: Served) -> socket.socket:
    address = urlsplit(running.url)
    return socket.create_connection((address.hostname, address.port), TIMEOUT)


def answer(connection: socket.socket) -> http.client.HTTPResponse:
    response = http.client.HTTPResponse(connection)
    response.begin()
    return response


def ask(running: Served) -> int:
    """The status of one photo; a connection that is refused or broken is an error."""
    with connected(running) as connection:
        connection.sendall(REQUEST)
        return answer(connection).status


def until(condition) -> None:
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def test_more_than_can_be_done_at_once_is_answered_200_or_told_to_come_back(running):
    found = load(running.url, [REQUEST], clients=400, count=400)
    assert set(found.statuses) == {200, 503}
    assert sum(found.statuses.values()) == 400
    assert found.statuses[200] >= 128
    assert ask(running) == 200


def test_sixty_half_open_and_sixty_slow_connections_keep_nobody_waiting(running):
    held = [connected(running) for _ in range(120)]
    for connection in held[:60]:
        connection.sendall(b"POST /api/v1/predictions HTTP/1.1\r\nHost:")
    for connection in held[60:]:
        connection.sendall(REQUEST[:-20])
    found = load(running.url, [REQUEST], clients=8, count=64)
    assert found.statuses == {200: 64}
    for connection in held[60:]:
        connection.sendall(REQUEST[-20:])
    assert [answer(connection).status for connection in held[60:]] == [200] * 60
    for connection in held:
        connection.close()


def test_sigterm_finishes_what_has_begun(running):
    with connected(running) as connection:
        connection.sendall(REQUEST[:-1])
        assert ask(running) == 200  # so that the first piece has arrived
        running.process.terminate()
        until(lambda: not accepts(running))
        connection.sendall(REQUEST[-1:])
        response = answer(connection)
        assert (response.status, response.headers["Connection"]) == (200, "close")
    assert running.process.wait(TIMEOUT) == 0
    assert "Traceback" not in running.log.read_text()


def accepts(running: Served) -> bool:
    try:
        with connected(running):
            return True
    except OSError:
        return False


def test_a_killed_server_is_started_again_and_no_connection_is_refused(running):
    for _ in range(2):
        before = running.server
        os.kill(before, signal.SIGKILL)
        assert ask(running) == 200
        until(lambda before=before: running.server != before)
    assert running.log.read_text().count("the server has ended (signal 9)") == 2


def test_all_processes_killed_at_once_are_started_again(running):
    first = processes(running)
    assert len(first) == Settings().process_count
    for process in first:
        os.kill(process, signal.SIGKILL)
    assert ask(running) == 200
    until(lambda: not set(first) & set(processes(running)))


def processes(running: Served) -> list[int]:
    """Those that the log named last."""
    assert running.server  # once it names any
    return [int(number) for number in SERVERS.findall(running.log.read_text())[-1].split(", ")]


def kill_one(running: Served) -> None:
    """One process, and wait until a whole server has taken over."""
    os.kill(running.server, signal.SIGKILL)
    until(lambda: len(SERVERS.findall(running.log.read_text())) == 2)


def test_an_address_may_ask_so_often_of_all_processes_and_of_those_that_come_after(models, tmp_path):
    environment = {"BUNDLES": str(models), "PROCESSES": "3", "RATE_LIMIT": "10/hour"}
    with served(tmp_path / "log", environment) as running:
        statuses = [ask(running) for _ in range(8)]
        kill_one(running)
        statuses += [ask(running) for _ in range(8)]
    assert statuses == [200] * 10 + [429] * 6


def test_counts_are_those_of_all_processes_and_of_those_that_were_before(models, tmp_path):
    environment = {"BUNDLES": str(models), "PROCESSES": "3", "METRICS": "on"}
    with served(tmp_path / "log", environment) as running:
        assert load(running.url, [REQUEST], clients=8, count=30).statuses == {200: 30}
        kill_one(running)
        assert ask(running) == 200
        with urlopen(f"{running.url}/metrics") as response:
            lines = response.read().decode().splitlines()
    assert 'app_requests_total{endpoint="api.predictions",status="200"} 31' in lines


def test_one_process_without_anything_shared(models, tmp_path):
    with served(tmp_path / "log", {"BUNDLES": str(models), "PROCESSES": "1"}) as running:
        assert load(running.url, [REQUEST], clients=8, count=64).statuses == {200: 64}
        assert len(processes(running)) == 1


def test_the_server_does_not_outlive_the_process_that_keeps_it(running):
    server = running.server
    running.process.kill()
    until(lambda: not exists(server))


def exists(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    stat = Path(f"/proc/{process}/stat")  # whom nobody waits for stays there as a zombie
    return not (stat.exists() and stat.read_text().rpartition(")")[2].split()[0] == "Z")


def replaced(models: Path, version: str) -> None:
    """The bundle as a careful operator replaces it: made whole beside, and moved into its place."""
    new = make_tiny_bundle(models.parent / version / "ham10000", version)
    (models / "ham10000").rename(models.parent / f"before {version}")
    new.rename(models / "ham10000")


def version(running: Served) -> str:
    with connected(running) as connection:
        connection.sendall(b"GET /healthz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
        return json.load(answer(connection))["version"]


@contextmanager
def asking(running: Served):
    """Eight clients who ask all the time; yields a list that has their Load in the end."""
    done, loads = Event(), []

    def ask_on() -> None:
        while not done.is_set():
            loads.append(load(running.url, [REQUEST], clients=8, seconds=0.5))

    with ThreadPoolExecutor(1) as pool:
        future = pool.submit(ask_on)
        try:
            yield loads
        finally:
            done.set()
            future.result(TIMEOUT)


@pytest.mark.parametrize("how", ["replaced", "asked"])
def test_a_bundle_replaced_while_serving_loses_no_request(running, models, how):
    first = running.server
    with asking(running) as loads:
        if how == "replaced":
            replaced(models, "1.1")
            until(lambda: version(running) == "1.1")
        else:
            running.process.send_signal(signal.SIGHUP)
        until(lambda: running.server != first)
        until(lambda: not exists(first))
    assert {status for one in loads for status in one.statuses} == {200}


def test_the_old_bundle_goes_on_when_the_new_one_is_not_whole(running, models):
    first = running.server
    (models / "ham10000" / "model.onnx").write_bytes(b"half")
    until(lambda: "goes on with the old ones" in running.log.read_text())
    assert (ask(running), version(running), running.server) == (200, "1.0", first)
    shutil.rmtree(models / "ham10000")
    make_tiny_bundle(models / "ham10000", "1.2")
    until(lambda: version(running) == "1.2")


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
    running = Served(f"http://127.0.0.1:{port}", tmp_path, process)
    try:
        until(lambda: accepts(running))
        assert [ask(running) for _ in range(3)] == [200] * 3
    finally:
        process.terminate()
        assert process.wait(TIMEOUT) == 0


def test_a_server_that_cannot_start_is_not_started_again_and_again(models, tmp_path):
    (tmp_path / "sitecustomize.py").write_text(
        "import sys\nif 'app.worker' in sys.orig_argv: __import__('os')._exit(7)\n"
    )
    done = subprocess.run(
        [sys.executable, "-m", "app"],
        check=False,
        cwd=ROOT,
        env=os.environ | {"BUNDLES": str(models), "PORT": "0", "PYTHONPATH": str(tmp_path)},
        capture_output=True,
        text=True,
        timeout=TIMEOUT,
    )
    assert (done.returncode, done.stdout) == (7, "")
    assert "ended before it was ready (status 7)" in done.stderr
