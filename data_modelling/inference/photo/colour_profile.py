"""Converts a photo to sRGB, the usual colour space, if its file declares another (ICC profile, or chunks of a PNG)."""

import struct
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

from data_modelling.inference.errors import DAMAGED_FILE_ERRORS

Floats = NDArray[np.float64]

MAX_PROFILE_BYTES = 17_000_000  # more than a JPEG can hold; larger profiles are not read
MAX_CACHED_BYTES = 1_000_000  # the conversions of larger profiles are not kept in memory
SAME_LEVELS = 2  # 8-bit levels by which a profile may differ from sRGB and still count as sRGB
MODES = {"RGB ": "RGB", "GRAY": "L", "CMYK": "CMYK"}  # Pillow's modes by the colour space of a profile
DEVICE_CLASSES = ("mntr", "scnr", "prtr", "spac")  # monitor, scanner, printer, colour space
PROFILE_ERRORS = (*DAMAGED_FILE_ERRORS, ImageCms.PyCMSError)

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
SRGB_PRIMARIES = ((0.64, 0.33), (0.30, 0.60), (0.15, 0.06))  # of IEC 61966-2-1 and of ITU-R BT.709
D65 = (0.3127, 0.3290)  # chromaticity (x, y) of sRGB's white
D50 = (0.9642, 1.0, 0.8249)  # XYZ of the white of ICC profiles
SRGB_GAMMA = 1 / 2.2
GAMMAS = (0.00016, 6250.0)  # range of a gAMA chunk's valid values, as in libpng
SAME_GAMMA = 0.05  # a gamma that differs from sRGB's by at most this share means sRGB's curve, as in libpng
# What the codes of a cICP chunk mean (ITU-T H.273): primaries, all with the white D65, and exponents of the curve.
CICP_PRIMARIES = {
    1: SRGB_PRIMARIES,
    9: ((0.708, 0.292), (0.170, 0.797), (0.131, 0.046)),  # ITU-R BT.2020
    12: ((0.680, 0.320), (0.265, 0.690), (0.150, 0.060)),  # Display P3
}
CICP_GAMMAS = {4: 2.2, 5: 2.8, 8: 1.0, 13: None}  # None means sRGB's curve
# The matrix from XYZ to Bradford's cone responses, with which colours adapt to another white (ICC.1:2022, annex E).
BRADFORD = np.array([[0.8951, 0.2664, -0.1614], [-0.7502, 1.7135, 0.0367], [0.0389, -0.0685, 1.0296]])
SRGB_CURVE: tuple[float, ...] = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # for ICC's curve type 3


@dataclass(frozen=True)
class ColourTransform:
    """A conversion to sRGB from pixels of `mode`: RGB, L or CMYK."""

    mode: str
    transform: ImageCms.ImageCmsTransform

    def fits(self, mode: str) -> bool:
        """Return whether the mode of an image fits the profile's colour space."""
        if self.mode == "L":
            return mode in {"1", "L", "LA"}
        return (mode == "CMYK") == (self.mode == "CMYK")

    def apply(self, image: Image.Image) -> Image.Image:
        """Return the image in sRGB, as RGB or, with transparency, RGBA; `image` itself may be changed."""
        alpha = image.convert("RGBA").getchannel("A") if image.has_transparency_data else None
        if image.mode != self.mode:
            image = image.convert(self.mode)
        if image.mode == "RGB" and not image.readonly:  # in place, because a copy of a large photo has 100 MB
            ImageCms.applyTransform(image, self.transform, inPlace=True)
        else:
            converted = ImageCms.applyTransform(image, self.transform)
            assert converted is not None  # nosec B101  # not in place
            image = converted
        if alpha is not None:
            image.putalpha(alpha)
        return image


def srgb_transform(mode: str, profiles: Iterator[bytes | None]) -> ColourTransform | None:
    """Return an image's conversion by the first usable profile; None if this profile is sRGB, or if none is usable.

    mode: Pillow's mode of the image. profiles: the image's profiles, by precedence; None stands for sRGB.
    """
    for profile in profiles:
        if profile is None:
            return None
        if not profile or len(profile) > MAX_PROFILE_BYTES:
            continue
        build = _cached_transform if len(profile) <= MAX_CACHED_BYTES else _build_transform
        transform, is_srgb = build(profile)
        if transform is not None and transform.fits(mode):
            return None if is_srgb else transform
    return None


def _build_transform(profile: bytes) -> tuple[ColourTransform | None, bool]:
    """Return the conversion of a profile (None if unusable), and whether the profile is sRGB itself."""
    try:
        source = ImageCms.ImageCmsProfile(BytesIO(profile))
        if source.profile.device_class.strip() not in DEVICE_CLASSES:
            return None, False
        mode = MODES[source.profile.xcolor_space]
        target = ImageCms.createProfile("sRGB")
        # Some sRGB profiles change colours, but only with ICC's perceptual intent. They count as sRGB too.
        colorimetric = ImageCms.buildTransform(
            source, target, mode, "RGB", ImageCms.Intent.RELATIVE_COLORIMETRIC
        )
        if mode != "CMYK" and _is_identity(ColourTransform(mode, colorimetric)):
            return ColourTransform(mode, colorimetric), True
        perceptual = ImageCms.buildTransform(source, target, mode, "RGB", ImageCms.Intent.PERCEPTUAL)
        return ColourTransform(mode, perceptual), False
    except PROFILE_ERRORS:
        return None, False


_cached_transform = lru_cache(maxsize=8)(_build_transform)


def _is_identity(transform: ColourTransform) -> bool:
    """Return whether a conversion changes no colour by more than SAME_LEVELS."""
    levels = np.arange(0, 256, 15 if transform.mode == "RGB" else 1, dtype=np.uint8)
    if transform.mode == "RGB":
        colours = np.stack(np.meshgrid(levels, levels, levels), axis=-1).reshape(1, -1, 3)
        probe = Image.fromarray(colours)
    else:
        colours = np.repeat(levels[None, :, None], 3, axis=2)
        probe = Image.fromarray(levels[None])
    converted = np.asarray(transform.apply(probe), np.int16)
    return bool(np.abs(converted - colours).max() <= SAME_LEVELS)


def png_profiles(data: bytes) -> Iterator[bytes | None]:
    """Yield the profiles of a PNG's chunks by precedence: cICP, iCCP, sRGB, then gAMA with cHRM (PNG 3, section 4.3).

    An sRGB chunk gives None. A gamma close to sRGB's gives a profile with sRGB's curve.
    """
    # Of several chunks of one name, the first counts.
    chunks = {name: data[start + 8 : stop - 4] for name, start, stop in reversed(list(_png_chunks(data)))}
    yield from _cicp_profile(chunks.get(b"cICP", b""))
    icc_profile = _unpack_profile(chunks.get(b"iCCP", b""))
    if icc_profile:
        yield icc_profile
    if b"sRGB" in chunks:
        yield None
    gamma = _png_numbers(chunks.get(b"gAMA", b""), 1)
    points = _png_numbers(chunks.get(b"cHRM", b""), 8)
    if gamma and not GAMMAS[0] <= gamma[0] <= GAMMAS[1]:
        gamma = ()
    if not gamma and not points:
        return
    exponent = None
    if gamma and abs(gamma[0] / SRGB_GAMMA - 1) > SAME_GAMMA:
        exponent = 1 / gamma[0]
    white, *primaries = zip(points[::2], points[1::2], strict=True) if points else (D65, *SRGB_PRIMARIES)
    try:
        yield matrix_profile(white, tuple(primaries), exponent)
    except (ArithmeticError, ValueError, np.linalg.LinAlgError, struct.error):
        if exponent is not None:  # the points span no triangle, but the gamma is usable
            yield matrix_profile(D65, SRGB_PRIMARIES, exponent)


def _cicp_profile(content: bytes) -> Iterator[bytes | None]:
    """Yield the profile of a cICP chunk, if the chunk means full-range RGB and no HDR."""
    if len(content) != 4:
        return
    primaries, curve, matrix, full_range = content
    if primaries in CICP_PRIMARIES and curve in CICP_GAMMAS and matrix == 0 and full_range == 1:
        yield matrix_profile(D65, CICP_PRIMARIES[primaries], CICP_GAMMAS[curve])


def _png_chunks(data: bytes) -> Iterator[tuple[bytes, int, int]]:
    """Yield the name of each chunk before the pixels, and where it starts and ends in the file."""
    position = len(PNG_SIGNATURE)
    while position + 8 <= len(data):
        size, name = struct.unpack(">I4s", data[position : position + 8])
        if name in (b"IDAT", b"IEND"):
            break
        yield name, position, position + 12 + size
        position += 12 + size


def without_icc_profile(data: bytes) -> bytes:
    """Return a PNG without its ICC profile, because Pillow refuses a PNG if the profile is damaged or above 1 MB."""
    kept, position = [], 0
    for name, start, stop in _png_chunks(data):
        if name == b"iCCP":
            kept.append(data[position:start])
            position = stop
    return b"".join([*kept, data[position:]]) if kept else data


def _unpack_profile(content: bytes) -> bytes:
    """Return the profile in an iCCP chunk, or b"" if it cannot be unpacked; a truncated profile gives its beginning."""
    _name, _zero, packed = content.partition(b"\0")  # `packed`: the method (0) and the packed profile
    if not packed.startswith(b"\0"):
        return b""
    try:
        return zlib.decompressobj().decompress(packed[1:], MAX_PROFILE_BYTES + 1)
    except zlib.error:
        return b""


def _png_numbers(content: bytes, count: int) -> tuple[float, ...]:
    """Return the `count` numbers that a chunk stores times 100,000, or () if the chunk has another length."""
    if len(content) != 4 * count:
        return ()
    return tuple(number / 100_000 for number in struct.unpack(f">{count}I", content))


def matrix_profile(
    white: tuple[float, float], primaries: tuple[tuple[float, float], ...], gamma: float | None
) -> bytes:
    """Return an ICC profile of three primaries with the exponent `gamma`; None means sRGB's curve.

    white, primaries: chromaticities (x, y). Raises ArithmeticError, ValueError or struct.error for impossible values.
    """
    matrix = _to_d50(white, primaries)
    kind, parameters = (3, SRGB_CURVE) if gamma is None else (0, (gamma,))  # of ICC's parametric curve
    curve = b"para" + struct.pack(">IHH", 0, kind, 0) + b"".join(map(_fixed, parameters))
    points = [b"XYZ " + bytes(4) + b"".join(map(_fixed, point)) for point in (D50, *matrix.T)]
    tags = list(zip((b"wtpt", b"rXYZ", b"gXYZ", b"bXYZ"), points, strict=True))
    tags += [(name, curve) for name in (b"rTRC", b"gTRC", b"bTRC")]
    start = 128 + 4 + 12 * len(tags)
    table, body = struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content + bytes(-len(content) % 4)
    header = struct.pack(">I4sI4s4s4s", start + len(body), bytes(4), 0x04300000, b"mntr", b"RGB ", b"XYZ ")
    header += struct.pack(">6H", 2000, 1, 1, 0, 0, 0) + b"acsp" + bytes(28) + b"".join(map(_fixed, D50))
    return header.ljust(128, b"\0") + table + body


def _to_d50(white: tuple[float, float], primaries: tuple[tuple[float, float], ...]) -> Floats:
    """Return the matrix (3, 3) from linear RGB to XYZ with the white D50, by Bradford's adaptation."""
    directions = np.array([_xyz(point) for point in primaries]).T
    white_xyz = np.array(_xyz(white))
    to_xyz = directions * np.linalg.solve(directions, white_xyz)
    scale = (BRADFORD @ np.array(D50)) / (BRADFORD @ white_xyz)
    return np.asarray(np.linalg.inv(BRADFORD) @ np.diag(scale) @ BRADFORD @ to_xyz)


def _xyz(point: tuple[float, float]) -> tuple[float, float, float]:
    """Return X, Y and Z of a chromaticity, with Y = 1."""
    x, y = point
    return x / y, 1.0, (1 - x - y) / y


def _fixed(number: float) -> bytes:
    """Return a number as ICC's s15Fixed16Number."""
    return struct.pack(">i", round(number * 65536))
