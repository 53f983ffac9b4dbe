"""What is counted in trouble, with servers whose answers are chosen by hand."""

import signal
import subprocess
import sys
import time
from types import SimpleNamespace

import pytest

from benchmarks import contenders, resilience
from benchmarks.contenders import MeasurementError
from benchmarks.load_generator import photo_request
from tests.benchmarks.scripted import Scripted

REQUEST = photo_request("/p", b"\xff\xd8photo")
BROKEN: list[bytes] = []
LATER = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"
WHOLE = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"


def after(seconds, answer):
    """The pieces of an answer that comes so late."""
    time.sleep(seconds)
    yield answer


def test_the_time_after_kill_is_that_to_an_answer_and_not_to_a_broken_connection():
    """Two connections break, one is told to come back, and the answer takes 300 ms."""
    with subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"]) as worker:
        with Scripted(BROKEN, BROKEN, [LATER], after(0.3, WHOLE)) as url:
            found = resilience.measure_kill(SimpleNamespace(url=url, workers=[worker]), REQUEST)
        assert worker.wait() == -signal.SIGKILL
    assert found["restart_lost"] == 3
    assert 300 <= found["restart"] < 20_000


def test_an_answer_at_once_loses_nothing():
    with Scripted([WHOLE]) as url:
        assert resilience.measure_kill(SimpleNamespace(url=url, workers=[]), REQUEST)["restart_lost"] == 0


def test_a_server_that_never_answers_again_is_given_up(monkeypatch):
    monkeypatch.setattr(contenders, "START_SECONDS", 0.1)
    with pytest.raises(MeasurementError, match=r"^it did not answer within 0\.1 s$"):
        contenders.wait_for_answer(f"http://127.0.0.1:{contenders.free_port()}", REQUEST)
