"""DICOM files written by hand, element by element, as PS3.5 of the standard has them: little endian, explicit VR."""

import struct
from io import BytesIO

import numpy as np
from PIL import Image

from data_modelling.inference.photo.jpeg_markers import ADOBE, JFIF, START_OF_SCAN, segments

JPEG_BASELINE, EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
BIG_ENDIAN, JPEG_2000 = "1.2.840.10008.1.2.2", "1.2.840.10008.1.2.4.90"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
UNDEFINED = 0xFFFFFFFF
NUMBERS = {0x00280002, 0x00280006, 0x00280010, 0x00280011, 0x00280100, 0x00280101, 0x00280103}
VRS = {
    0x00080060: b"CS",
    0x00100010: b"PN",
    0x00100040: b"CS",
    0x00101010: b"AS",
    0x00180015: b"CS",
    0x00280004: b"CS",
    0x00280008: b"IS",
    **dict.fromkeys((0x00281050, 0x00281051, 0x00281052, 0x00281053), b"DS"),
}


def element(tag: int, vr: bytes, value: bytes, implicit: bool = False, order: str = "<") -> bytes:
    value += (b"\0" if vr in (b"UI", b"OB", b"OW") else b" ") * (len(value) % 2)
    head = struct.pack(f"{order}HH", tag >> 16, tag & 0xFFFF)
    if implicit:
        return head + struct.pack("<I", len(value)) + value
    if vr in (b"OB", b"OW", b"UN", b"SQ"):
        return head + vr + struct.pack(f"{order}HI", 0, len(value)) + value
    return head + vr + struct.pack(f"{order}H", len(value)) + value


def encapsulated(*fragments: bytes) -> bytes:
    """Pixel data of undefined length: an empty table of offsets, and the pieces."""
    items = b"".join(
        struct.pack("<HHI", 0xFFFE, 0xE000, len(one) + len(one) % 2) + one + b"\0" * (len(one) % 2)
        for one in (b"", *fragments)
    )
    end = struct.pack("<HHI", 0xFFFE, 0xE0DD, 0)
    return struct.pack("<HH2sHI", 0x7FE0, 0x0010, b"OB", 0, UNDEFINED) + items + end


def jpeg_of(pixels: np.ndarray, **options: object) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG", **options)
    return file.getvalue()


def dicom(
    pixels: np.ndarray,
    syntax: str = JPEG_BASELINE,
    jpeg: bytes | None = None,
    samples: bytes | None = None,
    changes: dict[int, str | int | None] | None = None,
    extra: bytes = b"",
) -> bytes:
    """A file of the pixels (rows, columns[, 3]). changes: values by tag, None leaves one out. extra: more elements."""
    colours = 1 if pixels.ndim == 2 else 3
    values: dict[int, str | int | None] = {
        0x00080060: '"XC"',
        0x00100010: "ZZTOP^SECRET",
        0x00100040: "F",
        0x00101010: "045Y",
        0x00180015: "LOWER EXTREMITY",
        0x00280002: colours,
        0x00280004: "MONOCHROME2" if colours == 1 else "YBR_FULL_422" if syntax == JPEG_BASELINE else "RGB",
        0x00280006: 0,
        0x00280010: pixels.shape[0],
        0x00280011: pixels.shape[1],
        0x00280100: 8,
    } | (changes or {})
    order = ">" if syntax == BIG_ENDIAN else "<"
    body = b""
    for tag, value in sorted(values.items()):
        if value is not None:
            data = struct.pack(f"{order}H", value) if tag in NUMBERS else str(value).encode()
            body += element(tag, b"US" if tag in NUMBERS else VRS[tag], data, syntax == IMPLICIT, order)
    if syntax in (EXPLICIT, IMPLICIT, BIG_ENDIAN):
        data = pixels.tobytes() if samples is None else samples
        kind = b"OB" if values.get(0x00280100) == 8 else b"OW"
        picture = element(0x7FE00010, kind, data, syntax == IMPLICIT, order)
    else:
        picture = encapsulated(jpeg if jpeg is not None else jpeg_of(pixels))
    meta = element(0x00020010, b"UI", syntax.encode())
    meta = element(0x00020000, b"UL", struct.pack("<I", len(meta))) + meta
    return bytes(128) + b"DICM" + meta + body + extra + picture


def set_colours(data: bytes, are_rgb: bool) -> bytes:
    """Return a JPEG file of three components that decoders read as RGB or as YCbCr, whatever it declared before.

    An Adobe segment with this value replaces its JFIF and Adobe segments.
    """
    adobe = b"Adobe" + bytes([0, 100, 0, 0, 0, 0, 0 if are_rgb else 1])
    kept, position = [data[:2], b"\xff\xee", (len(adobe) + 2).to_bytes(2, "big"), adobe], 2
    for part in segments(data):
        if part.marker == START_OF_SCAN:
            break
        if part.marker in {JFIF, ADOBE}:
            kept.append(data[position : part.start])
            position = part.stop
    return b"".join([*kept, data[position:]])
