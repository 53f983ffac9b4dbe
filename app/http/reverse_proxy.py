"""Reads the headers in which reverse proxies (servers in front of the app) give the addresses of client and app."""

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
# An IPv6 address in brackets or an IPv4 address, each with or without a port; or an IPv6 address without brackets. The
# last form has no port: in "2001:db8::1:80", 80 is a part of the address.
ADDRESS = re.compile(r"(?:\[([^\[\]]+)\]|([0-9.]+))(?::[0-9]+)?|([^\[\]]+)")
# No part of a path may begin with a dot (".." leads out of a folder) or be empty ("//name" leads to another host).
PATH = re.compile(r"(?:/(?!\.)[\w.~-]+)+")


class ForwardedHeaders:
    """Apply the X-Forwarded-* headers of trusted proxies to each request, with werkzeug's ProxyFix.

    First, each header is reduced to the value of the outermost trusted proxy, which clients reach first. ProxyFix alone
    would keep the port as a part of the address, so that one client looks like several. It would also ignore a header
    that has fewer values than there are proxies. That is right for X-Forwarded-For: each proxy adds a value, so if one
    is missing, the request bypassed a proxy. But most proxies replace the other headers, so one value is enough there.
    """

    def __init__(self, app: WSGIApplication, proxies: int) -> None:
        """Wrap the app. proxies: the number of trusted proxies in front of the app, at least 1."""
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

    Every comma separates two values, even inside quotes. Otherwise a client could send an opening quote, which would
    hide the values that the proxies add after it.
    """
    return [text for text in (part.strip().strip('"') for part in header.split(",")) if text]


def parse_address(text: str) -> IPv4Address | IPv6Address | None:
    """Return the IP address in a text such as "192.0.2.1:4711" or "[2001:db8::1]:4711", or None if the text has none.

    An IPv4 address written as IPv6 is returned as IPv4. An IPv6 address is returned without its zone, such as "%eth0".
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
    """Return WSGI's SCRIPT_NAME (the path below which the app is served) for a value of X-Forwarded-Prefix.

    The value need not begin with a slash. Returns an empty text if the value is empty or no plain path (see PATH).
    """
    path = unquote(prefix).rstrip("/")
    if not path.startswith("/"):
        path = f"/{path}"
    return path.encode().decode("latin-1") if PATH.fullmatch(path) else ""
