"""Headers of every answer, and which requests are turned away before they are read."""

from urllib.parse import urlsplit

from flask import Flask, Response, request
from werkzeug.middleware.proxy_fix import ProxyFix

from app.languages import say as _
from app.problems import problem
from app.settings import Settings

READING = ("GET", "HEAD", "OPTIONS")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    "style-src 'self'; "
    "script-src 'self'; "
    "connect-src 'self'; "  # the form, sent with a progress bar
    "img-src 'self' data: blob:; "  # the photo in the answer, stored nowhere, and the one just chosen
    "form-action 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'"
)
HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # with no-referrer a browser would send `Origin: null` from our own form
    "X-Content-Type-Options": "nosniff",
}


def init_app(app: Flask, settings: Settings) -> None:
    """Put the rules in front of every view."""
    app.config["TRUSTED_HOSTS"] = list(settings.trusted_hosts) or None
    if settings.trusted_proxies:
        count = settings.trusted_proxies
        app.wsgi_app = ProxyFix(app.wsgi_app, x_for=count, x_proto=count, x_host=count)  # type: ignore[method-assign]
    app.before_request(refuse_cross_site)
    app.after_request(add_headers)


def refuse_cross_site() -> None:
    """Raise Problem for a post that a page of another site made; with no cookies this is all it takes.

    A browser tells by Sec-Fetch-Site, except to a plain-http host in the network, where it sends Origin
    alone. A program such as curl sends neither.
    """
    if request.method in READING:
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        allowed = fetch_site in ("same-origin", "none")
    else:
        origin = request.headers.get("Origin")
        allowed = origin is None or _host_of(origin) == request.host
    if not allowed:
        raise problem("cross_site", _("The request comes from a page of another site and is not answered."))


def _host_of(origin: str) -> str | None:
    try:
        return urlsplit(origin).netloc
    except ValueError:  # nothing that a browser sends
        return None


def add_headers(response: Response) -> Response:
    """Nothing is stored, framed, guessed or fetched from elsewhere."""
    response.headers.update(HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")
    return response
