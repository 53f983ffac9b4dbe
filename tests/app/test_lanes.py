"""Our waitress with an application that answers when it is told to."""

import socket
import time
from contextlib import contextmanager
from http.client import HTTPConnection
from threading import Event, Thread, current_thread

import pytest

from app import lanes
from app.bodies import TurnedAway
from app.keeper import listen
from app.server import Server
from app.settings import SLOTS, Settings
from app.shared import Shared

TIMEOUT = 20  # seconds; far above what is ever needed
POST = (
    b"POST /api/v1/predictions HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=b\r\n"
    b"Content-Length: 5\r\n\r\nphoto"
)


class Application:
    """Answers photos once `go_on` is set, all else at once; notes what it was asked."""

    def __init__(self):
        self.go_on = Event()
        self.inside = 0
        self.asked = []
        self.threads = []

    def __call__(self, environ, start_response):
        self.threads.append(current_thread().name)
        body = environ["wsgi.input"]
        status = "503 Service Unavailable" if isinstance(body, TurnedAway) else "200 OK"
        if environ["REQUEST_METHOD"] == "POST" and status == "200 OK":
            self.inside += 1
            assert self.go_on.wait(TIMEOUT)
        self.asked.append((environ["REQUEST_METHOD"], status[:3], environ["REMOTE_PORT"]))
        start_response(status, [("Content-Length", "2")])
        return [b"ok"]


@pytest.fixture
def application():
    return Application()


@contextmanager
def running(application, *shared):
    listener = listen("127.0.0.1", 0)
    server = Server(application, Settings(processes=2), listener, *shared)
    server.port = listener.getsockname()[1]
    thread = Thread(target=server.run, name="receiving")
    thread.start()
    try:
        yield server
    finally:
        application.go_on.set()
        server.stop()
        thread.join(TIMEOUT)
        assert not thread.is_alive()


@pytest.fixture
def server(application):
    with running(application) as found:
        yield found


@pytest.fixture
def one_of_two(application):
    """A process that has another one beside it, which never answers."""
    with running(application, Shared(), 0) as found:
        yield found


def until(condition):
    end = time.monotonic() + TIMEOUT
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.01)


def post(server, request=POST):
    connection = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
    connection.sendall(request)
    return connection


def form(path, photo):
    head = f"POST {path} HTTP/1.1\r\nHost: a\r\nContent-Length: {len(photo)}\r\n\r\n"
    return head.encode() + photo


@pytest.mark.parametrize(
    ("path", "photo", "thread"),
    [
        ("/api/v1/predictions", b"\xff\xd8\xff of a JPEG", "receiving"),
        ("/", b"field\r\n\r\n\xff\xd8\xff of a JPEG", "receiving"),
        ("/visit", b"\xff\xd8\xff of one of several", "photos-0"),
        ("/api/v1/predictions", b"\x89PNG, which may take long", "photos-0"),
        ("/api/v1/predictions", b"\xff\xd8\xff" + bytes(lanes.QUICK_BYTES), "photos-0"),
        ("/api/v1/predictions", bytes(lanes.FORM_START) + b"\xff\xd8\xff", "photos-0"),
    ],
)
def test_with_a_process_a_core_the_thread_that_receives_answers_an_ordinary_photo(
    application, one_of_two, path, photo, thread
):
    application.go_on.set()
    with post(one_of_two, form(path, photo)) as connection:
        assert connection.recv(100).startswith(b"HTTP/1.1 200")
    assert application.threads == [thread]


def test_photos_that_it_answers_itself_are_turned_away_beyond_the_limit_too(
    application, one_of_two, monkeypatch
):
    monkeypatch.setattr(lanes, "MOST_WAITING", 4)  # in both processes
    connections = [post(one_of_two, form("/", b"\xff\xd8\xff"))]
    until(lambda: application.inside == 1)
    connections += [post(one_of_two, form("/", b"\xff\xd8\xff")) for _ in range(5)]
    time.sleep(0.2)  # until all wait, for this thread is busy
    application.go_on.set()
    statuses = sorted(connection.recv(100)[9:12] for connection in connections)
    assert statuses == [b"200"] * 3 + [b"503"] * 3
    for connection in connections:
        connection.close()


def test_as_many_photos_at_once_as_there_are_slots_and_a_page_waits_for_none(application, server):
    connections = [post(server) for _ in range(SLOTS + 3)]
    until(lambda: application.inside == SLOTS)
    page = HTTPConnection("127.0.0.1", server.port, timeout=TIMEOUT)
    page.request("GET", "/")
    assert page.getresponse().status == 200
    assert application.inside == SLOTS
    application.go_on.set()
    assert [connection.recv(100)[9:12] for connection in connections] == [b"200"] * len(connections)
    for connection in (*connections, page):
        connection.close()


def test_what_is_beyond_the_limit_is_turned_away_while_others_wait(application, server, monkeypatch):
    monkeypatch.setattr(lanes, "MOST_WAITING", 2)
    connections = [post(server) for _ in range(SLOTS)]
    until(lambda: application.inside == SLOTS)
    waiting = [post(server) for _ in range(2)]
    until(lambda: server.task_dispatcher._photos._waiting.qsize() == 2)
    refused = post(server)
    assert refused.recv(100).startswith(b"HTTP/1.1 503")  # while all others wait
    application.go_on.set()
    connections += waiting
    assert [connection.recv(100)[9:12] for connection in connections] == [b"200"] * len(connections)
    for connection in (*connections, refused):
        connection.close()


def test_a_photo_that_has_waited_too_long_is_turned_away_when_its_turn_comes(
    application, server, monkeypatch
):
    monkeypatch.setattr(lanes, "OVERDUE", 0.2)
    connections = [post(server) for _ in range(SLOTS + 1)]
    until(lambda: application.inside == SLOTS)
    time.sleep(0.3)
    application.go_on.set()
    statuses = [connection.recv(100)[9:12] for connection in connections]
    assert statuses == [b"200"] * SLOTS + [b"503"]
    for connection in connections:
        connection.close()


def test_a_lane_is_full_when_its_photos_would_have_to_wait_too_long():
    held = Event()

    class Slow:
        def service(self):
            assert held.wait(TIMEOUT)

    lane = lanes.Lane("test", 1)
    for _ in range(5):
        lane.put(Slow())
    until(lambda: lane._waiting.qsize() == 4)
    lane.seconds = lanes.LONGEST_WAIT / 4
    assert not lane.is_full
    lane.seconds *= 1.1
    assert lane.is_full
    held.set()
    lane.close(TIMEOUT)
    assert lane.seconds < lanes.LONGEST_WAIT / 4  # it has learned


def test_the_photo_of_a_client_that_has_gone_is_not_looked_at(application, server):
    first = [post(server) for _ in range(SLOTS)]
    until(lambda: application.inside == SLOTS)
    gone = [post(server) for _ in range(5)]
    until(lambda: server.task_dispatcher._photos._waiting.qsize() == 5)
    for connection in gone:
        connection.close()
    until(lambda: len(server.active_channels) == SLOTS)
    application.go_on.set()
    last = post(server)
    assert last.recv(100).startswith(b"HTTP/1.1 200")
    assert application.inside == SLOTS + 1
    for connection in (*first, last):
        connection.close()


def test_a_fault_in_serving_ends_no_thread(caplog):
    class Faulty:
        def service(self):
            raise ValueError("of a test")

    served = Event()

    class Good:
        def service(self):
            served.set()

    lane = lanes.Lane("test", 1)
    lane.put(Faulty())
    lane.put(Good())
    assert served.wait(TIMEOUT)
    lane.close(TIMEOUT)
    assert "could not be served" in caplog.text


def test_who_keeps_us_waiting_longest_makes_room(server, monkeypatch):
    monkeypatch.setattr("app.server.CONNECTIONS", 3)
    connections = []
    for number in range(4):
        connection = socket.create_connection(("127.0.0.1", server.port), TIMEOUT)
        connection.sendall(b"POST / HTTP/1.1\r\n")
        connections.append(connection)
        until(lambda number=number: len(server.active_channels) == min(number + 1, 3))
        time.sleep(0.02)
    assert connections[0].recv(1) == b""
    assert len(server.active_channels) == 3
    for connection in connections:
        connection.close()


def test_a_server_that_is_to_stop_answers_what_arrives_and_waits_for_nothing_that_does_not(
    application, server, monkeypatch
):
    monkeypatch.setattr("app.server.STALLED_SECONDS", 0.3)
    application.go_on.set()
    idle, stalled, arriving = (
        socket.create_connection(("127.0.0.1", server.port), TIMEOUT) for _ in range(3)
    )
    stalled.sendall(POST[:50])
    arriving.sendall(POST[:-1])
    until(lambda: sum(channel.request is not None for channel in server.active_channels.values()) == 2)
    server.stop()
    arriving.sendall(POST[-1:])
    assert arriving.recv(100).startswith(b"HTTP/1.1 200")
    assert (idle.recv(1), stalled.recv(1)) == (b"", b"")
    for connection in (idle, stalled, arriving):
        connection.close()


@pytest.mark.parametrize(
    ("age", "received", "is_too_slow"), [(59, 0, False), (61, 50_000, True), (61, 70_000, False)]
)
def test_a_request_has_to_arrive_within_a_minute_or_not_too_slowly(application, age, received, is_too_slow):
    listener = listen("127.0.0.1", 0)
    server = Server(application, Settings(), listener)
    parser = server.channel_class.parser_class(type("Channel", (), {"server": server})(), server.adj)
    parser.body_bytes_received = received
    assert parser.is_too_slow(parser.begun + age) is is_too_slow
    server.task_dispatcher.shutdown()
    server.close()
