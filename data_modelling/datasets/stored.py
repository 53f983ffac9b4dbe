"""A photo as the table's `path` names it: a file, or a stretch of a TFRecord shard.

A shard's photo has the path `FILE@OFFSET+LENGTH:CHANNELS`: where in the file the photo's own bytes (a JPEG, PNG,
WebP or DICOM file) begin, how many they are, and the order of the colours in them.
"""

import re
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.photos import read_photo

IN_SHARD = re.compile(r"(?P<file>.+)@(?P<offset>\d+)\+(?P<length>\d+):(?P<channels>rgb|bgr)", re.DOTALL)
ENDINGS_BY_START = {b"\xff\xd8\xff": ".jpg", b"\x89PNG": ".png", b"RIFF": ".webp"}
DICOM_ENDING = ".dcm"  # of what the table names and begins otherwise


def shard_path(file: Path, offset: int, length: int, channels: str) -> str:
    """The table's path of a photo inside a shard."""
    return f"{file}@{offset}+{length}:{channels}"


def read_bytes(path: str) -> bytes:
    """The photo's file: JPEG, PNG, WebP or DICOM."""
    if (place := IN_SHARD.fullmatch(path)) is None:
        return Path(path).read_bytes()
    with Path(place["file"]).open("rb") as file:
        file.seek(int(place["offset"]))
        return file.read(int(place["length"]))


def readable(path: str) -> str | BytesIO:
    """The photo for a reader that opens files; one that lies alone is not read for it."""
    return BytesIO(read_bytes(path)) if IN_SHARD.fullmatch(path) else path


def shard_of(path: str) -> tuple[str, str] | None:
    """The shard that a photo is in and the order of the colours it is read with; None for one that lies alone."""
    place = IN_SHARD.fullmatch(path)
    return (place["file"], place["channels"]) if place else None


def swapped(path: str) -> bool:
    """Whether the photo is stored with blue first."""
    place = IN_SHARD.fullmatch(path)
    return place is not None and place["channels"] == "bgr"


def read_pixels(path: str, edge: int) -> NDArray[np.uint8]:
    """(edge, edge, 3) RGB as inference.photos reads it; raises as that does."""
    pixels = read_photo(read_bytes(path), edge)
    return np.ascontiguousarray(pixels[:, :, ::-1]) if swapped(path) else pixels


def state(path: str) -> str:
    """What changes when the photo does: path, and size and time of change of its file."""
    place = IN_SHARD.fullmatch(path)
    facts = Path(place["file"] if place else path).stat()
    return f"{path} {facts.st_size} {facts.st_mtime_ns}"


def encoded(path: str, edge: int, channels: str) -> tuple[bytes, str]:
    """The photo as it is to be stored, and the ending of such a file.

    edge: of the square that is stored as PNG, which loses nothing; 0 takes the photo's own file.
    channels: `rgb`, or `bgr`, for which an edge must be given unless the photo is stored so already.
    """
    if not edge:
        data = read_bytes(path)
        known = (end for start, end in ENDINGS_BY_START.items() if data.startswith(start))
        return data, next(known, DICOM_ENDING)
    pixels = read_pixels(path, edge)
    if channels == "bgr":
        pixels = np.ascontiguousarray(pixels[:, :, ::-1])
    target = BytesIO()
    Image.fromarray(pixels).save(target, "PNG")
    return target.getvalue(), ".png"
