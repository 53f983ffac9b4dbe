"""Static files under addresses that change with their content, so that browsers may keep them for good."""

import hashlib
from functools import lru_cache
from pathlib import Path

from flask import Flask, Response, request, url_for

FOR_GOOD = "public, max-age=31536000, immutable"
ASK_AGAIN = "no-cache"


def init_app(app: Flask) -> None:
    """Offer `asset()` to the templates and tell browsers how long to keep static files."""
    folder = Path(app.static_folder or "")

    @lru_cache(maxsize=64)
    def version(name: str) -> str:
        return hashlib.sha256((folder / name).read_bytes()).hexdigest()[:12]

    def asset(name: str) -> str:
        return url_for("static", filename=name, v=version(name))

    def cache(response: Response) -> Response:
        if request.endpoint == "static" and response.status_code == 200:
            name = (request.view_args or {})["filename"]
            current = request.args.get("v") == version(name)
            response.headers["Cache-Control"] = FOR_GOOD if current else ASK_AGAIN
        return response

    app.after_request(cache)
    app.jinja_env.globals["asset"] = asset
