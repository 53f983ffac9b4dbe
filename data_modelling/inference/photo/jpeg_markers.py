"""Reads the segments of JPEG files (ITU T.81), to count scans, add a missing end marker and tell RGB from YCbCr."""

import re
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from io import BytesIO

from PIL import Image, ImageFile

MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)  # a marker that begins a segment
START_OF_SCAN, END_OF_IMAGE, JFIF, ADOBE = 0xDA, 0xD9, 0xE0, 0xEE
START_OF_FRAME = {*range(0xC0, 0xD0)} - {0xC4, 0xC8, 0xCC}
END = b"\xff\xd9"
COEFFICIENTS = 64  # coefficients of a block of 8 x 8 pixels
MAX_SCANS = 100  # largest number of scans; a progressive JPEG has about ten, each a pass over all pixels
MAX_REPAIRED_SCANS = 20  # largest number of scans of a file without its end, which is decoded several times
# Larger photos are decoded at half size when `with_end` compares several decodings; a missing block still shows.
MAX_COMPARED_PIXELS = 25_000_000
# Bytes that are put where data may be missing. If different bytes give different pixels, data are missing.
TAILS = (b"", b"\x5a" * 64, b"\xa5" * 64)
# Restart markers: cameras set them between parts of a scan, numbered from 0 to 7 in turn.
RESTART = re.compile(rb"\xff([\xd0-\xd7])")


@dataclass(frozen=True)
class Segment:
    """A part of a file that begins with a marker (two bytes). start, stop: where the segment begins and ends."""

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
    """Return the number of scans of the first picture. A scan is a pass over all its pixels."""
    return sum(segment.marker == START_OF_SCAN for segment in segments(data))


def precision(data: bytes) -> int:
    """Return the bits per sample, or 0 if the file has no frame header."""
    frames = (segment.content for segment in segments(data) if segment.marker in START_OF_FRAME)
    return next((content[0] for content in frames if content), 0)


def open_jpeg(data: bytes) -> ImageFile.ImageFile:
    """Return a JPEG with its header read; raise what Pillow raises for a damaged file."""
    return Image.open(BytesIO(data), formats=("JPEG",))


def load_jpeg(image: Image.Image, data: bytes, shrink: int = 1) -> Image.Image:
    """Decode an opened JPEG, reduced by `shrink` (1, 2, 4 or 8), and return it.

    data: the file's bytes. Raises ValueError if more than the end marker is missing, or what Pillow raises.
    """
    whole = with_end(data)
    return _load(image if whole is data else open_jpeg(whole), shrink)


def load_jpeg_in_colours(data: bytes, default_is_rgb: bool) -> Image.Image:
    """Decode and return a JPEG. An Adobe segment says whether its colours are RGB or YCbCr.

    If there is none, a JFIF segment means YCbCr. With neither, default_is_rgb decides. data, errors: see load_jpeg.
    """
    parts = list(segments(data))
    transforms = [
        part.content[11]  # 0: no transform (RGB), 1: YCbCr
        for part in parts
        if part.marker == ADOBE and part.content.startswith(b"Adobe") and len(part.content) >= 12
    ]
    has_jfif = any(part.marker == JFIF and part.content.startswith(b"JFIF\0") for part in parts)
    is_rgb = transforms[-1] == 0 if transforms else default_is_rgb and not has_jfif
    image = open_jpeg(with_end(data))
    # With one of the two segments, Pillow decides in this way too. With both, it follows JFIF; with none, it guesses.
    if len(image.getbands()) == 3 and has_jfif == bool(transforms):
        image.tile = [image.tile[0]._replace(args=("RGB", "RGB" if is_rgb else "YCbCr"))]
    return _load(image, 1)


def _load(image: Image.Image, shrink: int) -> Image.Image:
    if shrink > 1:
        image.draft(None, (image.width // shrink, image.height // shrink))  # gives edges / shrink, rounded up
    image.load()
    return image


def with_end(data: bytes) -> bytes:
    """Return a JPEG file, with the end marker added if it is missing; raise ValueError if more is missing.

    The photo is decoded several times, with different bytes where data may be missing. If all results are equal,
    only the marker is missing. Pillow alone would read some incomplete files, and show grey for what is missing.
    """
    parts = list(segments(data))
    if any(part.marker == END_OF_IMAGE for part in parts):
        return data
    if not _scans_are_complete(parts):
        raise ValueError("more than the end is missing")
    body = _without_padding(data)
    scans = sum(part.marker == START_OF_SCAN for part in parts)
    if scans > MAX_REPAIRED_SCANS:
        raise ValueError("too many scans to find out what is missing")
    last_scan = max(part.stop for part in parts if part.marker == START_OF_SCAN)
    restarts = RESTART.findall(body, last_scan)
    following = (restarts[-1][0] - 0xD0 + 1) % 8 if restarts else 0
    # Before a new part of a scan, decoders skip all bytes up to its restart marker. So one tail begins with the marker.
    tails = (*TAILS, bytes([0xFF, 0xD0 + following]) + TAILS[1])
    image = open_jpeg(data)
    shrink = 1 if image.width * image.height <= MAX_COMPARED_PIXELS else 2
    if len({zlib.crc32(_load(open_jpeg(body + tail + END), shrink).tobytes()) for tail in tails}) > 1:
        raise ValueError("more than the end is missing")
    return body + END


def _without_padding(data: bytes) -> bytes:
    """Return a file without the zeros and the half end marker (FF) with which a broken download can end."""
    # A decoder would read the zeros as pixels. One zero stays, because it may be the last byte of the pixels.
    body = data.rstrip(b"\xff")
    without_zeros = body.rstrip(b"\0")
    return without_zeros + b"\0" if len(without_zeros) < len(body) else body


def _scans_are_complete(parts: list[Segment]) -> bool:
    """Return whether the scans of a file have every coefficient of every colour, down to the last bit."""
    frame = next((part.content for part in parts if part.marker in START_OF_FRAME), b"")
    if len(frame) < 6:
        return False
    missing = {(frame[place], index) for place in range(6, len(frame), 3) for index in range(COEFFICIENTS)}
    for part in parts:
        count = part.content[0] if part.content else 0
        if part.marker != START_OF_SCAN or len(part.content) < 4 + 2 * count:
            continue
        first, last, bits = part.content[1 + 2 * count : 4 + 2 * count]
        if bits & 15 == 0:
            components = part.content[1 : 1 + 2 * count : 2]
            missing -= {(component, index) for component in components for index in range(first, last + 1)}
    return not missing
