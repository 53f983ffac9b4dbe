"""Send requests to a server as fast as it answers, from one thread with plain sockets, which takes little processor time."""

import re
import selectors
import socket
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import cycle
from urllib.parse import urlsplit

TIMEOUT_SECONDS = 20.0
RECEIVED_AT_ONCE = 64 * 1024  # bytes
STATUS_LINE = re.compile(rb"HTTP/1\.[01] (\d{3})")
CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
BOUNDARY = "benchmark"


@dataclass
class LoadResult:
    """Hold the results of the clients.

    milliseconds: of the requests answered 200, from the first byte sent to the last byte received. statuses: number of
    answers of each status; 0 stands for a broken connection. refused: milliseconds of the requests answered 503. seconds: from
    the first request to the last answer.
    """

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Return how many requests were answered 200 in a second."""
        return len(self.milliseconds) / self.seconds if self.seconds else 0.0

    def percentile(self, share: float) -> float:
        """Return the milliseconds within which this share (0-1) of the requests was answered; NaN without any."""
        ordered = sorted(self.milliseconds)
        return ordered[min(int(share * len(ordered)), len(ordered) - 1)] if ordered else float("nan")


def photo_request(path: str, data: bytes, kind: str = "image/jpeg", **fields: str) -> bytes:
    """Return a whole request that posts a photo and text fields to a path."""
    text_parts = [
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'.encode()
        for name, value in fields.items()
    ]
    photo_head = (
        f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="photo"; filename="photo"\r\n'
        f"Content-Type: {kind}\r\n\r\n"
    )
    body = b"".join([*text_parts, photo_head.encode(), data, f"\r\n--{BOUNDARY}--\r\n".encode()])
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: multipart/form-data; boundary={BOUNDARY}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class Client:
    """Send requests over one connection, one after another; connect again if the server closes it."""

    def __init__(self, address: tuple[str, int], selector: selectors.BaseSelector) -> None:
        self._address = address
        self._selector = selector
        self._socket: socket.socket | None = None
        self._left = memoryview(b"")
        self._received = b""
        self._length: int | None = None
        self.started = 0.0

    def send(self, request: bytes) -> None:
        """Start the next request."""
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
        """Send or receive what is possible; return the status once the answer is complete, 0 if the connection broke."""
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
        head, separator, body = self._received.partition(b"\r\n\r\n")
        if not separator:
            return None
        length = CONTENT_LENGTH.search(head)
        if length is None or len(body) < int(length[1]):
            return None  # without a length, the end of the connection is the end of the answer
        if b"connection: close" in head.lower() or head.startswith(b"HTTP/1.0"):
            self.close()
        return self._status()

    def _ended(self) -> int:
        """Return the status of an answer without a length, which the closed connection ends; 0 if there is none."""
        self.close()
        head, separator, _ = self._received.partition(b"\r\n\r\n")
        return self._status() if separator and CONTENT_LENGTH.search(head) is None else 0

    def _status(self) -> int:
        match = STATUS_LINE.match(self._received)
        return int(match[1]) if match else 0

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


def run_load(
    url: str,
    requests: Sequence[bytes],
    clients: int,
    seconds: float = float("inf"),
    count: float = float("inf"),
) -> LoadResult:
    """Send these requests in turn from so many clients, for so many seconds or so many requests.

    The clients then wait for open answers, for at most TIMEOUT_SECONDS; later answers count as lost. Raises ValueError for a
    URL without host and port.
    """
    address = _address(url)
    result, next_requests = LoadResult(), cycle(requests)
    with selectors.DefaultSelector() as selector:
        all_clients = [Client(address, selector) for _ in range(clients)]
        started = time.perf_counter()
        sent = 0
        for client in all_clients[: int(min(clients, count))]:
            client.send(next(next_requests))
            sent += 1
        running = sent
        while running:
            if time.perf_counter() - started > seconds + TIMEOUT_SECONDS:
                result.statuses[0] += running
                for client in all_clients:
                    client.close()
                break
            for key, _ in selector.select(1.0):
                client = key.data
                status = client.go_on()
                if status is None:
                    continue
                now = time.perf_counter()
                _count(result, status, 1000 * (now - client.started))
                if now - started < seconds and sent < count:
                    client.send(next(next_requests))
                    sent += 1
                else:
                    client.close()
                    running -= 1
        result.seconds = time.perf_counter() - started
    return result


def _count(result: LoadResult, status: int, milliseconds: float) -> None:
    result.statuses[status] += 1
    if status == 200:
        result.milliseconds.append(milliseconds)
    elif status == 503:
        result.refused.append(milliseconds)
