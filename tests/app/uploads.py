"""More than forty generated uploads that fail or look as if they would, each with a name."""

import struct
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image

from tests.dicom_files import EXPLICIT, dicom

BOUNDARY = "bound"
CONTENT_TYPE = f"multipart/form-data; boundary={BOUNDARY}"


def part(name: str, content: bytes, filename: str | None = None, charset: str = "utf-8") -> bytes:
    """Return one part of a form, with its file name unchanged. charset: that of the header."""
    file = f'; filename="{filename}"' if filename is not None else ""
    header = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
    return header.encode(charset) + content + b"\r\n"


def body(*parts: bytes) -> bytes:
    return b"".join(parts) + f"--{BOUNDARY}--\r\n".encode()


def saved(image: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def picture(mode: str = "RGB", size: tuple[int, int] = (320, 240)) -> Image.Image:
    """Return a soft spot on skin."""
    width, height = size
    y, x = np.mgrid[:height, :width]
    spot = np.exp(-(((x / width - 0.5) ** 2 + (y / height - 0.5) ** 2) * 20))
    skin = np.array([224, 172, 150]) - spot[..., None] * np.array([140, 120, 90])
    return Image.fromarray(skin.astype(np.uint8)).convert(mode)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def png_bomb(width: int, height: int, rows: int) -> bytes:
    """Return a grey PNG of that size with that many rows of zeros: a few kB for many megapixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    pixels = zlib.compress(bytes(width + 1) * rows, 9)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def text_bomb() -> bytes:
    """Return a small PNG with a text chunk that has 100 MB when it is unpacked."""
    png = saved(picture(), "PNG")
    text = chunk(b"zTXt", b"Comment\0\0" + zlib.compress(bytes(100_000_000), 9))
    return png[:33] + text + png[33:]


def scans(count: int) -> bytes:
    """Return a progressive JPEG with a repeated last scan."""
    jpeg = saved(picture(), progressive=True)
    last = jpeg[jpeg.rindex(b"\xff\xda") : -2]
    return jpeg[:-2] + last * count + jpeg[-2:]


def animated(kind: str) -> bytes:
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "lime", "blue")]
    return saved(frames[0], kind, save_all=True, append_images=frames[1:], duration=100)


def with_exif(orientation: int | None = None, size: int = 0) -> bytes:
    exif = Image.Exif()
    if orientation is not None:
        exif[0x0112] = orientation
    exif[0x010E] = "x" * size
    return saved(picture(), exif=exif)


def segments(count: int) -> bytes:
    """Return a JPEG that begins with many full segments of unknown metadata."""
    jpeg = saved(picture())
    return jpeg[:2] + (b"\xff\xed\xff\xff" + bytes(65533)) * count + jpeg[2:]


GOOD = saved(picture())
HALF = len(GOOD) // 2
HEIC = b"\0\0\0\x18ftypheic\0\0\0\0heicmif1" + bytes(2000)
EPS = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 90 90\n(%pipe%id) (w) file\nshowpage\n"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'

FRAMES, ROWS, COLUMNS = 0x00280008, 0x00280010, 0x00280011

OK, BAD, LARGE, TYPE, WRONG = 200, 400, 413, 415, 422

# name: (status, bytes of the photo)
PHOTOS: dict[str, tuple[int, Callable[[], bytes]]] = {
    "bomb of 169 megapixels": (WRONG, lambda: png_bomb(13000, 13000, 13000)),
    "bomb of 81 megapixels": (WRONG, lambda: png_bomb(9000, 9000, 9000)),
    "bomb whose header lies": (WRONG, lambda: png_bomb(60000, 60000, 10)),
    "png of 25 megapixels": (OK, lambda: png_bomb(5000, 5000, 5000)),
    "text that unpacks to 100 MB": (WRONG, text_bomb),
    "jpeg of 50 megapixels": (OK, lambda: saved(Image.new("RGB", (8000, 6250), "tan"))),
    "jpeg of 51 megapixels": (WRONG, lambda: saved(Image.new("L", (8160, 6250)))),
    "progressive jpeg of 26 megapixels": (
        WRONG,
        lambda: saved(Image.new("L", (5200, 5000)), progressive=True),
    ),
    "jpeg of a thousand scans": (WRONG, lambda: scans(1000)),
    "webp of 26 megapixels": (WRONG, lambda: saved(Image.new("RGB", (5200, 5000)), "WEBP", method=0)),
    "truncated jpeg": (WRONG, lambda: GOOD[:HALF]),
    "truncated png": (WRONG, lambda: saved(picture(), "PNG")[:-2000]),
    "truncated webp": (WRONG, lambda: saved(picture(), "WEBP")[:-200]),
    "jpeg of two bytes": (TYPE, lambda: b"\xff\xd8"),
    "jpeg of a header": (WRONG, lambda: GOOD[:20]),
    "png of a signature": (WRONG, lambda: b"\x89PNG\r\n\x1a\n"),
    "cmyk": (OK, lambda: saved(picture("CMYK"))),
    "grey": (OK, lambda: saved(picture("L"))),
    "16-bit": (OK, lambda: saved(Image.fromarray(np.arange(4096, dtype=np.uint16).reshape(64, 64)), "PNG")),
    "palette with transparency": (OK, lambda: saved(picture("P"), "PNG", transparency=0)),
    "one bit": (OK, lambda: saved(picture("1"), "PNG")),
    "rgba": (OK, lambda: saved(picture("RGBA"), "PNG")),
    "grey with alpha": (OK, lambda: saved(picture("LA"), "PNG")),
    "lossless webp": (OK, lambda: saved(picture(), "WEBP", lossless=True)),
    "one pixel": (OK, lambda: saved(Image.new("RGB", (1, 1)), "PNG")),
    "one row": (OK, lambda: saved(Image.new("RGB", (4000, 1)), "PNG")),
    "animated gif": (TYPE, lambda: animated("GIF")),
    "animated png": (WRONG, lambda: animated("PNG")),
    "animated webp": (WRONG, lambda: animated("WEBP")),
    **{f"rotated {turn}": (OK, lambda turn=turn: with_exif(turn)) for turn in (2, 3, 5, 6, 8, 99)},
    "huge exif": (OK, lambda: with_exif(size=60_000)),
    "metadata of 10 MB": (OK, lambda: segments(160)),
    "exif that is none": (OK, lambda: saved(picture(), exif=b"Exif\0\0II*\0\xff\xff\xff\xff")),
    "polyglot of jpeg and zip": (OK, lambda: GOOD + b"PK\x03\x04" + bytes(500)),
    "polyglot of jpeg and html": (OK, lambda: saved(picture(), comment=b"<script>alert(1)</script>")),
    "polyglot of pdf and jpeg": (TYPE, lambda: b"%PDF-1.4\n" + GOOD),
    "polyglot of gif and jpeg": (TYPE, lambda: b"GIF89a" + GOOD),
    "heic": (TYPE, lambda: HEIC),
    "avif": (TYPE, lambda: HEIC.replace(b"heic", b"avif")),
    "eps": (TYPE, lambda: EPS),
    "svg": (TYPE, lambda: SVG),
    "bmp": (TYPE, lambda: saved(picture(), "BMP")),
    "tiff": (TYPE, lambda: saved(picture(), "TIFF")),
    "dicom": (OK, lambda: dicom(np.asarray(picture()))),
    "uncompressed dicom": (OK, lambda: dicom(np.asarray(picture()), EXPLICIT)),
    "dicom of two frames": (WRONG, lambda: dicom(np.asarray(picture()), changes={FRAMES: "2"})),
    "dicom of 900 megapixels": (
        WRONG,
        lambda: dicom(np.asarray(picture()), changes={ROWS: 30_000, COLUMNS: 30_000}),
    ),
    "truncated dicom": (WRONG, lambda: dicom(np.asarray(picture()))[:-900]),
    "dicom without a picture": (TYPE, lambda: bytes(128) + b"DICM" + bytes(500)),
    "text": (TYPE, lambda: b"a letter"),
    "zeros": (TYPE, lambda: bytes(100_000)),
    "empty": (WRONG, lambda: b""),
}

FILE_NAMES = (
    "<script>alert(1)</script>.jpg",
    "../../../etc/passwd",
    "C:\\Windows\\photo.jpg",
    "photo.jpg\0.exe",
    "a" * 5000 + ".jpg",
    "фото Ω 写真.jpg",
    "photo.php;.jpg",
)

# name: (status, other fields of a form with a good photo)
FIELDS: dict[str, tuple[int, dict[str, str]]] = {
    "age NaN": (WRONG, {"age": "NaN"}),
    "age in other digits": (WRONG, {"age": "٣٤"}),
    "age infinite": (WRONG, {"age": "inf"}),
    "age below 0": (WRONG, {"age": "-1"}),
    "age with exponent": (WRONG, {"age": "1e1"}),
    "age of ten thousand digits": (WRONG, {"age": "9" * 10_000}),
    "age as script": (WRONG, {"age": "<script>alert(1)</script>"}),
    "unknown site": (WRONG, {"site": "elbow; DROP TABLE"}),
    "unknown sex": (WRONG, {"sex": "yes"}),
    "unknown dermatoscope": (WRONG, {"dermatoscope": "1"}),
    "crop NaN": (WRONG, {"crop_x": "nan", "crop_y": "0", "crop_size": "1"}),
    "crop outside": (WRONG, {"crop_x": "0.9", "crop_y": "0.9", "crop_size": "1"}),
    "crop of nothing": (WRONG, {"crop_x": "0", "crop_y": "0", "crop_size": "1e-9"}),
    "unknown explanation": (WRONG, {"explain": "everything"}),
    "unknown bundle": (WRONG, {"bundle": "../../etc"}),
    "unknown field": (OK, {"colour": "blue"}),
    "field name as script": (OK, {"<script>": "1"}),
    "text of 300 kB": (LARGE, {"site": "x" * 300_000}),
}

FILE = part("photo", GOOD, "photo.jpg")

# name: (status, body, content type)
BODIES: dict[str, tuple[int, bytes, str]] = {
    "two files": (WRONG, body(FILE, FILE), CONTENT_TYPE),
    "no file": (WRONG, body(part("age", b"40")), CONTENT_TYPE),
    "photo as text": (WRONG, body(part("photo", b"photo.jpg")), CONTENT_TYPE),
    "large photo as text": (WRONG, body(part("photo", bytes(300_000))), CONTENT_TYPE),
    "file name in cp1252": (OK, body(part("photo", GOOD, "Läsion.jpg", "cp1252")), CONTENT_TYPE),
    "file name in Shift JIS": (OK, body(part("photo", GOOD, "写真.jpg", "shift_jis")), CONTENT_TYPE),
    "field name in cp1252": (OK, body(FILE, part("größe", b"3 mm", charset="cp1252")), CONTENT_TYPE),
    "age twice": (WRONG, body(FILE, part("age", b"40"), part("age", b"41")), CONTENT_TYPE),
    "age as file": (OK, body(FILE, part("age", b"40", "age.txt")), CONTENT_TYPE),
    "age in no encoding": (WRONG, body(FILE, part("age", b"\xff\xfe\x00")), CONTENT_TYPE),
    "1001 parts": (LARGE, body(FILE, *[part(f"field{i}", b"x") for i in range(1000)]), CONTENT_TYPE),
    "1001 files": (LARGE, body(*[part("photo", b"x", "x.jpg")] * 1001), CONTENT_TYPE),
    "no boundary": (BAD, body(FILE), "multipart/form-data"),
    "another boundary": (BAD, body(FILE), "multipart/form-data; boundary=other"),
    "boundary of 5000 characters": (BAD, body(FILE), f"multipart/form-data; boundary={'b' * 5000}"),
    "broken off": (BAD, body(FILE)[:-40], CONTENT_TYPE),
    "part without a name": (
        BAD,
        b"--bound\r\nContent-Type: image/jpeg\r\n\r\nx\r\n--bound--\r\n",
        CONTENT_TYPE,
    ),
    "header of 100 kB": (
        BAD,
        f"--{BOUNDARY}\r\nX-Long: ".encode() + b"x" * 100_000 + b"\r\n\r\nx\r\n--bound--\r\n",
        CONTENT_TYPE,
    ),
    "nothing": (BAD, b"", CONTENT_TYPE),
    "json": (TYPE, b'{"photo": 1}', "application/json"),
    "a bare photo": (TYPE, GOOD, "image/jpeg"),
    "form that is urlencoded": (TYPE, b"photo=1&age=40", "application/x-www-form-urlencoded"),
}


def made_uploads() -> Iterator[tuple[str, int, bytes, str]]:
    """Yield the name, expected status, body and content type of each upload."""
    for name, (status, photo) in PHOTOS.items():
        yield name, status, body(part("photo", photo(), "photo.jpg")), CONTENT_TYPE
    for filename in FILE_NAMES:
        yield f"file name {filename[:30]!r}", OK, body(part("photo", GOOD, filename)), CONTENT_TYPE
    for name, (status, fields) in FIELDS.items():
        parts = [part(field, value.encode()) for field, value in fields.items()]
        yield name, status, body(FILE, *parts), CONTENT_TYPE
    for name, (status, content, content_type) in BODIES.items():
        yield name, status, content, content_type
