"""The bodies of requests while they arrive: in memory, each within its limit, all together within a budget."""

from io import BytesIO
from threading import Lock

from flask import Flask, request

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


class BoundedBuffer:
    """The body of a request in memory; one that finds no room is read to its end, but only counted.

    So the app can answer it: a browser that is still sending when the connection is closed shows
    "connection reset" in place of the answer. No room: more than `limit` bytes, or more than the budget has left.
    """

    def __init__(self, limit: int, budget: Budget) -> None:
        self._limit = limit
        self._budget = budget
        self._kept = BytesIO()
        self._held = 0
        self._received = 0
        self._turned_away = False

    def append(self, data: bytes) -> None:
        self._received += len(data)
        if self._turned_away or self._received > self._limit:
            self._forget()
        elif self._budget.take(len(data)):
            self._held += len(data)
            self._kept.write(data)
        else:
            self._turned_away = True
            self._forget()

    def _forget(self) -> None:
        self._kept = BytesIO()
        self._budget.give_back(self._held)
        self._held = 0

    def __len__(self) -> int:
        return self._received

    def getfile(self) -> BytesIO:
        if self._turned_away:
            return TurnedAway()
        self._kept.seek(0)
        return self._kept

    def close(self) -> None:
        self._forget()


def init_app(app: Flask) -> None:
    """Answer those whose body found no room."""
    app.before_request(refuse_turned_away)


def refuse_turned_away() -> None:
    """Raise Problem for a request whose body was not kept."""
    if isinstance(request.environ.get("wsgi.input"), TurnedAway):
        raise problem("busy", "Too many photos are being sent just now. Try again.", retry_after=RETRY_AFTER)
