"""One line a request: an id, the kind of page, the status, the time. Never an address, a name or a value."""

import logging
import secrets
import time
from http import HTTPMethod
from typing import Any

from flask import Flask, Response, g, request

log = logging.getLogger("app.requests")


def init_app(app: Flask) -> None:
    """Log every request when its answer is ready, and what went wrong in it."""
    app.before_request(start)
    app.after_request(finish)
    app.log_exception = fault  # type: ignore[method-assign]


def start() -> None:
    """Give the request an id and start its clock."""
    g.request_id = _number()
    g.started = time.perf_counter()


def finish(response: Response) -> Response:
    """The endpoint is logged, not the path: a path that does not exist may hold anything."""
    milliseconds = (time.perf_counter() - g.started) * 1000
    log.info(
        "%s %s %s %d %.0f ms",
        g.request_id,
        method(),
        request.endpoint,
        response.status_code,
        milliseconds,
    )
    response.headers["X-Request-Id"] = g.request_id
    return response


def outside(response: Response) -> Response:
    """Log what the server answers without the app, mostly to requests that cannot be read."""
    number = _number()
    log.info("%s - server %d", number, response.status_code)
    response.headers["X-Request-Id"] = number
    return response


def fault(exc_info: Any) -> None:
    """A fault of the app, in place of Flask's own line, which has the path."""
    log.error("%s %s %s failed", g.request_id, method(), request.endpoint, exc_info=exc_info)


def method() -> str:
    """That of the request, if it is one of HTTP's: any other word may hold anything."""
    return request.method if request.method in HTTPMethod.__members__ else "-"


def _number() -> str:
    return secrets.token_hex(4)
