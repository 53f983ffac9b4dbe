"""How many requests one address may make."""

import math
import time

from flask import Flask, Response
from flask_limiter import Limiter, RequestLimit
from flask_limiter.util import get_remote_address

from app.languages import say as _
from app.problems import Fault, Problem
from app.settings import Settings


def init_app(app: Flask, settings: Settings) -> None:
    """Limit all views together, but not static files (which Flask-Limiter leaves out) and /healthz."""
    limiter = Limiter(
        get_remote_address,
        app=app,
        application_limits=[] if settings.rate_limit == "off" else [settings.rate_limit],
        enabled=settings.rate_limit != "off",
        storage_uri="memory://",
        on_breach=_refuse,
    )
    limiter.exempt(app.view_functions["api.health"])


def _refuse(limit: RequestLimit) -> Response:
    wait = max(1, math.ceil(limit.reset_at - time.time()))
    message = _("Too many requests came from your address. Try again in %(wait)s seconds.", wait=wait)
    raise Problem([Fault("rate_limited", message)], retry_after=wait)
