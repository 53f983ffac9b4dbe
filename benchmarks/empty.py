"""Our server around an endpoint that receives a form and does nothing: `python -m benchmarks.empty PORT`.

What it costs is the least that an answer over HTTP costs.
"""

import sys

from flask import Flask, jsonify, request

from app.keeper import listen
from app.server import Server
from app.settings import Settings
from app.uploads import MemoryRequest, content


def app() -> Flask:
    """It reads the photo's bytes and answers with their number."""
    found = Flask(__name__)
    found.request_class = MemoryRequest

    @found.post("/api/v1/predictions")
    def empty():
        return jsonify(bytes=len(content(request.files["photo"])))

    return found


if __name__ == "__main__":
    Server(app(), Settings(), listen("127.0.0.1", int(sys.argv[1]))).run()
