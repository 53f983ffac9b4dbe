"""Counts of requests for Prometheus, at /metrics: on by METRICS=on, for this machine alone.

Four numbers a kind of page need no library; nothing of a request's content is counted.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Iterable

from flask import Flask, Response, g, request

from app.languages import say as _
from app.problems import problem
from app.settings import Settings
from app.shared import Shared

MEDIA_TYPE = "text/plain; version=0.0.4; charset=utf-8"
NO_ENDPOINT = "none"
LOCAL_HOSTS = ("localhost", "127.0.0.1", "[::1]")


class Counters:
    """Requests and their seconds by endpoint and status, in what the processes of the server share."""

    def __init__(self, endpoints: Iterable[str], shared: Shared) -> None:
        """endpoints: all that there are, the same ones in every process."""
        self._endpoints = sorted(endpoints)
        self._shared = shared

    def count(self, endpoint: str, status: int, seconds: float) -> None:
        """One request that was answered."""
        row = self._endpoints.index(endpoint)
        with self._shared.locked():
            self._shared.requests[row, status] += 1
            self._shared.seconds[row] += seconds

    def text(self) -> str:
        """In Prometheus's text format."""
        with self._shared.locked():
            requests, seconds = self._shared.requests.copy(), self._shared.seconds.copy()
        counted = [
            (endpoint, int(status), int(requests[row, status]))
            for row, endpoint in enumerate(self._endpoints)
            for status in requests[row].nonzero()[0]
        ]
        lines = [
            "# HELP app_requests_total Requests answered.",
            "# TYPE app_requests_total counter",
            *(
                f'app_requests_total{{endpoint="{endpoint}",status="{status}"}} {count}'
                for endpoint, status, count in counted
            ),
            "# HELP app_request_seconds_total Seconds spent on them.",
            "# TYPE app_request_seconds_total counter",
            *(
                f'app_request_seconds_total{{endpoint="{endpoint}"}} {total:.6f}'
                for endpoint, total in zip(self._endpoints, seconds, strict=False)
                if total
            ),
        ]
        return "\n".join(lines) + "\n"


def init_app(app: Flask, settings: Settings, shared: Shared) -> None:
    """Count, and show the counts, if the settings say so; after all views are there."""
    if not settings.metrics:
        return

    def metrics() -> Response:
        if not is_local():
            raise problem("not_found", _("There is nothing at this address."))
        return Response(counters.text(), content_type=MEDIA_TYPE)

    app.add_url_rule("/metrics", "metrics", metrics)
    counters = Counters([*app.view_functions, NO_ENDPOINT], shared)

    def finish(response: Response) -> Response:
        endpoint = request.endpoint or NO_ENDPOINT  # an unknown path may hold anything, and is not shown
        counters.count(endpoint, response.status_code, time.perf_counter() - g.started)
        return response

    app.after_request(finish)


def is_local() -> bool:
    """Whether the request comes from this machine and asks for it by such a name, as one through a proxy does not."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    try:
        local = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
    return local and host in LOCAL_HOSTS
