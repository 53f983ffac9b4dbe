"""The headers in which trusted reverse proxies give the address of the client and the web address of the app."""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address, ip_address
from typing import TYPE_CHECKING
from urllib.parse import unquote

from werkzeug.middleware.proxy_fix import ProxyFix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

FOR, PROTO = "HTTP_X_FORWARDED_FOR", "HTTP_X_FORWARDED_PROTO"
HOST, PREFIX = "HTTP_X_FORWARDED_HOST", "HTTP_X_FORWARDED_PREFIX"
SCHEMES = ("http", "https")
# An IPv6 address in brackets or an IPv4 address, each with or without a port, or an IPv6 address without brackets, which
# has no port: all of "2001:db8::1:80" is an address.
ADDRESS = re.compile(r"(?:\[([^\[\]]+)\]|([0-9.]+))(?::[0-9]+)?|([^\[\]]+)")
# No segment begins with a point, as ".." does, and none is empty: links to "//name" would lead to another host.
PATH = re.compile(r"(?:/(?!\.)[\w.~-]+)+")


class ForwardedHeaders:
    """Apply the X-Forwarded-* headers of trusted proxies to each request, with werkzeug's ProxyFix.

    First, each header is reduced to the value that the outermost trusted proxy wrote. This is
    needed because ProxyFix keeps the port as a part of the address, so that one client looks like several, and because
    it ignores a header that has fewer values than there are proxies. To ignore such
    a header is right only for X-Forwarded-For, to which each proxy adds a value; most proxies replace the value of
    the other headers.
    """

    def __init__(self, app: WSGIApplication, proxies: int) -> None:
        """Wrap the app. proxies: how many there are in front, at least 1."""
        self._app = ProxyFix(app, x_for=1, x_proto=1, x_host=1, x_prefix=1)
        self._proxies = proxies

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        sent = {name: _values(environ.pop(name, "")) for name in (FOR, PROTO, HOST, PREFIX)}
        addresses = sent.pop(FOR)
        values = {name: texts[-self._proxies :][0] for name, texts in sent.items() if texts}
        if len(addresses) >= self._proxies:
            values[FOR] = str(parse_address(addresses[-self._proxies]) or "")
        if PROTO in values:
            values[PROTO] = values[PROTO].lower() if values[PROTO].lower() in SCHEMES else ""
        if PREFIX in values:
            values[PREFIX] = script_name(values[PREFIX])
        environ.update({name: value for name, value in values.items() if value})
        return self._app(environ, start_response)


def _values(header: str) -> list[str]:
    """Return the values of a header, without quotes around them.

    Every comma separates two values, also inside quotes. If quotes were respected, a client could begin a quoted text,
    which would hide what the proxies add after it.
    """
    return [text for text in (part.strip().strip('"') for part in header.split(",")) if text]


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address in a text such as "192.0.2.1:4711" or "[2001:db8::1]:4711"; None if there is none.

    An IPv4 address written as IPv6 is returned as IPv4; an IPv6 address is returned without its zone.
    """
    match = ADDRESS.fullmatch(text.strip())
    try:
        address = ip_address(next(part for part in match.groups() if part)) if match else None
    except ValueError:
        return None
    if isinstance(address, IPv6Address):
        return address.ipv4_mapped or IPv6Address(int(address))
    return address


def script_name(prefix: str) -> str:
    """Return WSGI's SCRIPT_NAME for the value of X-Forwarded-Prefix; empty without a value, or if it is no plain path.

    The slash at the beginning may be absent.
    """
    path = unquote(prefix).rstrip("/")
    if not path.startswith("/"):
        path = f"/{path}"
    return path.encode().decode("latin-1") if PATH.fullmatch(path) else ""
