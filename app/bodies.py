"""The bodies of requests while they arrive: in memory, each within its limit, all together within a budget."""

from collections import deque
from io import BufferedReader, BytesIO, RawIOBase
from threading import Lock
from typing import IO

from flask import Flask, request

from app.languages import say as _
from app.problems import problem
from app.settings import MEGABYTE

IN_FLIGHT = 256 * MEGABYTE  # of all bodies that are being received or answered at one moment
RETRY_AFTER = 10  # seconds after which other bodies are likely to be answered


class Budget:
    """Bytes that may be held at once; safe to use from several threads."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Whether there was room for so many more bytes; if so they are taken."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        """Bytes that are no longer held."""
        with self._lock:
            self._left += count


class TurnedAway(BytesIO):
    """Stands in for a body that found no room in the budget."""


class Received(RawIOBase):
    """What was received, piece by piece; each is let go once it is read, so that a form is not held twice."""

    def __init__(self, pieces: deque[bytes]) -> None:
        self._pieces = pieces
        self._read = 0  # bytes of the first piece

    def readable(self) -> bool:
        return True

    def readinto(self, target: bytearray | memoryview) -> int:  # type: ignore[override]  # any buffer
        if not self._pieces:
            return 0
        first = memoryview(self._pieces[0])[self._read : self._read + len(target)]
        target[: len(first)] = first
        self._read += len(first)
        if self._read == len(self._pieces[0]):
            self._pieces.popleft()
            self._read = 0
        return len(first)


class BoundedBuffer:
    """The body of a request in memory; one that finds no room is read to its end, but only counted.

    So the app can answer it: a browser that is still sending when the connection is closed shows
    "connection reset" in place of the answer. No room: more than `limit` bytes, or more than the budget has left.
    """

    def __init__(self, limit: int, budget: Budget) -> None:
        self._limit = limit
        self._budget = budget
        self._pieces: deque[bytes] = deque()
        self._held = 0
        self._received = 0
        self._turned_away = False

    def append(self, data: bytes) -> None:
        self._received += len(data)
        if self._turned_away or self._received > self._limit:
            self._forget()
        elif self._budget.take(len(data)):
            self._held += len(data)
            self._pieces.append(data)
        else:
            self.turn_away()

    def turn_away(self) -> None:
        """Forget what was received: the app will answer that it is busy."""
        self._turned_away = True
        self._forget()

    def _forget(self) -> None:
        self._pieces.clear()
        self._budget.give_back(self._held)
        self._held = 0

    def __len__(self) -> int:
        return self._received

    def begins_with(self, mark: bytes, within: int) -> bool:
        """Whether some bytes are among the first that came."""
        return bool(self._pieces) and mark in self._pieces[0][:within]

    def getfile(self) -> IO[bytes]:
        return TurnedAway() if self._turned_away else BufferedReader(Received(self._pieces))

    def close(self) -> None:
        self._forget()


def init_app(app: Flask) -> None:
    """Answer those whose body found no room."""
    app.before_request(refuse_turned_away)


def refuse_turned_away() -> None:
    """Raise Problem for a request whose body was not kept."""
    if isinstance(request.environ.get("wsgi.input"), TurnedAway):
        raise problem(
            "busy", _("Too many photos are being sent just now. Try again."), retry_after=RETRY_AFTER
        )
