"""Compression of text answers with gzip, for clients that accept it."""

from flask import Flask, Response
from flask_compress import Compress

TEXT_TYPES = [
    "application/fhir+json",
    "application/json",
    "image/svg+xml",
    "text/css",
    "text/html",
    "text/javascript",
    "text/plain",
]
LEVEL = 1  # gzip's fastest level, which already saves most of the bytes
SMALLEST_BYTES = 1024  # bytes; a smaller answer fits into one packet anyway


def init_app(app: Flask) -> None:
    """Compress the app's texts; photos are compressed already."""
    app.config.update(
        COMPRESS_ALGORITHM=["gzip"],
        COMPRESS_STREAMS=False,
        COMPRESS_LEVEL=LEVEL,
        COMPRESS_MIMETYPES=TEXT_TYPES,
        COMPRESS_MIN_SIZE=SMALLEST_BYTES,
    )
    Compress(app)
    app.after_request(read_text_file)  # runs before the compression: the last registered function runs first


def read_text_file(response: Response) -> Response:
    """Read a static text into memory, so that it is compressed as a whole and its file is closed."""
    if response.is_streamed and response.mimetype in TEXT_TYPES:
        response.direct_passthrough = False
        response.make_sequence()
    return response
