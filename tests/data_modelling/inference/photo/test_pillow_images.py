"""Pillow's own test images are read with Pillow's pixels, converted to sRGB, or they are refused."""

import io
import tarfile

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageOps

from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photo.reader import read_photo, square_edge
from tests.conftest import skip_unless_ci
from tests.packages import PILLOW, NotFetched, fetched

LARGEST_EDGE = 1500  # pixels; a larger photo is reduced while it is decoded
MOST_LEVELS = 2
FORMATS = ["JPEG", "PNG", "WEBP"]


@pytest.fixture(scope="module")
def images() -> dict[str, bytes]:
    """Return Pillow's test images by name."""
    try:
        path = fetched(PILLOW)
    except NotFetched as error:
        skip_unless_ci(str(error))
    with tarfile.open(path) as package:
        return {
            member.name: package.extractfile(member).read()
            for member in package.getmembers()
            if "/Tests/images/" in member.name and member.isfile()
        }


def square_by_pillow(data: bytes) -> np.ndarray | None:
    """Return the centre square in sRGB; None where Pillow alone does not say what is right: alpha, 16 bits, gamma."""
    image = Image.open(io.BytesIO(data), formats=FORMATS)
    image.load()
    profile, has_gamma = image.info.get("icc_profile"), "gamma" in image.info and "srgb" not in image.info
    if image.mode in ("RGBA", "LA", "PA") or image.mode.startswith("I") or "transparency" in image.info:
        return None
    if has_gamma and not profile:
        return None
    image = ImageOps.exif_transpose(image)
    if profile:
        image = to_srgb(image, profile)
    image = image.convert("RGB")
    edge = min(image.size)
    left, top = (image.width - edge) / 2, (image.height - edge) / 2
    box = (left, top, left + edge, top + edge)
    return np.asarray(image.resize((edge, edge), Image.Resampling.BILINEAR, box=box))


def to_srgb(image: Image.Image, profile: bytes) -> Image.Image:
    """Return the image in sRGB; as it is where LittleCMS does not take its profile."""
    image = image if image.mode in ("RGB", "L", "CMYK") else image.convert("RGB")
    try:
        source = ImageCms.ImageCmsProfile(io.BytesIO(profile))
        return ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError):
        return image


@pytest.mark.filterwarnings("ignore")  # Pillow warns of many of its test images
def test_pillows_images_are_read_with_pillows_pixels(images: dict[str, bytes]) -> None:
    compared, beyond = 0, {}
    for name, data in images.items():
        try:
            edge = square_edge(data)
            photo = read_photo(data, edge) if edge <= LARGEST_EDGE else None
            expected = square_by_pillow(data) if photo is not None else None
        except (
            PhotoError,
            OSError,
        ):  # refused by one of them: tests/app/http/test_uploads.py has the refusals
            continue
        if photo is None or expected is None:
            continue
        compared += 1
        levels = int(np.abs(photo.astype(int) - expected.astype(int)).max())
        if levels > MOST_LEVELS:
            beyond[name] = levels
    assert beyond == {}
    assert compared > 350
