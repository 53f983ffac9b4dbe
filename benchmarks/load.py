"""Clients that ask a server as fast as it answers: one thread and plain sockets, to take little of its processor."""

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

PATIENCE = 20.0  # seconds
RECEIVED_AT_ONCE = 64 * 1024  # bytes
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})")
LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BOUNDARY = "benchmark"


@dataclass
class Load:
    """What the clients saw.

    milliseconds: of the requests answered 200, from the first byte sent to the last one received. statuses: how many
    answers of each; 0 stands for a connection that broke. refused: milliseconds of those answered 503. seconds: from
    the first request to the last answer.
    """

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Requests answered 200 a second."""
        return len(self.milliseconds) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """The milliseconds within which this share (0-1) of the requests was answered; NaN without any."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def photo_request(path: str, data: bytes, kind: str = "image/jpeg", **fields: str) -> bytes:
    """A whole request that posts a photo and text fields to a path."""
    parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    opened = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    body = b"".join([*parts, opened.encode(), data, f"\r\n--{BOUNDARY}--\r\n".encode()])
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """One connection: sends a request, waits for its answer, goes on; connects again where the server closes."""

    def __init__(self, address: tuple[str, int], selector: selectors.BaseSelector) -> None:
        self._address = address
        self._selector = selector
        self._socket: socket.socket | None = None
        self._left = memoryview(b"")
        self._received = b""
        self._length: int | None = None
        self.started = 0.0

    def send(self, request: bytes) -> None:
        """Begin the next request."""
        if self._socket is None:
            self._socket = socket.create_connection(self._address)
            self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._socket.settimeout(0)
            self._selector.register(self._socket, selectors.EVENT_WRITE, self)
        else:
            self._selector.modify(self._socket, selectors.EVENT_WRITE, self)
        self.started = time.perf_counter()
        self._left, self._received, self._length = memoryview(request), b"", None
        self.go_on()

    def go_on(self) -> int | None:
        """Send or receive what can be; the status once the answer is whole, 0 if the connection broke."""
        if self._socket is None:
            return 0
        try:
            if self._left:
                self._left = self._left[self._socket.send(self._left) :]
                if not self._left:
                    self._selector.modify(self._socket, selectors.EVENT_READ, self)
                return None
            data = self._socket.recv(RECEIVED_AT_ONCE)
        except BlockingIOError:
            return None
        except OSError:
            self.close()
            return 0
        if not data:
            return self._ended()
        self._received += data
        return self._whole()

    def _whole(self) -> int | None:
        head, found, body = self._received.partition(b"\r\n\r\n")
        if not found:
            return None
        length = LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return None  # without a length, the end of the connection is the end of the answer
        if b"connection: close" in head.lower() or head.startswith(b"HTTP/1.0"):
            self.close()
        return self._status()

    def _ended(self) -> int:
        """The server closed the connection: the end of an answer without a length, or none."""
        self.close()
        head, found, _ = self._received.partition(b"\r\n\r\n")
        return self._status() if found and LENGTH.search(head) is None else 0

    def _status(self) -> int:
        found = STATUS_LINE.match(self._received)
        return int(found[1]) if found else 0

    def close(self) -> None:
        if self._socket is not None:
            self._selector.unregister(self._socket)
            self._socket.close()
            self._socket = None


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise ValueError(f"{url} names no host and port, such as http://127.0.0.1:8000.")
    return parts.hostname, parts.port


def load(
    url: str,
    requests: Sequence[bytes],
    clients: int,
    seconds: float = float("inf"),
    count: float = float("inf"),
) -> Load:
    """Let so many clients send these requests, in turn, for so long or so many.

    Who waits then is waited for, for PATIENCE: an answer that takes longer counts as none. Raises ValueError for a URL
    without host and port.
    """
    address = _address(url)
    found, turn = Load(), cycle(requests)
    with selectors.DefaultSelector() as selector:
        everybody = [Client(address, selector) for _ in range(clients)]
        begun = time.perf_counter()
        sent = 0
        for client in everybody[: int(min(clients, count))]:
            client.send(next(turn))
            sent += 1
        running = sent
        while running:
            if time.perf_counter() - begun > seconds + PATIENCE:
                found.statuses[0] += running
                for client in everybody:
                    client.close()
                break
            for key, _ in selector.select(1.0):
                client = key.data
                status = client.go_on()
                if status is None:
                    continue
                now = time.perf_counter()
                _count(found, status, 1000 * (now - client.started))
                if now - begun < seconds and sent < count:
                    client.send(next(turn))
                    sent += 1
                else:
                    client.close()
                    running -= 1
        found.seconds = time.perf_counter() - begun
    return found


def _count(found: Load, status: int, milliseconds: float) -> None:
    found.statuses[status] += 1
    if status == 200:
        found.milliseconds.append(milliseconds)
    elif status == 503:
        found.refused.append(milliseconds)
