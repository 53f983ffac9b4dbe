"""Reads requests. Uploaded files stay in memory, so that no photo is written to disk."""

import re
from collections.abc import Iterator
from io import BytesIO
from typing import IO

from flask import Request
from werkzeug.datastructures import FileStorage, Headers, MultiDict
from werkzeug.exceptions import RequestEntityTooLarge
from werkzeug.formparser import FormDataParser, MultiPartParser
from werkzeug.sansio.multipart import Data, Epilogue, Event, Field, File, MultipartDecoder, NeedData

from app.http.request_bodies import hold_bytes

MAX_PARTS = 50  # largest number of parts of a form; the form of a visit with twelve photos has about 40
FILE_FIELDS = ("photo",)  # fields whose parts count as files, even without a file name
READ_BYTES = 64 * 1024  # bytes of a body that are read at a time, as in werkzeug
# Largest size of a text field in bytes, and of the buffer of werkzeug's decoder. The buffer holds the bytes just read,
# and often a piece of the line between two parts too. So with READ_BYTES as the limit, most large photos would fail.
MAX_TEXT_BYTES = 256 * 1024


class BoundaryPattern:
    """Find the boundaries between a form's parts, as werkzeug's pattern does, but 0.5 ms a photo faster."""

    def __init__(self, boundary: bytes, pattern: re.Pattern[bytes]) -> None:
        self._text = b"--" + boundary
        self._pattern = pattern

    def search(self, data: bytes | bytearray) -> re.Match[bytes] | None:
        """Return the first match; it begins at most two bytes (a line break) before the boundary's text."""
        start = data.find(self._text)
        return self._pattern.search(data, max(start - 2, 0)) if start >= 0 else None


class TolerantDecoder(MultipartDecoder):
    """Decode a form even if its headers are not UTF-8, for example because of a file name from an old program.

    werkzeug would refuse the whole form, although the app does not need the name.
    """

    def __init__(self, boundary: bytes, max_form_memory_size: int | None, *, max_parts: int | None) -> None:
        super().__init__(boundary, max_form_memory_size, max_parts=max_parts)
        self.boundary_re = BoundaryPattern(boundary, self.boundary_re)  # type: ignore[assignment]

    def _parse_headers(self, data: bytes | bytearray) -> Headers:
        return super()._parse_headers(data.decode(errors="replace").encode())


class FormParser(FormDataParser):
    """Read the parts of a form. Headers need not be UTF-8, and a photo without a file name counts as a file.

    A program that sends a photo as text leaves out the file name (`curl -F "photo=<a.jpg"`). Such a part becomes a
    file whose file name is None. The app can then name this mistake, instead of saying that a text is too long.
    """

    def _parse_multipart(
        self,
        stream: IO[bytes],
        mimetype: str,  # noqa: ARG002 - as in the base class
        content_length: int | None,  # noqa: ARG002 - as in the base class
        options: dict[str, str],
    ) -> tuple[IO[bytes], MultiDict[str, str], MultiDict[str, FileStorage]]:
        """Return the stream, the texts and the files. Raises ValueError (broken form) or RequestEntityTooLarge."""
        texts: list[tuple[str, str]] = []
        files: list[tuple[str, FileStorage]] = []
        part: Field | File = Field(name="", headers=Headers())
        content = BytesIO()
        for event in self._events(stream, options.get("boundary", "").encode("ascii")):
            if isinstance(event, (Field, File)):
                part, content = event, BytesIO()
            elif isinstance(event, Data):
                content.write(event.data)
                is_file = isinstance(part, File) or part.name in FILE_FIELDS
                if not is_file and content.tell() > (self.max_form_memory_size or MAX_TEXT_BYTES):
                    raise RequestEntityTooLarge
                if event.more_data:
                    continue
                if is_file:
                    content.seek(0)
                    filename = part.filename if isinstance(part, File) else _unread_filename(part.headers)
                    files.append((part.name, FileStorage(content, filename, part.name, headers=part.headers)))
                else:
                    charset = MultiPartParser().get_part_charset(part.headers)
                    texts.append((part.name, content.getvalue().decode(charset, "replace")))
        return stream, self.cls(texts), self.cls(files)

    def _events(self, stream: IO[bytes], boundary: bytes) -> Iterator[Event]:
        if not boundary:
            raise ValueError("Missing boundary")
        decoder = TolerantDecoder(boundary, self.max_form_memory_size, max_parts=self.max_form_parts)
        data: bytes | None = b""
        while data is not None:
            data = stream.read(READ_BYTES) or None  # None is the end
            hold_bytes(len(data or b""))
            decoder.receive_data(data)
            while not isinstance(event := decoder.next_event(), (Epilogue, NeedData)):
                yield event


def _unread_filename(headers: Headers) -> str | None:
    r"""Return an empty name for a part whose file name cannot be read, and None for a part without a file name.

    Example: in filename="C:\photos\", the last backslash escapes the closing quote, so the name cannot be read.
    """
    return "" if "filename" in headers.get("Content-Disposition", "").lower() else None


class MemoryRequest(Request):
    """Keep files in memory and report broken forms.

    werkzeug would write files above 500 kB to a temporary file, and read a broken form as an empty one.
    """

    max_form_parts = MAX_PARTS
    max_form_memory_size = MAX_TEXT_BYTES
    form_data_parser_class = FormParser

    def make_form_data_parser(self) -> FormDataParser:
        """Return a parser that raises ValueError when the form is not well-formed."""
        parser = super().make_form_data_parser()
        parser.silent = False
        return parser


def read_upload(part: FileStorage) -> bytes:
    """Return the bytes of an uploaded file without a second copy in memory."""
    return part.stream.getvalue() if isinstance(part.stream, BytesIO) else part.stream.read()
