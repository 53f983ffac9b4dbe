"""waitress, set up so that no body and no answer ever touches the disk, and that it finishes what it has begun."""

from __future__ import annotations

import logging
import socket
import time
from collections.abc import MutableMapping
from typing import Any

from flask import Flask
from waitress import wasyncore
from waitress.adjustments import Adjustments
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser, ParsingError
from waitress.server import TcpWSGIServer
from waitress.task import ErrorTask
from waitress.utilities import logger

from app.bodies import IN_FLIGHT, BoundedBuffer, Budget
from app.keeper import BACKLOG
from app.lanes import SEVERAL_PHOTOS, Lanes
from app.problems import from_status, json_response
from app.requests_log import outside
from app.security import add_headers
from app.settings import MEGABYTE, Settings
from app.shared import Shared

CONNECTIONS = 700  # beyond, the one that has kept us waiting longest is closed for each that comes
RECEIVED_AT_ONCE = 256 * 1024  # bytes; most photos in one piece
IDLE_SECONDS = 60  # after which a connection that sends nothing is closed
SLOW_SECONDS = 60  # after which a request has to have arrived, or at least
SLOWEST = 1024  # bytes a second of it
LARGEST_SWALLOWED = 256 * MEGABYTE  # a body above the app's limit is read and forgotten up to here
ACCEPTED_AT_ONCE = 64  # connections, between two looks at those that are there
YIELD_SECONDS = 0.0003  # in which a process with fewer connections takes one that comes
LARGEST_ANSWER = 16 * MEGABYTE  # far above any; from here on waitress would write an answer to disk
STOP_SECONDS = (
    20  # that requests which are on their way when the server is to stop have to arrive and be answered
)
STALLED_SECONDS = (
    5.0  # without a byte of a request or an answer, after which nobody waits for the rest of it then
)
LINGER_SECONDS = 0.5  # that a connection without a request is kept open then, for one may just be on its way


class PathlessLog(logging.LoggerAdapter[logging.Logger]):
    """waitress's log without the path of a request: it may hold anything, line breaks too."""

    def process(self, msg: Any, kwargs: MutableMapping[str, Any]) -> tuple[str, MutableMapping[str, Any]]:
        return str(msg).partition(" while serving ")[0], kwargs


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Receives a body into memory, and one that is too large to its end, so that the app can answer it.

    waitress would put it into a temporary file, and break off a large one with a plain text of its own.
    """

    def __init__(self, adj: Any, budget: Budget, largest_visit: int) -> None:
        super().__init__(adj)
        self.begun = time.time()
        self._budget = budget
        self._largest_visit = largest_visit

    def parse_header(self, header_plus: bytes) -> None:
        try:
            super().parse_header(header_plus)
        except ValueError as error:  # of an address or a length that is none; waitress would hang up
            raise ParsingError("Bad request") from error
        if self.body_rcv is not None:
            several = self.path in SEVERAL_PHOTOS
            limit = self._largest_visit if several else self.adj.inbuf_overflow
            self.body_rcv.buf = BoundedBuffer(limit, self._budget)

    def is_too_slow(self, now: float) -> bool:
        """Whether it has been arriving for long, and slower than any network in use."""
        age = now - self.begun
        received = self.header_bytes_received + self.body_bytes_received
        return age > SLOW_SECONDS and received < age * SLOWEST


class Refusal(ErrorTask):  # type: ignore[misc]  # waitress has no types
    """The answer to a request that could not be read, in the form of the app's own; in English, as nothing is sure."""

    def execute(self) -> None:
        response = outside(add_headers(json_response(from_status(self.request.error.code))))
        body = response.get_data()
        self.status = response.status
        self.response_headers.extend(response.headers)
        self.set_close_on_finish()
        self.content_length = len(body)
        self.write(body)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection with that parser, which lets go of what it has received when it is closed."""

    logger = PathlessLog(logger)
    error_task_class = Refusal

    def parser_class(self, adj: Any) -> Parser:
        return Parser(adj, self.server.budget, self.server.largest_visit)

    def service(self) -> None:
        """Answer one request; the last one of this connection when the server is to stop."""
        if self.server.stopping and self.requests:
            self.requests[0].headers["CONNECTION"] = "close"
        super().service()

    def handle_error(self) -> None:
        """Close it after a fault, as waitress does, but without its address in the log."""
        self.logger.exception("a connection is closed after a fault")  # noqa: LOG004 - called where one is handled
        self.handle_close()

    def handle_close(self) -> None:
        if self.request is not None:
            self.request.close()
        super().handle_close()

    @property
    def waiting_since(self) -> float:
        """Since when it has kept us waiting for a whole request."""
        return self.request.begun if self.request is not None else float(self.last_activity)

    @property
    def is_idle(self) -> bool:
        """Whether nothing of a request or an answer is under way."""
        return not (self.requests or self.request or self.total_outbufs_len or self.close_when_flushed)


class Server(TcpWSGIServer):  # type: ignore[misc]  # waitress has no types
    """Answers on a socket that listens already, until it is told to stop."""

    channel_class = Channel

    def __init__(
        self,
        app: Flask,
        settings: Settings,
        listener: socket.socket,
        shared: Shared | None = None,
        seat: int = 0,
    ) -> None:
        """shared: with the other processes that answer on the socket, None where there is none. seat: its own there."""
        adjustments = Adjustments(
            sockets=[listener],
            backlog=BACKLOG,
            connection_limit=CONNECTIONS + 200,  # all of them with requests that wait to be answered: never
            channel_timeout=IDLE_SECONDS,
            channel_request_lookahead=1,  # else a client that has gone is noticed only when it is answered
            recv_bytes=RECEIVED_AT_ONCE,
            max_request_body_size=LARGEST_SWALLOWED,
            inbuf_overflow=settings.max_body_bytes,
            outbuf_overflow=LARGEST_ANSWER,
            # waitress takes X-Forwarded-* away unless told otherwise; with proxies, the app reads them itself.
            clear_untrusted_proxy_headers=settings.trusted_proxies == 0,
            ident=None,
            asyncore_use_poll=True,  # select knows no more than 1024 files
        )
        self.app = app
        processes = settings.process_count if shared else 1
        self.budget = Budget(max(IN_FLIGHT // processes, settings.max_visit_body_bytes))
        self.largest_visit = settings.max_visit_body_bytes
        self.stopping = False
        self._shared, self._seat = shared, seat
        self._serves_itself = False
        super().__init__(
            app,
            _sock=listener,
            dispatcher=Lanes(processes),
            adj=adjustments,
            sockinfo=(listener.family, listener.type, listener.proto, listener.getsockname()),
            bind_socket=False,
        )

    def stop(self) -> None:
        """Make run() return once what was begun is answered; may be called by a signal handler or another thread."""
        if not self.stopping:
            self.stopping = True
            super().pull_trigger()

    def pull_trigger(self) -> None:
        """Wake the thread that receives, unless it is this one."""
        if not self._serves_itself:
            super().pull_trigger()

    def run(self) -> None:
        """Serve until stop(), and then what has begun to arrive."""
        while not self.stopping:
            if self._shared:
                self._shared.sit(self._seat, len(self.active_channels))
            self._turn()
        if self._shared:
            self._shared.leave(self._seat)
        wasyncore.dispatcher.close(
            self
        )  # the socket alone; whoever connects now is answered by the next server
        until = time.time() + STOP_SECONDS
        while self.active_channels and time.time() < until:
            self._close_silent()
            self._turn(LINGER_SECONDS / 5)
        self.task_dispatcher.shutdown()
        wasyncore.close_all(self._map, ignore_all=True)

    def _turn(self, timeout: float = 1.0) -> None:
        """Receive and send what can be, and answer at most one of the photos that are quickly answered."""
        quick = self.task_dispatcher.quick
        wasyncore.loop(0.0 if quick else timeout, use_poll=True, map=self._map, count=1)
        self._serves_itself = True
        try:
            quick.serve_next()
        finally:
            self._serves_itself = False

    def _close_silent(self) -> None:
        now = time.time()
        for channel in list(self.active_channels.values()):
            silent = now - channel.last_activity
            if silent > (LINGER_SECONDS if channel.is_idle else STALLED_SECONDS) and not channel.requests:
                channel.handle_close()

    def handle_accept(self) -> None:
        """Accept who waits; where another process has fewer connections, one, and only if that one does not come."""
        if len(self.active_channels) >= CONNECTIONS:
            self._make_room()
        for _ in range(ACCEPTED_AT_ONCE):
            before = len(self.active_channels)
            is_ahead = self._shared is not None and not self._shared.has_fewest(self._seat, before)
            if is_ahead:
                time.sleep(YIELD_SECONDS)
            super().handle_accept()
            if is_ahead or not before < len(self.active_channels) < CONNECTIONS:
                break

    def _make_room(self) -> None:
        """Close the connection that has kept us waiting for a request for the longest time."""
        waiting = [one for one in self.active_channels.values() if not one.requests]
        if waiting:
            min(waiting, key=lambda one: one.waiting_since).handle_close()

    def maintenance(self, now: float) -> None:
        super().maintenance(now)
        for channel in self.active_channels.values():
            if not channel.requests and channel.request is not None and channel.request.is_too_slow(now):
                channel.will_close = True
