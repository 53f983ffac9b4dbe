"""One line a request: an id, the kind of page, the status, the time. Never an address, a name or a value."""

import logging
import secrets
import time

from flask import Flask, Response, g, request

log = logging.getLogger("app.requests")


def init_app(app: Flask) -> None:
    """Log every request when its answer is ready."""
    app.before_request(start)
    app.after_request(finish)


def start() -> None:
    """Give the request an id and start its clock."""
    g.request_id = secrets.token_hex(4)
    g.started = time.perf_counter()


def finish(response: Response) -> Response:
    """The endpoint is logged, not the path: a path that does not exist may hold anything."""
    milliseconds = (time.perf_counter() - g.started) * 1000
    log.info(
        "%s %s %s %d %.0f ms",
        g.request_id,
        request.method,
        request.endpoint,
        response.status_code,
        milliseconds,
    )
    response.headers["X-Request-Id"] = g.request_id
    return response
