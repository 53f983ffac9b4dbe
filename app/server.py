"""waitress, set up so that no body and no answer ever touches the disk."""

import socket
from io import BytesIO
from typing import Any

from flask import Flask
from waitress.channel import HTTPChannel
from waitress.parser import HTTPRequestParser
from waitress.server import TcpWSGIServer, create_server

from app.settings import MEGABYTE, Settings
from data_modelling.inference.errors import InputError

THREADS = 8
CONNECTIONS = 100
IDLE_SECONDS = 60  # after which a connection that sends nothing is closed
LARGEST_SWALLOWED = 256 * MEGABYTE  # a body above the app's limit is read and forgotten up to here
LARGEST_ANSWER = 16 * MEGABYTE  # far above any; from here on waitress would write an answer to disk


class ListenError(InputError):
    """The address and port cannot be listened on."""


class BoundedBuffer:
    """The body of a request in memory; one that grows beyond `limit` bytes is forgotten and only counted."""

    def __init__(self, limit: int) -> None:
        self._limit = limit
        self._kept = BytesIO()
        self._received = 0

    def append(self, data: bytes) -> None:
        self._received += len(data)
        if self._received <= self._limit:
            self._kept.write(data)
        else:
            self._kept = BytesIO()

    def __len__(self) -> int:
        return self._received

    def getfile(self) -> BytesIO:
        self._kept.seek(0)
        return self._kept

    def close(self) -> None:
        self._kept.close()


class Parser(HTTPRequestParser):  # type: ignore[misc]  # waitress has no types
    """Receives a body that is too large to its end, so that the app can answer it.

    waitress would break off with a plain text of its own, and a browser that is still sending then shows
    "connection reset" instead of the answer. The app sees the length and answers 413.
    """

    def parse_header(self, header_plus: bytes) -> None:
        super().parse_header(header_plus)
        if self.body_rcv is not None:
            self.body_rcv.buf = BoundedBuffer(self.adj.inbuf_overflow)


class Channel(HTTPChannel):  # type: ignore[misc]  # waitress has no types
    """A connection with that parser."""

    parser_class = Parser


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
        "max_request_body_size": LARGEST_SWALLOWED,
        "inbuf_overflow": settings.max_body_bytes,
        "outbuf_overflow": LARGEST_ANSWER,
        # waitress takes X-Forwarded-* away unless told otherwise; with proxies, the app reads them itself.
        "clear_untrusted_proxy_headers": settings.trusted_proxies == 0,
        "ident": None,
    }
    server = create_server(app, sockets=[listen(settings.host, settings.port)], **options)
    server.channel_class = Channel
    return server
