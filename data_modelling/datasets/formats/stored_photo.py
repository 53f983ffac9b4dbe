"""Reads and encodes the photos of the table (see datasets.table). A photo is a file or a part of a TFRecord shard.

A shard holds many photos. A photo in it has the path `FILE@OFFSET+LENGTH:CHANNELS`. OFFSET and LENGTH say which bytes
of the shard are the photo's own file (JPEG, PNG, WebP or DICOM). CHANNELS is its colour order, `rgb` or `bgr`.
"""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.photo.reader import read_photo

SHARD_PATH_PATTERN = re.compile(
    r"(?P<file>.+)@(?P<offset>\d+)\+(?P<length>\d+):(?P<channels>rgb|bgr)", re.DOTALL
)
ENDINGS_BY_START = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp"}
DICOM_ENDING = ".dcm"  # the ending of a photo with any other beginning


def shard_path(file: Path, offset: int, length: int, channels: str) -> str:
    """Return the table's path of a photo inside a shard."""
    return f"{file}@{offset}+{length}:{channels}"


def read_bytes(path: str) -> bytes:
    """Return the bytes of the photo's file: JPEG, PNG, WebP or DICOM."""
    if (place := SHARD_PATH_PATTERN.fullmatch(path)) is None:
        return Path(path).read_bytes()
    with Path(place["file"]).open("rb") as file:
        file.seek(int(place["offset"]))
        return file.read(int(place["length"]))


def path_or_buffer(path: str) -> str | BytesIO:
    """Return what a reader of photo files can open: the path of a file, or a buffer with the bytes from a shard."""
    return BytesIO(read_bytes(path)) if SHARD_PATH_PATTERN.fullmatch(path) else path


def has_bgr_order(path: str) -> bool:
    """Return whether the photo is stored with blue first."""
    place = SHARD_PATH_PATTERN.fullmatch(path)
    return place is not None and place["channels"] == "bgr"


def read_pixels(path: str, edge: int) -> NDArray[np.uint8]:
    """Return the photo's RGB pixels (edge, edge, 3). Raises the errors of inference.photo.reader.read_photo."""
    pixels = read_photo(read_bytes(path), edge)
    return np.ascontiguousarray(pixels[:, :, ::-1]) if has_bgr_order(path) else pixels


def photo_fingerprint(path: str) -> str:
    """Return a text that changes with the photo: the path, and the size and modification time of its file."""
    place = SHARD_PATH_PATTERN.fullmatch(path)
    facts = Path(place["file"] if place else path).stat()
    written_path = path.encode(errors="backslashreplace").decode()  # a file name may not be valid UTF-8
    return f"{written_path} {facts.st_size} {facts.st_mtime_ns}"


def encode_photo(path: str, edge: int, channels: str) -> tuple[bytes, str]:
    """Return the bytes to store for the photo, and the ending of their file, such as `.png`.

    edge: the edge in pixels of the square that is stored as PNG, without loss; 0 stores the photo's own file unchanged.
    channels: the colour order to store, `rgb` or `bgr`; if edge is 0, it must be the photo's own order.
    """
    if not edge:
        data = read_bytes(path)
        endings = (ending for start, ending in ENDINGS_BY_START.items() if data.startswith(start))
        return data, next(endings, DICOM_ENDING)
    pixels = read_pixels(path, edge)
    if channels == "bgr":
        pixels = np.ascontiguousarray(pixels[:, :, ::-1])
    target = BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue(), ".png"
