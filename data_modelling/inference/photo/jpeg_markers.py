"""Reads the segments of JPEG files (ITU T.81), to count scans, find a missing end and tell the colours."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)  # those that a segment follows
START_OF_SCAN, END_OF_IMAGE, JFIF, ADOBE = 0xDA, 0xD9, 0xE0, 0xEE
START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}


@dataclass(frozen=True)
class Segment:
    """A segment of a file: its marker, its content, and where it starts and ends in the file."""

    marker: int
    content: bytes
    start: int
    stop: int


def segments(data: bytes) -> Iterator[Segment]:
    """Yield the segments of the first picture of a JPEG file up to its end, or up to where a damaged file ends."""
    position = 2
    while match := MARKER.search(data, position):
        marker = match[0][1]
        if marker == END_OF_IMAGE:
            yield Segment(marker, b"", match.start(), match.end())
            return
        stop = match.end() + int.from_bytes(data[match.end() : match.end() + 2], "big")
        yield Segment(marker, data[match.end() + 2 : stop], match.start(), stop)
        position = stop


def count_scans(data: bytes) -> int:
    """Return the number of scans of the first picture: one, or several passes over all its pixels."""
    return sum(segment.marker == START_OF_SCAN for segment in segments(data))


def precision(data: bytes) -> int:
    """Return the bits of a sample; 0 where the file has no frame."""
    frames = (segment.content for segment in segments(data) if segment.marker in START_OF_FRAME)
    return next((content[0] for content in frames if content), 0)


def open_jpeg(data: bytes) -> Image.Image:
    """Return a JPEG with its header read; raise what Pillow raises for a damaged file."""
    return Image.open(BytesIO(data), formats=("JPEG",))


def load_jpeg(image: Image.Image, data: bytes, shrink: int = 1) -> Image.Image:
    """Return an opened JPEG decoded, reduced by `shrink` (1, 2, 4 or 8). data: its file.

    Raises what Pillow raises for a damaged file, and ValueError for a file without its end, which Pillow may fill with
    grey.
    """
    if not any(segment.marker == END_OF_IMAGE for segment in segments(data)):
        raise ValueError("the end of the file is missing")
    if shrink > 1:
        image.draft(None, (image.width // shrink, image.height // shrink))  # exactly this scale, rounded up
    image.load()
    return image


def set_colours(data: bytes, are_rgb: bool) -> bytes:
    """Return a JPEG file of three components that decoders read as RGB or as YCbCr, whatever it declared before.

    An Adobe segment with this value replaces its JFIF and Adobe segments.
    """
    adobe = b"Adobe" + bytes([0, 100, 0, 0, 0, 0, 0 if are_rgb else 1])
    kept, position = [data[:2], b"\xff\xee", (len(adobe) + 2).to_bytes(2, "big"), adobe], 2
    for part in segments(data):
        if part.marker == START_OF_SCAN:
            break
        if is_jfif(part) or adobe_transform(part) is not None:
            kept.append(data[position : part.start])
            position = part.stop
    return b"".join([*kept, data[position:]])


def is_jfif(segment: Segment) -> bool:
    """Return whether a segment is JFIF's, whose colours are YCbCr."""
    return segment.marker == JFIF and segment.content.startswith(b"JFIF\0")


def adobe_transform(segment: Segment) -> int | None:
    """Return the colour transform of an Adobe segment (0: none, 1: YCbCr); None for another segment."""
    is_adobe = segment.marker == ADOBE and segment.content.startswith(b"Adobe") and len(segment.content) >= 12
    return segment.content[11] if is_adobe else None
