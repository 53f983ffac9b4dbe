"""Our server around an endpoint that receives a form and does nothing: `python -m benchmarks.empty PORT`.

What it costs is the least that an answer over HTTP costs.
"""

import os
import signal
import sys

from flask import Flask, jsonify, request

from app.keeper import listen, shared_memory
from app.server import Server
from app.settings import Settings
from app.shared import Shared
from app.uploads import MemoryRequest, content


def app() -> Flask:
    """It reads the photo's bytes and answers with their number."""
    found = Flask(__name__)
    found.request_class = MemoryRequest

    @found.post("/api/v1/predictions")
    def empty():
        return jsonify(bytes=len(content(request.files["photo"])))

    return found


def main(port: int) -> None:
    """Serve in as many processes as the app has, until SIGTERM."""
    settings, listener, shared = Settings(), listen("127.0.0.1", port), shared_memory()
    seat, children = 0, []
    for number in range(1, settings.process_count):
        child = os.fork()
        if child == 0:
            seat, children = number, []
            break
        children.append(child)
    server = Server(app(), settings, listener, Shared(shared) if shared >= 0 else None, seat)
    signal.signal(signal.SIGTERM, lambda _number, _frame: server.stop())
    server.run()
    for child in children:
        os.kill(child, signal.SIGTERM)
        os.waitpid(child, 0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
