"""Counts of requests for Prometheus, at /metrics: on by METRICS=on, for this machine alone.

Four numbers a kind of page need no library; nothing of a request's content is counted.
"""

from __future__ import annotations

import ipaddress
import time
from collections import Counter
from threading import Lock

from flask import Flask, Response, g, request

from app.languages import say as _
from app.problems import problem
from app.settings import Settings

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class Counters:
    """Requests and their seconds by endpoint and status; safe to use from several threads."""

    def __init__(self) -> None:
        self._lock = Lock()
        self._requests: Counter[tuple[str, int]] = Counter()
        self._seconds: Counter[str] = Counter()

    def count(self, endpoint: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        with self._lock:
            self._requests[endpoint, status] += 1
            self._seconds[endpoint] += seconds  # type: ignore[assignment]  # a Counter of floats

    def text(self) -> str:
        """In Prometheus's text format."""
        with self._lock:
            requests, seconds = sorted(self._requests.items()), sorted(self._seconds.items())
        lines = [
            "# HELP app_requests_total Requests answered.",
            "# TYPE app_requests_total counter",
            *(
                f'app_requests_total{{endpoint="{endpoint}",status="{status}"}} {count}'
                for (endpoint, status), count in requests
            ),
            "# HELP app_request_seconds_total Seconds spent on them.",
            "# TYPE app_request_seconds_total counter",
            *(
                f'app_request_seconds_total{{endpoint="{endpoint}"}} {total:.6f}'
                for endpoint, total in seconds
            ),
        ]
        return "\n".join(lines) + "\n"


def init_app(app: Flask, settings: Settings) -> None:
    """Count, and show the counts, if the settings say so."""
    if not settings.metrics:
        return
    counters = Counters()

    def finish(response: Response) -> Response:
        endpoint = request.endpoint or "none"  # an unknown path may hold anything, and is not shown
        counters.count(endpoint, response.status_code, time.perf_counter() - g.started)
        return response

    def metrics() -> Response:
        if not is_local():
            raise problem("not_found", _("There is nothing at this address."))
        return Response(counters.text(), content_type=MEDIA_TYPE)

    app.after_request(finish)
    app.add_url_rule("/metrics", "metrics", metrics)


def is_local() -> bool:
    """Whether the request comes from this machine and asks for it by such a name, as one through a proxy does not."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    try:
        local = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
    return local and host in LOCAL_HOSTS
