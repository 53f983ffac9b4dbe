"""Limits the memory for the bodies of requests: all bodies that a process holds share one budget of bytes."""

import contextlib
from threading import Lock

from flask import Flask, Response, current_app, g, request

from app.http.photo_slots import too_many_photos
from app.settings import MEGABYTE, Settings

MAX_DISCARDED_BYTES = 256 * MEGABYTE  # maximum number of bytes of a refused body that are read and discarded
READ_BYTES = 64 * 1024  # bytes of a refused body that are read at a time
MAX_BYTES_IN_FLIGHT = 256 * MEGABYTE  # bytes of bodies in memory, divided among the processes; see init_app


class Budget:
    """Count the bytes that may be held at the same time. Several threads may use one budget."""

    def __init__(self, total: int) -> None:
        self._left = total
        self._lock = Lock()

    def take(self, count: int) -> bool:
        """Take `count` bytes if there is room for them; return whether there was room."""
        with self._lock:
            if count > self._left:
                return False
            self._left -= count
            return True

    def give_back(self, count: int) -> None:
        """Give back bytes that are no longer held."""
        with self._lock:
            self._left += count


def hold_bytes(count: int) -> None:
    """Reserve bytes of a body in the budget until the request is answered. Raises a 503 Problem if too few are left."""
    budget: Budget = current_app.extensions["body_budget"]
    if not budget.take(count):
        _give_back()  # frees the bytes now, because the request ends only after the rest of its body has been read
        raise too_many_photos()
    g.body_bytes = g.get("body_bytes", 0) + count


def init_app(app: Flask, settings: Settings) -> None:
    """Create the budget of a process. It has room for at least one body of the largest size (with several photos)."""
    total = max(MAX_BYTES_IN_FLIGHT // settings.process_count, settings.max_visit_body_bytes)
    app.extensions["body_budget"] = Budget(total)
    app.after_request(discard_rest)
    app.teardown_request(_give_back)


def discard_rest(response: Response) -> Response:
    """Read and discard the rest of a refused body.

    If the connection closes while a browser still sends, the browser shows "connection reset" and not the answer.
    """
    stream, left = request.environ["wsgi.input"], MAX_DISCARDED_BYTES
    with contextlib.suppress(OSError):  # if the client is gone or silent, nobody waits for the answer
        while left > 0 and (data := stream.read(READ_BYTES)):
            left -= len(data)
    return response


def _give_back(_error: BaseException | None = None) -> None:
    budget: Budget = current_app.extensions["body_budget"]
    budget.give_back(g.pop("body_bytes", 0))
