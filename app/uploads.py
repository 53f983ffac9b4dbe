"""A request whose uploaded files never touch the disk."""

from io import BytesIO
from typing import IO

from flask import Request
from werkzeug.datastructures import FileStorage
from werkzeug.formparser import FormDataParser

MAX_PARTS = 50  # a form has a dozen fields
# All text fields of a form together. werkzeug holds this against what it reads at once too, 64 kB and a possible
# piece of a boundary: with less room, most photos above that size would be refused as too large.
MAX_TEXT_BYTES = 256 * 1024


class MemoryRequest(Request):
    """werkzeug writes files above 500 kB to a temporary file, and reads a broken form as an empty one."""

    max_form_parts = MAX_PARTS
    max_form_memory_size = MAX_TEXT_BYTES

    def _get_file_stream(self, *_: object, **__: object) -> IO[bytes]:
        """Memory for one uploaded file, whatever its size: the request's own limit bounds it."""
        return BytesIO()

    def make_form_data_parser(self) -> FormDataParser:
        """A parser that raises ValueError when the form is not well-formed."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser


def content(part: FileStorage) -> bytes:
    """The bytes of an uploaded file; taken out of the memory that holds them, where reading would copy it."""
    return part.stream.getvalue() if isinstance(part.stream, BytesIO) else part.stream.read()
