import socket

import pytest

from app.server import open_listener
from benchmarks.load_generator import LoadResult, photo_request, run_load
from tests.benchmarks.scripted import Scripted

REQUEST = photo_request("/p", b"\xff\xd8photo", age="40")


@pytest.mark.parametrize(
    ("answer", "status"),
    [
        ([b"HTTP/1.1 200 OK\r\nContent-Le", b"ngth: 2\r\n\r\no", b"k"], 200),
        ([b"HTTP/1.0 200 OK\r\n\r\nto the end"], 200),
        ([b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\n\r\n"], 503),
        ([b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nhalf"], 0),
        ([b"HTTP/1.1 200 OK\r\n"], 0),
        ([], 0),
    ],
)
def test_only_whole_answers_count(answer, status):
    server = Scripted(answer)
    with server as url:
        found = run_load(url, [REQUEST], clients=1, count=1)
    assert found.statuses == {status: 1}
    assert len(found.milliseconds) == (status == 200)
    assert len(found.refused) == (status == 503)
    assert server.requests == [REQUEST]


def test_clients_connect_again_and_send_the_requests_in_turn():
    closing = [b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"]
    other = photo_request("/p", b"other")
    server = Scripted(closing, closing, closing)
    with server as url:
        found = run_load(url, [REQUEST, other], clients=1, count=3)
    assert found.statuses == {200: 3}
    assert server.requests == [REQUEST, other, REQUEST]


def test_a_server_that_is_not_there_is_an_error():
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    with pytest.raises(ConnectionRefusedError):
        run_load(f"http://127.0.0.1:{port}", [REQUEST], clients=1, count=1)


def test_an_address_without_a_port_is_refused():
    with pytest.raises(ValueError, match=r"http://127\.0\.0\.1 names no host and port"):
        run_load("http://127.0.0.1", [b""], clients=1, count=1)


def test_figures_by_hand():
    found = LoadResult(milliseconds=[float(value) for value in range(100, 0, -1)], seconds=4)
    assert found.rate == 25
    assert [found.percentile(share) for share in (0, 0.5, 0.95, 0.99, 1)] == [1, 51, 96, 100, 100]
    assert LoadResult().rate == 0


def test_the_form_is_one_that_the_app_reads(client):
    head, _, body = photo_request("/api/v1/predictions", b"no photo", age="200").partition(b"\r\n\r\n")
    length, kind = (
        line.partition(b": ")[2].decode()
        for line in sorted(head.split(b"\r\n"))
        if line.startswith(b"Content-")
    )
    assert int(length) == len(body)
    answer = client.post("/api/v1/predictions", data=body, content_type=kind)
    assert [error["code"] for error in answer.json["errors"]] == ["age_range"]


def test_an_answer_that_does_not_come_is_not_waited_for_without_end(monkeypatch):
    monkeypatch.setattr("benchmarks.load_generator.TIMEOUT_SECONDS", 0.2)
    with open_listener("127.0.0.1", 0) as silent:
        found = run_load(f"http://127.0.0.1:{silent.getsockname()[1]}", [REQUEST], clients=3, seconds=0.1)
    assert found.statuses == {0: 3}
    assert found.milliseconds == []
