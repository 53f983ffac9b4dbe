"""The values come from the definitions of the colour spaces, worked out here, or from LittleCMS with profiles of its own."""

import struct
import zlib
from io import BytesIO

import numpy as np
import pytest
from PIL import Image, ImageCms

from data_modelling.inference.photo import colour_profile
from data_modelling.inference.photo.colour_profile import CICP_PRIMARIES, D65, SRGB_PRIMARIES, matrix_profile
from data_modelling.inference.photo.reader import read_corner_frames, read_photo

SRGB = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
P3_PRIMARIES = CICP_PRIMARIES[12]
P3 = matrix_profile(D65, P3_PRIMARIES, None)
# The matrix from linear Display P3 to linear sRGB, as CSS Color 4 has it.
P3_TO_SRGB = np.array(
    [[1.2249401, -0.2249401, 0], [-0.0420569, 1.0420569, 0], [-0.0196376, -0.0786361, 1.0982735]]
)
COLOURS = np.array([[200, 100, 50], [120, 130, 140], [90, 60, 80], [230, 200, 190]], np.uint8)
WIDE = COLOURS[None].repeat(4, axis=0)  # (4, 4, 3)


def linear(values):
    shares = np.asarray(values, float) / 255
    return np.where(shares <= 0.04045, shares / 12.92, ((shares + 0.055) / 1.055) ** 2.4)


def encoded(shares):
    shares = np.clip(shares, 0, 1)
    return 255 * np.where(shares <= 0.0031308, 12.92 * shares, 1.055 * shares ** (1 / 2.4) - 0.055)


def saved(image, kind="PNG", **options):
    file = BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(file, kind, **options)
    return file.getvalue()


def with_chunks(data, *chunks):
    """A PNG with more chunks after its header."""
    more = b"".join(
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))
        for name, content in chunks
    )
    return data[:33] + more + data[33:]


def gama(gamma):
    return b"gAMA", struct.pack(">I", round(gamma * 100_000))


def chrm(white, primaries):
    points = [number for point in (white, *primaries) for number in point]
    return b"cHRM", struct.pack(">8I", *(round(number * 100_000) for number in points))


def read(data):
    return read_photo(data, 4).astype(int)


def by_pillow(pixels, profile, mode="RGB"):
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    image = Image.fromarray(pixels) if mode != "CMYK" else Image.fromarray(pixels, "CMYK")
    return np.asarray(
        ImageCms.profileToProfile(image, source, ImageCms.createProfile("sRGB"), outputMode="RGB"), int
    )


P3_IN_SRGB = encoded(linear(WIDE) @ P3_TO_SRGB.T)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_display_p3_by_hand(kind):
    data = saved(WIDE, kind, icc_profile=P3, **({"lossless": True} if kind == "WEBP" else {}))
    assert np.abs(read(data) - P3_IN_SRGB).max() <= 1
    assert np.abs(WIDE - P3_IN_SRGB).max() > 8  # there is something to convert


def test_display_p3_in_a_jpeg():
    large = np.kron(WIDE, np.ones((64, 64, 1), np.uint8))
    options = {"quality": 100, "subsampling": 0}
    inner = read(saved(large, "JPEG", icc_profile=P3, **options))
    assert (
        np.abs(
            inner
            - read(saved(P3_IN_SRGB.round().astype(np.uint8).repeat(64, 0).repeat(64, 1), "JPEG", **options))
        ).max()
        <= 3
    )


def test_a_profile_of_a_printed_kind_by_littlecms():
    """A gamma of 1.8 with wide primaries, as ProPhoto has them."""
    profile = matrix_profile((0.3457, 0.3585), ((0.7347, 0.2653), (0.1596, 0.8404), (0.0366, 0.0001)), 1.8)
    assert np.abs(read(saved(WIDE, icc_profile=profile)) - by_pillow(WIDE, profile)).max() <= 1


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
def test_an_srgb_profile_changes_nothing(kind):
    for profile in (SRGB, matrix_profile(D65, SRGB_PRIMARIES, None)):
        assert np.array_equal(read(saved(WIDE, kind, icc_profile=profile)), read(saved(WIDE, kind)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP", "JPEG"])
@pytest.mark.parametrize(
    "profile",
    [
        b"x",
        b"no profile at all" * 20,
        P3[:200],
        P3[:12] + b"link" + P3[16:],
        P3[:16] + b"CMYK" + P3[20:],
        P3[:16] + b"Lab " + P3[20:],
    ],
)
def test_a_broken_or_foreign_profile_is_ignored(kind, profile):
    assert np.array_equal(read(saved(WIDE, kind, icc_profile=profile)), read(saved(WIDE, kind)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])  # no JPEG can hold it
def test_a_profile_larger_than_any_real_one_is_ignored(kind):
    data = saved(WIDE, kind, icc_profile=P3 + bytes(17_000_000))
    assert np.array_equal(read(data), read(saved(WIDE, kind)))


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
@pytest.mark.parametrize("size", [1_200_000, 5_000_000])
def test_a_profile_as_large_as_those_of_printers_is_read(kind, size):
    profile = struct.pack(">I", len(P3) + size) + P3[4:] + bytes(size)
    options = {"lossless": True} if kind == "WEBP" else {}
    assert np.abs(read(saved(WIDE, kind, icc_profile=profile, **options)) - P3_IN_SRGB).max() <= 1


@pytest.mark.parametrize("content", [b"x", b"x\0", b"x\0\0garbage", b"x\0\1" + zlib.compress(P3), b""])
def test_a_png_whose_profile_cannot_be_unpacked_is_read_without_it(content):
    assert np.array_equal(read(with_chunks(saved(WIDE), (b"iCCP", content))), read(saved(WIDE)))


# A photo of 4 megapixels is reduced before its colours are converted.
@pytest.mark.parametrize("edge", [64, 2000])
def test_the_colours_of_the_corner_frames_are_converted_once(edge):
    photo = np.full((edge, edge, 3), COLOURS[0])
    for kind, options in (("PNG", {}), ("JPEG", {"quality": 95})):
        data = saved(photo, kind, icc_profile=P3, **options)
        for frame in read_corner_frames(data, 16):
            assert np.abs(frame - P3_IN_SRGB[0, 0]).max() <= 2


def test_grey_photos():
    grey = WIDE[..., 0].copy()
    # Neutral colours stay neutral in any space of three primaries; those of P3 have sRGB's curve.
    assert np.abs(read(saved(grey, icc_profile=P3)) - grey[..., None]).max() <= 1
    gamma = matrix_profile(D65, SRGB_PRIMARIES, 1.0)
    assert np.abs(read(saved(grey, icc_profile=gamma)) - encoded(grey[..., None] / 255)).max() <= 1
    # 16 bits of a PNG, of which the upper eight are read.
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert np.abs(read(saved(deep, icc_profile=gamma)) - encoded(grey[..., None] / 255)).max() <= 1


def grey_profile(gamma):
    """A grey profile: a curve of one exponent."""
    tags = [(b"wtpt", b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061))]
    tags.append((b"kTRC", b"curv" + struct.pack(">IIH", 0, 1, round(gamma * 256)) + bytes(2)))
    start, table, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags:
        table += name + struct.pack(">II", start + len(body), len(content))
        body += content
    header = bytearray(P3[:128])
    header[:4], header[8:12], header[16:20] = struct.pack(">I", start + len(body)), b"\2\x10\0\0", b"GRAY"
    return bytes(header) + table + body


def test_grey_profiles_are_for_grey_photos():
    grey = WIDE[..., 0].copy()
    expected = encoded((grey[..., None] / 255) ** 1.0)
    assert np.abs(read(saved(grey, icc_profile=grey_profile(1.0))) - expected).max() <= 1
    assert np.array_equal(read(saved(WIDE, icc_profile=grey_profile(1.0))), read(saved(WIDE)))
    deep = Image.fromarray(grey.astype(np.uint16) * 257)
    assert np.abs(read(saved(deep, icc_profile=grey_profile(1.0))) - expected).max() <= 1


def test_transparent_colours_become_white_after_the_conversion():
    alpha = np.full((4, 4, 1), 255, np.uint8)
    alpha[:, 2:] = 0
    data = saved(np.concatenate([WIDE, alpha], axis=2), icc_profile=P3)
    assert np.abs(read(data)[:, :2] - P3_IN_SRGB[:, :2]).max() <= 1
    assert (read(data)[:, 2:] == 255).all()
    palette = Image.fromarray(WIDE).quantize(8)
    expected = read(saved(np.asarray(palette.convert("RGB")), icc_profile=P3))
    assert np.abs(read(saved(palette, icc_profile=P3)) - expected).max() <= 1


def test_gamma_and_primaries_of_a_png():
    plain = saved(WIDE)
    assert np.abs(read(with_chunks(plain, gama(1.0))) - encoded(WIDE / 255)).max() <= 1
    assert np.abs(read(with_chunks(plain, chrm(D65, P3_PRIMARIES))) - P3_IN_SRGB).max() <= 1
    both = encoded(((WIDE / 255) ** 1.8) @ P3_TO_SRGB.T)
    assert np.abs(read(with_chunks(plain, gama(1 / 1.8), chrm(D65, P3_PRIMARIES))) - both).max() <= 1


@pytest.mark.parametrize(
    "chunks",
    [
        [gama(0.45455)],
        [gama(0.45455), chrm(D65, SRGB_PRIMARIES)],
        [chrm(D65, SRGB_PRIMARIES)],
        [gama(0.0)],
        [gama(0.00001)],
        [gama(0.00001), (b"cHRM", bytes(32))],
        [(b"cHRM", bytes(32))],
        [(b"cICP", bytes([1, 13, 0, 1])), gama(1.0)],
        [(b"sRGB", b"\0"), gama(1.0), chrm(D65, P3_PRIMARIES)],
    ],
)
def test_chunks_that_mean_srgb_or_nothing_change_nothing(chunks):
    assert np.array_equal(read(with_chunks(saved(WIDE), *chunks)), read(saved(WIDE)))


def test_chunks_by_precedence():
    plain, with_icc = saved(WIDE), saved(WIDE, icc_profile=P3)
    assert np.abs(read(with_chunks(with_icc, (b"sRGB", b"\0"), gama(1.0))) - P3_IN_SRGB).max() <= 1
    assert (
        np.abs(
            read(with_chunks(plain, (b"cICP", bytes([12, 13, 0, 1])), (b"sRGB", b"\0"))) - P3_IN_SRGB
        ).max()
        <= 1
    )
    # An HDR signal or a broken profile gives way to what comes next.
    assert (
        np.abs(
            read(with_chunks(plain, (b"cICP", bytes([9, 16, 0, 1])), gama(1.0))) - encoded(WIDE / 255)
        ).max()
        <= 1
    )
    broken = saved(WIDE, icc_profile=P3[:200])
    assert np.abs(read(with_chunks(broken, gama(1.0))) - encoded(WIDE / 255)).max() <= 1
    # Points that span no triangle leave the gamma.
    assert np.abs(read(with_chunks(plain, gama(1.0), (b"cHRM", bytes(32)))) - encoded(WIDE / 255)).max() <= 1


def test_a_large_photo_is_reduced_before_its_colours_are_converted():
    y, x = np.mgrid[:1500, :1600]
    smooth = np.stack([x * 255 // 1600, y * 255 // 1500, (x + y) * 255 // 3100], axis=-1).astype(np.uint8)
    assert smooth.shape[0] * smooth.shape[1] > 2_000_000
    edge = 64
    converted = read_photo(saved(by_pillow(smooth, P3).astype(np.uint8), compress_level=1), edge).astype(int)
    photo = read_photo(saved(smooth, compress_level=1, icc_profile=P3), edge).astype(int)
    assert np.abs(photo - converted).max() <= 2


def test_the_same_profile_is_built_once(monkeypatch):
    colour_profile._cached_transform.cache_clear()
    for _ in range(3):
        read(saved(WIDE, icc_profile=P3))
    assert colour_profile._cached_transform.cache_info()[:2] == (2, 1)


def test_cmyk_without_a_usable_profile_is_read_as_before():
    cmyk = Image.fromarray(WIDE).convert("CMYK")
    data = saved(cmyk, "JPEG", quality=95)
    assert np.array_equal(read(saved(cmyk, "JPEG", quality=95, icc_profile=P3)), read(data))


def cmyk_profile():
    """A profile of grey inks: black takes all lightness, the others a third each (lut8Type, ICC.1:2001, 6.5.7)."""
    corners = [(c, m, y, k) for c in (0, 1) for m in (0, 1) for y in (0, 1) for k in (0, 1)]
    lightness = [0 if k else round(255 * (3 - c - m - y) / 3) for c, m, y, k in corners]
    table = b"mft1" + bytes(4) + bytes([4, 3, 2, 0])
    table += struct.pack(">9i", *(65536 if index % 4 == 0 else 0 for index in range(9)))
    table += bytes(range(256)) * 4 + b"".join(bytes([level, 128, 128]) for level in lightness)
    table += bytes(range(256)) * 3
    table += bytes(-len(table) % 4)
    white = b"XYZ " + bytes(4) + struct.pack(">3i", 63190, 65536, 54061)
    tags = [(b"wtpt", white), (b"A2B0", table)]
    start, index, body = 132 + 12 * len(tags), struct.pack(">I", len(tags)), b""
    for name, content in tags:
        index += name + struct.pack(">II", start + len(body), len(content))
        body += content
    header = bytearray(P3[:128])
    header[:4], header[8:12], header[12:24] = (
        struct.pack(">I", start + len(body)),
        b"\2\x10\0\0",
        b"prtrCMYKLab ",
    )
    return bytes(header) + index + body


def test_a_cmyk_profile_by_hand():
    """Half black is L* 50: Y = ((50 + 16) / 116)^3 = 0.184, which sRGB has at 118.9. Pillow alone would make it 127."""
    black = np.zeros((4, 4, 4), np.uint8)
    black[..., 3] = 128
    cmyk = Image.fromarray(black, "CMYK")
    options = {"quality": 100, "subsampling": 0}
    assert (read(saved(cmyk, "JPEG", **options)) == 127).all()
    photo = read(saved(cmyk, "JPEG", icc_profile=cmyk_profile(), **options))
    assert np.abs(photo - 118.9).max() <= 2
