"""Make the photo files for the benchmarks: enlarged photos with grain, so that the files are as large as real ones."""

from dataclasses import dataclass
from functools import cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from app.analysis.examples import EXAMPLES, EXAMPLES_FOLDER

GRAIN = 6.0  # standard deviation of the grain (a camera's random noise), in grey levels
SEED = 11
CAMERA_SIZES = ((1504, 1128), (2048, 1536), (3264, 2448), (4000, 3000))  # width and height in pixels
CAMERA_QUALITY = 92


@dataclass(frozen=True)
class PhotoKind:
    """Describe a kind of photo. size: width and height in pixels. form: file format. quality: JPEG quality, 1-100."""

    name: str
    size: tuple[int, int]
    form: str
    quality: int = 95

    @property
    def media_type(self) -> str:
        return f"image/{self.form.lower()}"


SMALL = PhotoKind("600x450 JPEG", (600, 450), "JPEG")
LARGE = PhotoKind("4000x3000 JPEG", (4000, 3000), "JPEG", 85)
PNG = PhotoKind("600x450 PNG", (600, 450), "PNG")
KINDS = (SMALL, LARGE, PNG)


def make_photos(kind: PhotoKind, count: int = 1) -> list[bytes]:
    """Return the files of `count` different photos of a kind, made from the example photos in turn."""
    rng = np.random.default_rng(SEED)
    sources = [Image.open(EXAMPLES_FOLDER / example.file).convert("RGB") for example in EXAMPLES.values()]
    photos = []
    for number in range(count):
        grain = rng.normal(0, GRAIN, (*kind.size[::-1], 3))
        photos.append(_photo_file(sources[number % len(sources)], kind.size, grain, kind.form, kind.quality))
    return photos


def camera_file(photo: Image.Image, size: tuple[int, int]) -> bytes:
    """Return a photo as a camera's JPEG of `size` (width, height); mirrored strips at its sides make it wide enough."""
    sides = max(0, round(photo.height * size[0] / size[1]) - photo.width)
    padding = ((0, 0), (sides // 2, sides - sides // 2), (0, 0))
    mirrored = Image.fromarray(np.pad(np.asarray(photo.convert("RGB")), padding, "symmetric"))
    return _photo_file(mirrored, size, _camera_grain(size), "JPEG", CAMERA_QUALITY)


def _photo_file(
    photo: Image.Image, size: tuple[int, int], grain: NDArray[np.number], form: str, quality: int
) -> bytes:
    enlarged = np.asarray(photo.resize(size, Image.Resampling.BICUBIC))
    file = BytesIO()
    Image.fromarray(np.clip(enlarged + grain, 0, 255).astype(np.uint8)).save(file, form, quality=quality)
    return file.getvalue()


@cache
def _camera_grain(size: tuple[int, int]) -> NDArray[np.int16]:
    grain = np.random.default_rng(SEED).standard_normal((*size[::-1], 3), np.float32)
    return (GRAIN * grain).astype(np.int16)
