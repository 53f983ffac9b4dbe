"""The address /metrics, where Prometheus (a server monitor) reads counts of requests, but nothing of their content."""

import hmac
import ipaddress
import os
import time

from flask import Flask, Response, g, request

from app.http.languages import translate as _
from app.http.problems import problem
from app.settings import LOCAL_HOSTS, Settings

NO_ENDPOINT = "none"
METRICS_FOLDER = "PROMETHEUS_MULTIPROC_DIR"  # environment variable with the folder of the counts
PROXY_HEADERS = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-Ip")  # added by proxies


def init_app(app: Flask, settings: Settings) -> None:
    """Count requests and show the counts, if the settings say so.

    With gunicorn, all processes count together in the files of a folder that app/server.py makes.
    """
    if settings.metrics == "off":
        return
    from prometheus_client import CollectorRegistry, Counter, generate_latest
    from prometheus_client.exposition import CONTENT_TYPE_PLAIN_0_0_4
    from prometheus_client.multiprocess import MultiProcessCollector

    registry = CollectorRegistry()
    counted = CollectorRegistry() if METRICS_FOLDER in os.environ else registry
    if counted is not registry:
        MultiProcessCollector(counted)  # type: ignore[no-untyped-call]  # the library has few types
    requests = Counter("app_requests", "Requests answered.", ["endpoint", "status"], registry=registry)
    seconds = Counter("app_request_seconds", "Seconds spent on requests.", ["endpoint"], registry=registry)

    def metrics() -> Response:
        if not may_see_metrics(settings.metrics):
            raise problem("not_found", _("There is nothing at this address."))
        return Response(generate_latest(counted), content_type=CONTENT_TYPE_PLAIN_0_0_4)

    def count_response(response: Response) -> Response:
        # An unknown path may contain anything, so all unknown paths count together.
        endpoint = request.endpoint or NO_ENDPOINT
        requests.labels(endpoint, response.status_code).inc()
        seconds.labels(endpoint).inc(time.perf_counter() - g.started)
        return response

    app.add_url_rule("/metrics", "metrics", metrics)
    app.after_request(count_response)


def may_see_metrics(setting: str) -> bool:
    """Return whether the request may see the counts. setting: "on" (only for local requests), or the required token."""
    if setting == "on":
        return is_local_request()
    sent = request.headers.get("Authorization", "").removeprefix("Bearer ")
    return hmac.compare_digest(sent.encode(), setting.encode())


def is_local_request() -> bool:
    """Return whether the request comes from this machine, is for one of LOCAL_HOSTS, and has no header of a proxy."""
    host = request.host.rsplit(":", 1)[0] if not request.host.endswith("]") else request.host
    try:
        is_loopback = ipaddress.ip_address(request.remote_addr or "").is_loopback
    except ValueError:
        return False
    return is_loopback and host in LOCAL_HOSTS and not any(name in request.headers for name in PROXY_HEADERS)
