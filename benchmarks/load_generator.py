"""Send requests to a server as fast as it answers, from several clients at the same time."""

import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from http.client import HTTPConnection, HTTPException, HTTPResponse
from itertools import count as count_up
from urllib.parse import urlsplit

import numpy as np
from urllib3 import encode_multipart_formdata

TIMEOUT_SECONDS = 20.0  # if no byte comes for so long, the answer counts as lost


@dataclass
class LoadResult:
    """Hold the results of the clients.

    milliseconds: the time of each request that got status 200, from the first byte sent to the last byte received.
    statuses: number of requests by the status of their answer; status 0 means that no whole answer came. refused: the
    time of each request that got status 503, in milliseconds. seconds: time from the first request to the last answer.
    """

    milliseconds: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    refused: list[float] = field(default_factory=list)
    seconds: float = 0.0

    @property
    def rate(self) -> float:
        """Return how many requests per second got status 200."""
        return len(self.milliseconds) / self.seconds if self.seconds else 0.0

    @property
    def lost(self) -> int:
        """Return how many requests got an answer with another status than 200 (such as 503), or no whole answer."""
        return self.statuses.total() - self.statuses[200]

    def percentile(self, share: float) -> float:
        """Return the time (ms) within which this share (0-1) of the answers with status 200 came; NaN if none came."""
        times = self.milliseconds
        return float(np.quantile(times, share, method="higher")) if times else float("nan")


def photo_request(path: str, data: bytes, kind: str = "image/jpeg", **fields: str) -> bytes:
    """Return the bytes of an HTTP request that posts a photo and text fields. kind: the photo's media type."""
    body, content_type = encode_multipart_formdata({**fields, "photo": ("photo", data, kind)})
    head = f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}"
    return f"{head}\r\n\r\n".encode() + body


def run_load(
    url: str,
    requests: Sequence[bytes],
    clients: int,
    seconds: float = float("inf"),
    count: float = float("inf"),
) -> LoadResult:
    """Send these requests in turn from several clients. Stop after `count` requests, or when `seconds` have passed.

    A client sends its next request only after the answer to the one before. Raises ValueError for a URL without host or
    port, and OSError if a client cannot connect.
    """
    parts = urlsplit(url)
    if not parts.hostname or not parts.port:
        raise ValueError(f"{url} names no host and port, such as http://127.0.0.1:8000.")
    host, port = parts.hostname, parts.port
    numbers, started = count_up(), time.perf_counter()

    def run_client(_: int) -> list[tuple[int, float]]:
        answers: list[tuple[int, float]] = []
        connection = HTTPConnection(host, port, TIMEOUT_SECONDS)
        while (number := next(numbers)) < count and (not answers or time.perf_counter() - started < seconds):
            if connection.sock is None:
                connection.connect()
            sent = time.perf_counter()
            status = _status(connection, requests[number % len(requests)])
            answers.append((status, 1000 * (time.perf_counter() - sent)))
        connection.close()
        return answers

    with ThreadPoolExecutor(clients) as pool:
        answers = [answer for client in pool.map(run_client, range(clients)) for answer in client]
    return LoadResult(
        [milliseconds for status, milliseconds in answers if status == 200],
        Counter(status for status, _ in answers),
        [milliseconds for status, milliseconds in answers if status == 503],
        time.perf_counter() - started,
    )


def _status(connection: HTTPConnection, request: bytes) -> int:
    """Send a request; return its answer's status, or 0 if no whole answer comes. Close an unusable connection."""
    try:
        connection.send(request)
        response = HTTPResponse(connection.sock, method="POST")
        response.begin()
        response.read()
    except (OSError, HTTPException):
        connection.close()
        return 0
    if response.will_close:
        connection.close()
    # An answer in HTTP/1.1 has a length or chunks. If it has neither, the connection may have broken within the head.
    is_whole = response.version == 10 or response.chunked or "Content-Length" in response.headers
    return response.status if is_whole else 0
