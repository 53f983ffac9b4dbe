"""The log of requests: id, method, endpoint, status and time, but never an address, a name or a value."""

import logging
import secrets
import time
from http import HTTPMethod
from typing import Any

from flask import Flask, Response, g, request

log = logging.getLogger("app.requests")


def init_app(app: Flask) -> None:
    """Log every request when its answer is ready, and every fault of the app."""
    app.before_request(start_request)
    app.after_request(log_response)
    app.log_exception = log_fault  # type: ignore[method-assign]


def start_request() -> None:
    """Give the request an id, and start to measure its time."""
    g.request_id = secrets.token_hex(4)
    g.started = time.perf_counter()


def log_response(response: Response) -> Response:
    """Log an answer with the endpoint, not the path, because an unknown path may contain anything."""
    milliseconds = (time.perf_counter() - g.started) * 1000
    log.info(
        "%s %s %s %d %.0f ms",
        g.request_id,
        logged_method(),
        request.endpoint,
        response.status_code,
        milliseconds,
        extra=_fields(g.request_id, response.status_code) | {"milliseconds": round(milliseconds, 1)},
    )
    response.headers["X-Request-Id"] = g.request_id
    return response


def log_fault(exc_info: Any) -> None:
    """Log a fault of the app, instead of Flask's own line, which has the path."""
    log.error(
        "%s %s %s failed",
        g.request_id,
        logged_method(),
        request.endpoint,
        exc_info=exc_info,
        extra=_fields(g.request_id, 500),
    )


def _fields(request_id: str, status: int) -> dict[str, object]:
    """Return the extra fields of a log line in JSON."""
    return {"request": request_id, "method": logged_method(), "endpoint": request.endpoint, "status": status}


def logged_method() -> str:
    """Return the request's method if HTTP has it, else "-", because any other word may contain anything."""
    return request.method if request.method in HTTPMethod.__members__ else "-"
