"""The limit on how many requests one client address may make; a storage holds the counts.

With the storage "memory", each process counts by itself. If N processes answer, a client can then make up to N times
as many requests as the limit allows. With Redis or Valkey (databases), all processes on all machines count together.
"""

import logging
import math
import time
from ipaddress import IPv6Address, ip_network
from typing import Any

from flask import Flask, Response, request
from flask_limiter import Limiter, RateLimitExceeded, RequestLimit

from app.http.languages import translate as _
from app.http.metrics_endpoint import NO_ENDPOINT
from app.http.problems import Fault, Problem, show_http_exception, show_problem
from app.http.reverse_proxy import parse_address
from app.settings import IN_MEMORY, Settings

CLIENT_NETWORK_BITS = 64  # first bits of an IPv6 address; all addresses of one client share these bits
NO_ADDRESS = "none"
STORAGE_SECONDS = 0.4  # longest wait to connect to one address of the storage, and then for each answer


def init_app(app: Flask, settings: Settings) -> None:
    """Count all requests of a client together, except /healthz and /livez; Flask-Limiter itself exempts static files.

    While a storage does not answer, each process counts in its own memory. The log says so, and Flask-Limiter asks the
    storage again after 1, 2, 4 ... 32 seconds.
    """
    limiter = Limiter(
        client_key,
        app=app,
        application_limits=[] if settings.rate_limit == "off" else [settings.rate_limit],
        enabled=settings.rate_limit != "off",
        storage_uri=f"{IN_MEMORY}://"
        if settings.rate_limit_storage == IN_MEMORY
        else settings.rate_limit_storage,
        storage_options=_storage_options(settings.rate_limit_storage),
        in_memory_fallback_enabled=True,
        swallow_errors=True,  # if a request cannot be counted, it is answered nevertheless
        strategy="moving-window",  # the limit holds in every period, whenever the period begins
        on_breach=_refusal,
        # Flask-Limiter would ignore requests without an endpoint.
        request_identifier=lambda: request.endpoint or NO_ENDPOINT,
    )
    limiter.logger.addFilter(_names_no_client)
    for endpoint in ("api.health", "api.life"):
        limiter.exempt(app.view_functions[endpoint])
    # error.response is the answer of _refusal, or None if _refusal failed because the storage did not answer.
    app.register_error_handler(RateLimitExceeded, lambda error: error.response or show_http_exception(error))


def _storage_options(storage: str) -> dict[str, Any]:
    """Return the options of the connection to the storage: brief waits, no retries, because a request is waiting."""
    if storage == IN_MEMORY:
        return {}
    from redis.backoff import NoBackoff
    from redis.retry import Retry

    return {
        "socket_connect_timeout": STORAGE_SECONDS,
        "socket_timeout": STORAGE_SECONDS,
        "retry": Retry(NoBackoff(), 0),
    }


def _names_no_client(record: logging.LogRecord) -> bool:
    """Return whether a message of Flask-Limiter names no client's address, so that it may be logged."""
    return record.levelno >= logging.WARNING or "storage" in record.msg


def client_key() -> str:
    """Return the address that the request counts for; an IPv6 address counts as the network of its first 64 bits."""
    address = parse_address(request.remote_addr or "")
    if isinstance(address, IPv6Address):
        return str(ip_network((address, CLIENT_NETWORK_BITS), strict=False))
    return str(address) if address else request.remote_addr or NO_ADDRESS


def _refusal(limit: RequestLimit) -> Response:
    """Return the answer to a request above the limit. Raising a Problem has no effect: Flask-Limiter only logs it."""
    seconds = max(1, math.ceil(limit.reset_at - time.time()))
    message = _("Too many requests came from your address. Try again in %(wait)s seconds.", wait=seconds)
    return show_problem(Problem([Fault("rate_limited", message)], retry_after=seconds))
