"""Logs a line per request: its id, method, endpoint, status and duration, but no client address and no form content."""

import logging
import secrets
import time
from http import HTTPMethod
from typing import Any

from flask import Flask, Response, g, request

log = logging.getLogger("app.requests")


def init_app(app: Flask) -> None:
    """Log every request when its answer is ready, and every unexpected exception."""
    app.before_request(start_request)
    app.after_request(log_response)
    app.log_exception = log_fault  # type: ignore[method-assign]


def start_request() -> None:
    """Give the request an id, and start to measure its time."""
    g.request_id = secrets.token_hex(4)
    g.started = time.perf_counter()


def log_response(response: Response) -> Response:
    """Log an answer, and add the id of its request as a header."""
    milliseconds = (time.perf_counter() - g.started) * 1000
    status = response.status_code
    _log(logging.INFO, f"{status} {milliseconds:.0f} ms", status, milliseconds=round(milliseconds, 1))
    response.headers["X-Request-Id"] = g.request_id
    return response


def log_fault(exc_info: Any) -> None:
    """Log an unexpected exception. Flask's own line, which would have the path, is not written."""
    _log(logging.ERROR, "failed", 500, exc_info)


def _log(level: int, what: str, status: int, exc_info: Any = None, **more: object) -> None:
    """Log a line with the endpoint, not the path, because an unknown path may contain anything.

    what: the last words of the line, such as "200 35 ms". more: further fields of the line in JSON.
    """
    fields = {
        "request": g.request_id,
        "method": logged_method(),
        "endpoint": request.endpoint,
        "status": status,
    }
    text = f"{g.request_id} {logged_method()} {request.endpoint} {what}"
    log.log(level, text, exc_info=exc_info, extra=fields | more)


def logged_method() -> str:
    """Return the request's method if HTTP has it, else "-", because an unknown method may contain anything."""
    return request.method if request.method in HTTPMethod.__members__ else "-"
