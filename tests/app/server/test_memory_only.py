"""The real server keeps photos in memory, and bounds that memory."""

import http.client
import re
import shutil
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from io import BytesIO
from pathlib import Path
from threading import Barrier
from urllib.parse import urlsplit

import numpy as np
import pytest
from PIL import Image
from werkzeug.datastructures import MultiDict
from werkzeug.test import encode_multipart

from app.settings import MEGABYTE
from tests.app.conftest import photo, upload
from tests.app.server.answering_process import answering_process
from tools.serving import AppServer, run_app

TIMEOUT = 60  # seconds; far above what is ever needed
NO_FILES = ("sh", "-c", 'ulimit -f 0 && exec "$@"', "sh")  # RLIMIT_FSIZE: not one byte to any regular file
SECRETS = {"age": "83.25", "sex": "female", "site": "oral/genital", "crop_x": "0.0123", "crop_y": "0.0321"}
NAME = "Jane_Doe_19511224.png"
PATHS = ("/", "/api/v1/predictions")


def large_photo() -> bytes:
    """A real photo of about 19 MB, since noise cannot be packed."""
    file = BytesIO()
    noise = np.random.default_rng(1).integers(0, 256, (2500, 2650, 3), np.uint8)
    Image.fromarray(noise).save(file, "PNG", compress_level=0)
    assert 18.5 * MEGABYTE < file.tell() < 20 * MEGABYTE
    return file.getvalue()


def body_of(data: bytes, **fields: str) -> tuple[bytes, dict[str, str]]:
    """A form with that photo, and its headers."""
    boundary, body = encode_multipart(MultiDict({"photo": upload(data, NAME), **fields}))
    return body, {"Content-Type": f"multipart/form-data; boundary={boundary}"}


def send(url: str, path: str, data: bytes, **fields: str) -> int:
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=TIMEOUT)
    try:
        connection.request("POST", path, *body_of(data, **fields))
        response = connection.getresponse()
        response.read()
        return response.status
    finally:
        connection.close()


@pytest.fixture
def environment(bundles: Path, tmp_path: Path) -> dict[str, str]:
    """With a temporary folder that nobody may write to."""
    temporary = tmp_path / "temporary"
    temporary.mkdir(mode=0o555)
    return {"BUNDLES": str(bundles), "TMPDIR": str(temporary), "PYTHONDONTWRITEBYTECODE": "1"}


def test_nineteen_megabytes_are_answered_where_no_file_can_be_written(environment, tmp_path):
    data = large_photo()
    with run_app(tmp_path / "log", environment, NO_FILES) as running:
        statuses = [send(running.url, path, data, **SECRETS, crop_size="0.9") for path in PATHS]
        statuses += [send(running.url, path, photo()[:-90], **SECRETS) for path in PATHS]
    assert statuses == [200, 200, 422, 422]
    assert_silent((tmp_path / "log").read_text())
    assert list((tmp_path / "temporary").iterdir()) == []


def assert_silent(log: str) -> None:
    assert "POST pages.answer 200" in log
    for secret in (NAME, "Jane", *SECRETS.values(), "genital"):
        assert secret not in log


def test_no_regular_file_is_opened_for_writing(environment, tmp_path):
    if not strace_runs():
        pytest.skip("strace is not there, or may not trace here")
    calls = tmp_path / "calls"
    # onnxruntime is silent by itself where CI is set; it has to be everywhere.
    bare = ("env", "-u", "CI", "-u", "ORT_DISABLE_TELEMETRY", "-u", "ORT_RUNNING_UNIT_TESTS")
    trace = (
        *bare,
        "strace",
        "-D",
        "-f",
        "--seccomp-bpf",
        "-e",
        "trace=open,openat,openat2,creat,connect",
        "-o",
        str(calls),
    )
    with run_app(tmp_path / "log", environment, trace) as running:
        assert [send(running.url, path, large_photo()) for path in PATHS] == [200, 200]
    until = time.monotonic() + TIMEOUT
    last = re.compile(rf"^{running.process.pid} +[+]{{3}} ", re.MULTILINE)
    while not last.search(calls.read_text()):  # strace goes a moment after the app
        assert time.monotonic() < until
        time.sleep(0.05)
    opened = calls.read_text()
    assert "model.onnx" in opened
    writing = [line for line in opened.splitlines() if re.search("O_WRONLY|O_RDWR|O_CREAT|creat\\(", line)]
    assert [line for line in writing if not re.search('"/(dev|proc|sys)/', line)] == []
    assert [line for line in opened.splitlines() if "connect(" in line] == []  # and nobody is called


def strace_runs() -> bool:
    if shutil.which("strace") is None:
        return False
    return subprocess.run(["strace", "-qq", "-o", "/dev/null", "true"], check=False).returncode == 0


def peak_megabytes(running: AppServer) -> float:
    """The largest resident memory that the server ever had."""
    status = Path(f"/proc/{answering_process(running)}/status")
    if not status.exists():
        pytest.skip("there is no /proc here")
    found = re.search(r"VmHWM:\s+(\d+) kB", status.read_text())
    assert found is not None
    return int(found[1]) / 1024


CLIENTS = 20


def test_twenty_clients_of_twenty_megabytes_at_once(bundles, tmp_path):
    """All bodies are on their way together; what goes beyond 256 MB is told to come back."""
    data = photo()
    data += bytes(20 * MEGABYTE - len(data))
    body, headers = body_of(data)
    everybody_has_sent = Barrier(CLIENTS)

    def ask(url: str) -> tuple[int, bool]:
        with socket.create_connection(urlsplit(url).netloc.split(":"), timeout=TIMEOUT) as connection:
            lines = ["POST /api/v1/predictions HTTP/1.1", "Host: 127.0.0.1", f"Content-Length: {len(body)}"]
            lines += [f"{name}: {value}" for name, value in headers.items()]
            connection.sendall("\r\n".join([*lines, "Connection: close", "", ""]).encode() + body[:-1])
            everybody_has_sent.wait(TIMEOUT)
            connection.sendall(body[-1:])
            response = http.client.HTTPResponse(connection)
            response.begin()
            response.read()
            return response.status, "Retry-After" in response.headers

    with run_app(tmp_path / "log", {"BUNDLES": str(bundles), "PROCESSES": "1"}) as running:
        before = peak_megabytes(running)
        with ThreadPoolExecutor(CLIENTS) as pool:
            answers = list(pool.map(ask, [running.url] * CLIENTS))
        peak = peak_megabytes(running)
        assert send(running.url, "/", photo()) == 200  # and everything was given back
    assert set(answers) == {(200, False), (503, True)}
    assert answers.count((200, False)) == 256 // 20
    assert peak - before < 450
    assert peak < 600
