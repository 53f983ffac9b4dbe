"""A small server on loopback that sends files well or badly, and keeps what it was asked."""

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

PIECE = 4096  # bytes


@dataclass
class Sent:
    """What the server has and how it behaves.

    files: content by path. cut_after: bytes after which an answer is broken off, for the first `cuts`
    answers. pause: seconds between two pieces. ranges: whether it knows them. length: whether it says how long an
    answer is. asked: path and Range of each request.
    """

    files: dict[str, bytes]
    cut_after: int = 0
    cuts: int = 0
    pause: float = 0.0
    ranges: bool = True
    length: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    address: str = ""


@contextmanager
def serving(files: dict[str, bytes]) -> Iterator[Sent]:
    sent = Sent(files)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            answer(self, sent)

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    sent.address = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield sent
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def answer(handler: BaseHTTPRequestHandler, sent: Sent) -> None:
    asked = handler.headers.get("Range")
    sent.asked.append((handler.path, asked))
    if handler.path not in sent.files:
        handler.send_error(404)
        return
    content = sent.files[handler.path]
    start = int(asked.removeprefix("bytes=").removesuffix("-")) if asked and sent.ranges else 0
    if start and start >= len(content):
        handler.send_error(416)
        return
    handler.send_response(206 if start else 200)
    if sent.length:
        handler.send_header("Content-Length", str(len(content) - start))
    handler.end_headers()
    end = len(content)
    if sent.cuts:
        sent.cuts, end = sent.cuts - 1, start + sent.cut_after
    try:
        for at in range(start, min(end, len(content)), PIECE):
            handler.wfile.write(content[at : min(at + PIECE, end)])
            time.sleep(sent.pause)
    except OSError:
        pass  # the one that asked has gone
