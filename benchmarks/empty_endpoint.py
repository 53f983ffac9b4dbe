"""Run our server with one endpoint, which only reads the photo's bytes: `python -m benchmarks.empty_endpoint`.

The benchmarks use its cost as a lower limit: no answer of our server to a photo can cost less.
"""

import os
import sys

from flask import Flask, Response, jsonify, request

from app import server
from app.http import request_bodies
from app.http.uploads import MemoryRequest, read_upload
from app.settings import Settings, read_settings


def create_empty_app(settings: Settings) -> Flask:
    """Return an app that reads the photo's bytes and answers with their number."""
    app = Flask(__name__)
    app.request_class = MemoryRequest
    request_bodies.init_app(app, settings)

    @app.post("/api/v1/predictions")
    def empty() -> Response:
        return jsonify(bytes=len(read_upload(request.files["photo"])))

    return app


if __name__ == "__main__":
    sys.exit(server.serve(read_settings(os.environ), create_empty_app))
