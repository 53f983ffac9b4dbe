"""How many requests one address may make, of all processes of the server together."""

import logging
import math
import time

from flask import Flask, Response, request
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address
from limits.storage import Storage

from app.counters import NO_ENDPOINT
from app.languages import say as _
from app.problems import Fault, Problem
from app.settings import Settings
from app.shared import Shared


class SharedStorage(Storage):
    """Where the limits library keeps its counts: in what the processes share."""

    STORAGE_SCHEME = ["shared"]  # noqa: RUF012 - as the library asks for it

    def __init__(self, uri: str | None = None, wrap_exceptions: bool = False, **options: Shared) -> None:
        super().__init__(uri, wrap_exceptions)
        self._shared = options["shared"]

    @property
    def base_exceptions(self) -> type[Exception]:
        return OSError

    def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        return self._shared.ask(key, expiry, amount)

    def get(self, key: str) -> int:
        return self._shared.asked(key)[0]

    def get_expiry(self, key: str) -> float:
        return self._shared.asked(key)[1]

    def check(self) -> bool:
        return True

    def reset(self) -> None:
        self._shared.forget_all()

    def clear(self, key: str) -> None:
        self._shared.forget(key)


def init_app(app: Flask, settings: Settings, shared: Shared) -> None:
    """Limit all requests together, but not static files (which Flask-Limiter leaves out) and /healthz."""
    limiter = Limiter(
        get_remote_address,
        app=app,
        application_limits=[] if settings.rate_limit == "off" else [settings.rate_limit],
        enabled=settings.rate_limit != "off",
        storage_uri="shared://",
        storage_options={"shared": shared},  # type: ignore[dict-item]  # declared for texts
        on_breach=_refuse,
        request_identifier=_kind,
    )
    limiter.logger.setLevel(logging.WARNING)  # below, it names the address that has to wait
    limiter.exempt(app.view_functions["api.health"])


def _kind() -> str:
    """Flask-Limiter does not count a request without a kind, such as one for an address where nothing is."""
    return request.endpoint or NO_ENDPOINT


def _refuse(limit: RequestLimit) -> Response:
    wait = max(1, math.ceil(limit.reset_at - time.time()))
    message = _("Too many requests came from your address. Try again in %(wait)s seconds.", wait=wait)
    raise Problem([Fault("rate_limited", message)], retry_after=wait)
