"""Gives a static file a new address when its content changes, so that browsers may cache each address forever."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request, url_for

CACHE_FOREVER = "public, max-age=31536000, immutable"
REVALIDATE = "no-cache"


def init_app(app: Flask) -> None:
    """Offer `asset()` to the templates, and tell browsers how long they may cache static files."""
    folder = Path(app.static_folder or "")

    @lru_cache(maxsize=64)
    def version(name: str) -> str:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=version(name))

    def allow_cache_of_static(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code == 200:
            allow_cache(response, version((request.view_args or {})["filename"]))
        return response

    app.after_request(allow_cache_of_static)
    app.jinja_env.globals["asset"] = asset


def allow_cache(response: Response, version: str) -> None:
    """Let browsers cache an answer forever if its address has the current version; if not, they ask before each use."""
    response.headers["Cache-Control"] = CACHE_FOREVER if request.args.get("v") == version else REVALIDATE
