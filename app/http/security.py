"""Adds the security headers to every answer, and refuses requests that pages of other hosts send."""

from flask import Flask, Response, request

from app.http.languages import translate as _
from app.http.problems import problem
from app.http.reverse_proxy import ForwardedHeaders
from app.settings import LOCAL_HOSTS, Settings

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")
CONTENT_SECURITY_POLICY = (
    "default-src 'none'; "
    "style-src 'self'; "
    "script-src 'self'; "
    "connect-src 'self'; "  # a script sends the form and shows the progress
    "img-src 'self' data: blob:; "  # the photo in the answer and the photo that was chosen
    "form-action 'self'; "
    "frame-ancestors 'none'; "
    "base-uri 'none'"
)
SECURITY_HEADERS = {
    "Content-Security-Policy": CONTENT_SECURITY_POLICY,
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "geolocation=(), microphone=()",
    "Referrer-Policy": "same-origin",  # no-referrer would make our own form send `Origin: null`, which is refused
    "X-Content-Type-Options": "nosniff",
}


def init_app(app: Flask, settings: Settings) -> None:
    """Apply the rules of this module to every request."""
    app.config["TRUSTED_HOSTS"] = [*settings.trusted_hosts, *LOCAL_HOSTS] if settings.trusted_hosts else None
    if settings.trusted_proxies:
        app.wsgi_app = ForwardedHeaders(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]
    app.before_request(refuse_cross_site)
    app.after_request(add_security_headers)


def refuse_cross_site() -> None:
    """Raise a Problem for a post from a page of another host. The app has no cookies, so a form needs no secret token.

    A browser sends the header Sec-Fetch-Site. But over plain HTTP to another machine, a browser sends only the
    header Origin. A program such as curl sends neither header.
    """
    if request.method in SAFE_METHODS:
        return
    fetch_site = request.headers.get("Sec-Fetch-Site")
    if fetch_site is not None:
        is_allowed = fetch_site in ("same-origin", "none")
    else:
        origin = request.headers.get("Origin")
        is_allowed = origin is None or origin.partition("://")[2] == request.host
    if not is_allowed:
        raise problem("cross_site", _("The request is refused: it is from a page at another web address."))


def add_security_headers(response: Response) -> Response:
    """Forbid browsers to show the answer in a frame, guess its type, load files of other sites or store the answer."""
    response.headers.update(SECURITY_HEADERS)
    response.headers.setdefault("Cache-Control", "no-store")  # assets already have another value
    return response
