"""Who is served when: photos in one lane, all else in another, so that neither a page nor a refusal waits for photos.

More photos than can be answered soon are turned away at once, and told when to come back.

Where the server has a process for each core, the thread that receives answers an ordinary photo itself, between two
looks at the connections: for those few milliseconds another thread would only contend with it for the interpreter.
"""

from __future__ import annotations

import logging
import time
from queue import SimpleQueue
from threading import Thread
from typing import Protocol

from app.bodies import BoundedBuffer
from app.settings import SLOTS

SEVERAL_PHOTOS = ("/visit", "/api/v1/visits")  # addresses whose body may be larger than one photo
PHOTO_PATHS = ("/", "/api/v1/predictions", *SEVERAL_PHOTOS)
PAGE_THREADS = 2
MOST_WAITING = (
    160  # photos in all processes; 40 MB of ordinary ones; of large ones the bodies' budget is the limit
)
QUICK_BYTES = 512 * 1024  # of a form with an ordinary photo
JPEG_START = b"\xff\xd8\xff"  # which is decoded quickly whatever its size: in parts
FORM_START = 4096  # bytes of a form within which its photo begins
LONGEST_WAIT = 4.0  # seconds that a photo may be expected to wait, as long as the last ones took
OVERDUE = 10.0  # seconds after which a photo that waited all the same, behind larger ones, is turned away too
MEMORY = 0.05  # weight of the last one in the mean of the seconds that they take

log = logging.getLogger("app.lanes")


class Body(Protocol):
    """Where waitress puts what it receives."""

    buf: BoundedBuffer


class Request(Protocol):
    """A request that was received whole."""

    command: str
    path: str
    body_rcv: Body | None
    error: object


class Channel(Protocol):
    """A connection with requests that wait to be answered."""

    requests: list[Request]

    def service(self) -> None:
        """Answer the first of them."""

    def cancel(self) -> None:
        """Forget them."""


class Line:
    """Who waits to be served by so many servers. seconds: what one takes, a mean that forgets."""

    def __init__(self, servers: int, processes: int = 1) -> None:
        """processes: of the server; each has a line like this one."""
        self.seconds = 0.0
        self._servers = servers
        self._processes = processes
        self._waiting: SimpleQueue[tuple[Channel, float] | None] = SimpleQueue()  # and since when

    def put(self, channel: Channel) -> None:
        """Line up."""
        self._waiting.put((channel, time.monotonic()))

    @property
    def is_full(self) -> bool:
        """Whether one more would have to wait too long."""
        waiting = self._waiting.qsize()
        expected = waiting * self.seconds / self._servers
        return waiting >= MOST_WAITING / self._processes or expected > LONGEST_WAIT

    def _serve(self, channel: Channel, since: float) -> None:
        begun = time.perf_counter()
        if time.monotonic() - since > OVERDUE:
            turn_away(channel)
        try:
            channel.service()  # drops the work when the client is gone
        except Exception:
            log.exception("a request could not be served")
        self.seconds += MEMORY * (time.perf_counter() - begun - self.seconds)


class Lane(Line):
    """A line with threads that serve it."""

    def __init__(self, name: str, threads: int, processes: int = 1) -> None:
        super().__init__(threads, processes)
        self._threads = [
            Thread(target=self._work, name=f"{name}-{number}", daemon=True) for number in range(threads)
        ]
        for thread in self._threads:
            thread.start()

    def _work(self) -> None:
        while (waiting := self._waiting.get()) is not None:
            self._serve(*waiting)

    def close(self, patience: float) -> None:
        """Let the threads end when they have served who waits, for at most so many seconds."""
        for _ in self._threads:
            self._waiting.put(None)
        until = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, until - time.monotonic()))


class Desk(Line):
    """A line that whoever calls `serve_next` serves."""

    def __bool__(self) -> bool:
        return not self._waiting.empty()

    def serve_next(self) -> None:
        """Serve the first, if there is one."""
        if self and (waiting := self._waiting.get_nowait()):
            self._serve(*waiting)


class Lanes:
    """In place of waitress's own threads. quick: what the thread that receives serves itself."""

    def __init__(self, processes: int = 1) -> None:
        """processes: of the server, this one included."""
        self._several = processes > 1
        self.quick = Desk(1, processes)
        self._photos = Lane("photos", 1 if self._several else SLOTS, processes)
        self._pages = Lane("pages", PAGE_THREADS)

    def add_task(self, channel: Channel) -> None:
        """Line up in the right lane; called by the thread that receives, so that nothing may wait here."""
        request = channel.requests[0]
        if not _is_photo(request):
            self._pages.put(channel)
            return
        line: Line = self.quick if self._several and _is_quick(request) else self._photos
        if line.is_full:
            turn_away(channel)
            self._pages.put(channel)
        else:
            line.put(channel)

    def shutdown(self, cancel_pending: bool = True, timeout: float = 5) -> bool:
        """As waitress calls it."""
        del cancel_pending
        self._photos.close(timeout)
        self._pages.close(timeout)
        return True


def turn_away(channel: Channel) -> None:
    """Forget the body of the request that is next; the app answers each kind of request in its own form."""
    body = channel.requests[0].body_rcv if channel.requests else None
    if body is not None:
        body.buf.turn_away()


def _is_photo(request: Request) -> bool:
    return (
        request.error is None
        and request.command == "POST"
        and request.body_rcv is not None
        and request.path in PHOTO_PATHS
    )


def _is_quick(request: Request) -> bool:
    body = request.body_rcv
    return (
        body is not None
        and request.path not in SEVERAL_PHOTOS
        and len(body.buf) <= QUICK_BYTES
        and body.buf.begins_with(JPEG_START, FORM_START)
    )
