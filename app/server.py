"""waitress, set up so that no body and no answer ever touches the disk."""

import socket
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer, create_server

from app.bodies import IN_FLIGHT, BoundedBuffer, Budget
from app.settings import MEGABYTE, Settings
from data_modelling.inference.errors import InputError

SEVERAL_PHOTOS = ("/visit", "/api/v1/visits")  # addresses whose body may be larger than one photo
THREADS = 8
CONNECTIONS = 100
RECEIVED_AT_ONCE = 64 * 1024  # bytes
IDLE_SECONDS = 60  # after which a connection that sends nothing is closed
LARGEST_SWALLOWED = 256 * MEGABYTE  # a body above the app's limit is read and forgotten up to here
LARGEST_ANSWER = 16 * MEGABYTE  # far above any; from here on waitress would write an answer to disk


class ListenError(InputError):
    """The address and port cannot be listened on."""


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Receives a body into memory, and one that is too large to its end, so that the app can answer it.

    waitress would put it into a temporary file, and break off a large one with a plain text of its own.
    """

    def __init__(self, adj: Any, budget: Budget, largest_visit: int) -> None:
        super().__init__(adj)
        self._budget = budget
        self._largest_visit = largest_visit

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            several = self.path in SEVERAL_PHOTOS
            limit = self._largest_visit if several else self.adj.inbuf_overflow
            self.body_rcv.buf = BoundedBuffer(limit, self._budget)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection with that parser, which lets go of what it has received when it is closed."""

    def parser_class(self, adj: Any) -> Parser:
        return Parser(adj, self.server.budget, self.server.largest_visit)

    def handle_close(self) -> None:
        if self.request is not None:
            self.request.close()
        super().handle_close()


def listen(host: str, port: int) -> socket.socket:
    """A socket on the address; raises ListenError when that is not possible."""
    try:
        family, _, _, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        return socket.create_server(address[:2], family=family)
    except OSError as error:
        reason = str(error.strerror or error).partition(" (")[0]  # Python adds the address in brackets
        raise ListenError(
            f"Cannot listen on {host} port {port} ({reason}); set HOST or PORT to another."
        ) from error


def make_server(app: Flask, settings: Settings) -> TcpWSGIServer:
    """A server that is bound and waits for run(); its effective_port is the port it got."""
    options: dict[str, Any] = {
        "threads": THREADS,
        "connection_limit": CONNECTIONS,
        "channel_timeout": IDLE_SECONDS,
        "recv_bytes": RECEIVED_AT_ONCE,
        "max_request_body_size": LARGEST_SWALLOWED,
        "inbuf_overflow": settings.max_body_bytes,
        "outbuf_overflow": LARGEST_ANSWER,
        # waitress takes X-Forwarded-* away unless told otherwise; with proxies, the app reads them itself.
        "clear_untrusted_proxy_headers": settings.trusted_proxies == 0,
        "ident": None,
    }
    server = create_server(app, sockets=[listen(settings.host, settings.port)], **options)
    server.budget = Budget(IN_FLIGHT)
    server.largest_visit = settings.max_visit_body_bytes
    server.channel_class = Channel
    return server
