"""Small photos of every kind that the reader knows, as the fuzzer's start: made here, nobody's pictures."""

import zlib
from io import BytesIO
from typing import Any

import numpy as np
from PIL import Image, ImageCms, PngImagePlugin

from tests import dicom_files
from tests.dicom_files import EXPLICIT, IMPLICIT, dicom, jpeg_of

WIDTH, HEIGHT = 20, 12
y, x = np.mgrid[:HEIGHT, :WIDTH]
PIXELS = np.stack([x * 12, y * 20, (x + y) * 8], axis=-1).astype(np.uint8)
PICTURE = Image.fromarray(PIXELS)
GREY = PIXELS[..., 0].copy()


def saved(kind: str, image: Image.Image = PICTURE, **options: Any) -> bytes:
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def exif(orientation: int) -> Image.Exif:
    tags = Image.Exif()
    tags[0x0112] = orientation
    tags[0x010E] = "a description"
    tags.get_ifd(0x8769)[0x9003] = "2026:01:01 00:00:00"
    return tags


def texts() -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text("Comment", "some text")
    info.add_text("Comment", "some text", zip=True)
    info.add_itxt("Comment", "some text", "en", "Comment", zip=True)
    info.add(b"gAMA", b"\0\0\xb1\x8f")
    return info


def frames(kind: str) -> bytes:
    others = [Image.new("RGB", PICTURE.size, colour) for colour in ("red", "blue")]
    return saved(kind, save_all=True, append_images=others)


def with_size(jpeg: bytes, width: int, height: int) -> bytes:
    """A JPEG file whose header promises other pixels than it has."""
    size = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:size] + height.to_bytes(2, "big") + width.to_bytes(2, "big") + jpeg[size + 4 :]


def seeds() -> dict[str, bytes]:
    """Files by name."""
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    alpha = PICTURE.convert("RGBA")
    alpha.putalpha(Image.fromarray(GREY))
    palette = PICTURE.quantize(16)
    return {
        "jpeg": saved("JPEG"),
        "jpeg-progressive": saved("JPEG", progressive=True),
        "jpeg-subsampled": saved("JPEG", subsampling="4:2:0", restart_marker_blocks=1),
        "jpeg-grey": saved("JPEG", PICTURE.convert("L")),
        "jpeg-cmyk": saved("JPEG", PICTURE.convert("CMYK")),
        "jpeg-exif": saved("JPEG", exif=exif(6), comment=b"a comment"),
        "jpeg-profile": saved("JPEG", icc_profile=profile, dpi=(300, 300)),
        "jpeg-several": frames("MPO"),
        "jpeg-large": with_size(saved("JPEG"), 60_000, 60_000),
        "png": saved("PNG"),
        "png-row": saved("PNG", PICTURE.crop((0, 0, WIDTH, 1))) + b"\0",  # an odd length
        "png-text": saved("PNG", pnginfo=texts(), exif=exif(8), dpi=(300, 300)),
        "png-profile": saved("PNG", icc_profile=profile),
        "png-palette": saved("PNG", palette, transparency=bytes(range(0, 160, 10))),
        "png-bit": saved("PNG", PICTURE.convert("1")),
        "png-grey": saved("PNG", PICTURE.convert("L"), transparency=3),
        "png-grey-16": saved("PNG", Image.fromarray(GREY.astype(np.uint16) * 257)),
        "png-grey-alpha": saved("PNG", alpha.convert("LA")),
        "png-alpha": saved("PNG", alpha),
        "png-animated": frames("PNG"),
        "webp": saved("WEBP"),
        "webp-lossless": saved("WEBP", alpha, lossless=True, exif=exif(3), icc_profile=profile),
        "webp-animated": frames("WEBP"),
        "dicom": dicom(PIXELS),
        "dicom-grey": dicom(GREY),
        "dicom-pieces": dicom(PIXELS)[:-8] + dicom_files.encapsulated(jpeg_of(PIXELS))[20:],
        "dicom-explicit": dicom(PIXELS, EXPLICIT),
        "dicom-implicit": dicom(PIXELS, IMPLICIT),
        "dicom-planar": dicom(
            PIXELS, EXPLICIT, samples=PIXELS.transpose(2, 0, 1).tobytes(), changes={0x00280006: 1}
        ),
        "dicom-ybr": dicom(PIXELS, EXPLICIT, changes={0x00280004: "YBR_FULL"}),
        "dicom-frames": dicom(GREY, EXPLICIT, changes={0x00280008: "2"}),
        "dicom-bare": dicom(GREY, IMPLICIT, changes=dict.fromkeys((0x00100040, 0x00101010, 0x00180015))),
    }


def with_checksums(data: bytes) -> bytes:
    """A PNG file whose chunks have the checksums of their content, so that an altered one is looked into."""
    mended, start = bytearray(data), 8
    while start + 12 <= len(data):
        end = start + 8 + int.from_bytes(data[start : start + 4], "big")
        mended[end : end + 4] = zlib.crc32(data[start + 4 : end]).to_bytes(4, "big")
        start = end + 4
    return bytes(mended[: len(data)])
