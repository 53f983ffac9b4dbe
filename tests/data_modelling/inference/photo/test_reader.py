import struct
import zlib
from contextlib import suppress
from io import BytesIO

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from data_modelling.inference.errors import FieldError, PhotoError
from data_modelling.inference.photo import reader
from data_modelling.inference.photo.reader import Crop, parse_crop, read_photo, square_edge

RED, GREEN, BLUE, WHITE = (255, 0, 0), (0, 255, 0), (0, 0, 255), (255, 255, 255)


def file_of(image, kind="PNG", **options):
    if not isinstance(image, Image.Image):
        image = Image.fromarray(np.asarray(image, np.uint8))
    file = BytesIO()
    image.save(file, kind, **options)
    return file.getvalue()


def noise(width, height, cell=10):
    """Random colours that change smoothly from one cell of so many pixels to the next."""
    coarse = np.random.default_rng(0).integers(0, 256, (height // cell + 1, width // cell + 1, 3), np.uint8)
    return Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)


def png(width, height, kind, depth, rows, *chunks):
    """A PNG written by hand; rows: the pixel bytes of each row. Pillow cannot write 16-bit colour."""

    def chunk(name, data):
        return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + row for row in rows))
    parts = [
        chunk(b"IHDR", header),
        *(chunk(*one) for one in chunks),
        chunk(b"IDAT", pixels),
        chunk(b"IEND", b""),
    ]
    return b"\x89PNG\r\n\x1a\n" + b"".join(parts)


def exif(orientation):
    tags = Image.Exif()
    tags[0x0112] = orientation
    return tags


def jpeg_with_size(data, width, height):
    """The same JPEG with another size in its header: a photo whose pixels are not there."""
    frame = max(data.find(b"\xff\xc0"), data.find(b"\xff\xc2"))
    return data[: frame + 5] + struct.pack(">HH", height, width) + data[frame + 9 :]


def refusal(data, edge=8, crop=None):
    with pytest.raises((PhotoError, FieldError)) as caught:
        read_photo(data, edge, crop)
    return caught.value.code


# What comes out


@pytest.mark.parametrize(
    ("kind", "options"),
    [
        ("JPEG", {"quality": 95}),
        ("JPEG", {"progressive": True}),
        ("PNG", {}),
        ("WEBP", {"lossless": True}),
        ("WEBP", {"quality": 90}),
    ],
)
def test_every_format_becomes_a_square_of_rgb(kind, options):
    pixels = read_photo(file_of(Image.new("RGB", (90, 60), (200, 100, 50)), kind, **options), 16)
    assert (pixels.shape, pixels.dtype) == ((16, 16, 3), np.uint8)
    assert np.abs(pixels.astype(int) - (200, 100, 50)).max() <= 4


def palette():
    image = Image.new("P", (8, 8), 1)
    image.putpalette([0, 0, 0, 10, 20, 30])
    return image


@pytest.mark.parametrize(
    ("data", "colour"),
    [
        (file_of(Image.new("L", (8, 8), 90)), (90, 90, 90)),
        (file_of(Image.new("L", (8, 8), 90), "JPEG"), (90, 90, 90)),
        (file_of(Image.new("1", (8, 8), 1)), WHITE),
        (file_of(Image.new("I;16", (8, 8), 0x40FF)), (0x40, 0x40, 0x40)),
        (png(2, 2, 0, 16, [b"\xff\xff" * 2] * 2), WHITE),
        (png(2, 2, 2, 16, [b"\x10\xff\x20\xff\x30\xff" * 2] * 2), (0x10, 0x20, 0x30)),
        (png(2, 2, 4, 16, [b"\x50\x00\xff\xff" * 2] * 2), (0x50, 0x50, 0x50)),
        (file_of(palette()), (10, 20, 30)),
        (file_of(palette(), transparency=1), WHITE),
        (file_of(palette(), transparency=0), (10, 20, 30)),
        (file_of(Image.new("RGB", (8, 8), RED), transparency=RED), WHITE),
        (file_of(Image.new("L", (8, 8), 90), transparency=90), WHITE),
        (file_of(Image.new("1", (8, 8), 0), transparency=0), WHITE),
        (file_of(Image.new("LA", (8, 8), (0, 0))), WHITE),
        (file_of(Image.new("RGBA", (8, 8), (*RED, 255))), RED),
        (file_of(Image.new("RGBA", (8, 8), (*RED, 51))), (255, 204, 204)),  # a fifth red, four fifths white
        (file_of(Image.new("RGBA", (8, 8), (*RED, 0)), "WEBP", lossless=True), WHITE),
        (file_of(Image.new("CMYK", (8, 8), (0, 0, 0, 0)), "JPEG"), WHITE),
        (file_of(Image.new("CMYK", (8, 8), (0, 255, 255, 0)), "JPEG"), RED),
    ],
)
def test_every_mode_becomes_rgb(data, colour):
    pixels = read_photo(data, 4).astype(int)
    assert pixels.shape == (4, 4, 3)
    assert np.abs(pixels - colour).max() <= 1


def test_colour_of_transparent_pixels_does_not_leak_into_their_neighbours():
    image = Image.new("RGBA", (8, 8), (0, 0, 0, 0))
    image.paste((*RED, 255), (0, 0, 4, 8))
    assert np.abs(read_photo(file_of(image), 1)[0, 0].astype(int) - (255, 127, 127)).max() <= 1


@pytest.mark.parametrize("size", [(1, 1), (1, 3000), (3000, 1), (2, 3)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_smallest_and_thinnest_photos(size, kind):
    assert (
        np.abs(read_photo(file_of(Image.new("RGB", size, (90, 90, 90)), kind), 32).astype(int) - 90).max()
        <= 3
    )


def test_centre_square_of_600_by_450():
    image = Image.new("RGB", (600, 450), RED)
    image.paste(GREEN, (75, 0, 525, 450))
    for upright in (image, image.transpose(Image.Transpose.ROTATE_90)):
        inner = read_photo(file_of(upright), 45)[
            1:-1, 1:-1
        ]  # the outermost ones see a little of their neighbours
        assert (inner == GREEN).all()


def triangles(start, stop, edge, pixels):
    """Weights (edge, pixels) of antialiased bilinear resizing: each a triangle two steps wide."""
    step = (stop - start) / edge
    centres = start + (np.arange(edge) + 0.5) * step
    weights = np.maximum(0, 1 - np.abs((np.arange(pixels) + 0.5)[None] - centres[:, None]) / step)
    return weights / weights.sum(axis=1, keepdims=True)


def centre_square(image, edge):
    """The centre of a 600 x 450 photo at edge x edge, worked out in float64."""
    rows, columns = triangles(0, 450, edge, 450), triangles(75, 525, edge, 600)
    return np.stack(
        [rows @ band @ columns.T for band in np.asarray(image, np.float64).transpose(2, 0, 1)], -1
    )


@pytest.mark.parametrize("edge", [45, 64, 112])
def test_colours_against_a_second_way(edge):
    image = noise(600, 450)
    assert np.abs(read_photo(file_of(image), edge) - centre_square(image, edge)).max() <= 1


@pytest.mark.parametrize("edge", [112, 56, 28])  # decoded at 1/2, 1/4, 1/8
def test_a_jpeg_decoded_at_a_smaller_scale_keeps_its_colours(edge):
    data = file_of(noise(600, 450, cell=50), "JPEG", quality=95)
    difference = np.abs(read_photo(data, edge) - centre_square(Image.open(BytesIO(data)), edge))
    assert difference.mean() < 1
    assert difference.max() < 12


# Upright


def stored(upright, orientation):
    """The pixels that a camera stores so that `orientation` turns them into `upright` (EXIF 2.32, 4.6.4)."""
    return {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.swapaxes(0, 1),
        6: np.rot90,
        7: lambda p: p[::-1, ::-1].swapaxes(0, 1),
        8: lambda p: np.rot90(p, -1),
    }[orientation](upright)


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_crop_is_of_the_upright_photo(kind, orientation):
    upright = np.zeros((240, 320, 3), np.uint8)
    upright[:120, :160], upright[:120, 160:], upright[120:, :160] = RED, GREEN, BLUE
    data = file_of(stored(upright, orientation), kind, exif=exif(orientation), quality=95)
    corners = {(0.0, 0.0): RED, (0.75, 0.0): GREEN, (0.0, 0.6): BLUE, (0.75, 0.6): (0, 0, 0)}
    for (x, y), colour in corners.items():
        for edge in (8, 64):  # a JPEG at a smaller scale and at its own
            pixels = read_photo(data, edge, Crop(x, y, 0.3)).astype(int)
            assert np.abs(pixels - colour).max() <= 6


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
@pytest.mark.parametrize(
    "tags", [b"Exif\0\0MM\0*\0\0\0\x08\0\x01\x01", b"Exif\0\0nonsense", b"Exif\0\0" + b"\xff" * 60_000]
)
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_a_photo_with_damaged_exif_is_upright(kind, tags):
    assert (
        np.abs(read_photo(file_of(Image.new("RGB", (9, 9), RED), kind, exif=tags), 4).astype(int) - RED).max()
        <= 2
    )


@pytest.mark.parametrize("value", [0, 9, 60000])
def test_an_orientation_that_does_not_exist_is_upright(value):
    image = np.zeros((8, 8, 3))
    image[:4] = RED
    assert (read_photo(file_of(image, exif=exif(value)), 8) == image).all()


def test_size_in_pixels_swaps_with_the_orientation():
    """A JPEG at 1/8 whose sides are no multiples of 8: its right edge is the stored photo's lower edge."""
    upright = np.zeros((401, 203, 3), np.uint8)
    upright[:, 120:] = GREEN
    data = file_of(stored(upright, 6), "JPEG", exif=exif(6), quality=95)
    assert np.abs(read_photo(data, 2, Crop(1 - 50 / 203, 0.5, 50 / 203)).astype(int) - GREEN).max() <= 6


# The JPEG's scale


@pytest.mark.parametrize(
    ("size", "edge", "crop", "decoded"),
    [
        ((600, 450), 112, None, (300, 225)),  # 225 pixels are at least 2 x 112
        ((600, 450), 113, None, (600, 450)),  # and less than 2 x 113
        ((450, 600), 112, None, (225, 300)),
        ((1024, 768), 96, None, (256, 192)),
        ((1024, 768), 97, None, (512, 384)),
        ((1003, 1000), 125, None, (251, 250)),
        ((1000, 1003), 125, None, (250, 251)),
        ((1604, 1203), 75, None, (201, 151)),
        ((1600, 1200), 1, None, (200, 150)),
        ((1600, 1200), 75, Crop(0.1, 0.1, 0.5), (400, 300)),
        ((1600, 1200), 75, Crop(0.1, 0.1, 0.1), (1600, 1200)),
        ((20, 10), 112, None, (20, 10)),
    ],
)
def test_jpeg_is_decoded_at_the_smallest_scale_that_keeps_twice_the_edge(size, edge, crop, decoded):
    photo = reader._open(file_of(Image.new("RGB", size), "JPEG"))
    upright, full, _ = reader._decode(photo, reader._shrink(photo, edge, reader._crop_edge(size, crop)))
    assert (upright.size, full) == (decoded, size)


@pytest.mark.parametrize("kind", ["PNG", "WEBP"])
def test_other_formats_are_decoded_at_their_own_scale(kind):
    assert reader._shrink(reader._open(file_of(Image.new("RGB", (1600, 1200)), kind)), 8, 1200) == 1


def test_mpo_is_read_as_its_first_photo():
    data = file_of(
        Image.new("RGB", (400, 300), RED), "MPO", save_all=True, append_images=[Image.new("RGB", (400, 300))]
    )
    assert Image.open(BytesIO(data)).format == "MPO"
    assert np.abs(read_photo(data, 8).astype(int) - RED).max() <= 2


def test_what_follows_a_photo_in_its_file_changes_nothing():
    photo = file_of(noise(300, 200), "JPEG")  # phones append a short film, in which any bytes may stand
    assert (read_photo(photo + b"\xff\xda\xff\xc2" * 500, 16) == read_photo(photo, 16)).all()


# Crops


def test_crop_cuts_out_exactly_its_pixels():
    image = noise(40, 20)
    expected = np.asarray(image)[10:20, 10:20]
    assert (read_photo(file_of(image), 10, Crop(0.25, 0.5, 0.5)) == expected).all()


def test_whole_shorter_side_as_a_crop_is_the_centre_square():
    data = file_of(noise(60, 40))
    assert (read_photo(data, 16, Crop(1 / 6, 0, 1)) == read_photo(data, 16)).all()


@pytest.mark.parametrize("size", [(403, 301), (301, 403), (641, 479), (1000, 999)])
@pytest.mark.parametrize("edge", [4, 8, 16, 400])
def test_crop_up_to_the_edge_of_a_jpeg_of_any_size(size, edge):
    data = file_of(Image.new("RGB", size, BLUE), "JPEG")
    side = 0.7 * min(size)
    crop = Crop(1 - side / size[0], 1 - side / size[1], 0.7)
    assert np.abs(read_photo(data, edge, crop).astype(int) - BLUE).max() <= 2


@pytest.mark.parametrize("crop", [Crop(0.3, 0, 1), Crop(0, 0.001, 1), Crop(1, 1, 0.5), Crop(0.9, 0.9, 0.21)])
@pytest.mark.parametrize("kind", ["PNG", "JPEG"])
def test_crop_over_the_edge(crop, kind):
    assert refusal(file_of(Image.new("RGB", (500, 400)), kind), 8, crop) == "crop_outside"


@pytest.mark.parametrize("size", [1e-300, 5e-324, 0.009])
def test_crop_smaller_than_a_pixel(size):
    assert refusal(file_of(Image.new("RGB", (100, 100))), 8, Crop(0.5, 0.5, size)) == "crop_range"


def fields(*texts):
    return dict(zip(("crop_x", "crop_y", "crop_size"), texts, strict=True))


@pytest.mark.parametrize(
    ("texts", "crop"),
    [
        (("", "", ""), None),
        ((" ", "", " "), None),
        (("0", "0", "1"), Crop(0, 0, 1)),
        ((" 0.25 ", ".5", "0.125"), Crop(0.25, 0.5, 0.125)),
        (("1e-7", "1.", "5e-1"), Crop(1e-7, 1, 0.5)),  # JavaScript writes small numbers so
    ],
)
def test_crop_fields(texts, crop):
    assert parse_crop(fields(*texts)) == crop


def test_absent_crop_fields_are_the_centre_square():
    assert parse_crop({}) is None


@pytest.mark.parametrize(
    "text", ["", "nan", "inf", "-0.1", "-0", "1.01", "1e1", "\u0660", "0,5", "0x0", "0 0", "1_0", ".", "x"]
)
@pytest.mark.parametrize("field", ["crop_x", "crop_y", "crop_size"])
def test_crop_field_refused(field, text):
    with pytest.raises(FieldError) as caught:
        parse_crop(fields("0", "0", "1") | {field: text})
    assert (caught.value.field, caught.value.code) == (field, "crop_range")


@pytest.mark.parametrize("text", ["0", "0.0", "0e-1"])
def test_crop_of_no_size(text):
    with pytest.raises(FieldError, match="greater than 0") as caught:
        parse_crop(fields("0", "0", text))
    assert (caught.value.field, caught.value.code) == ("crop_size", "crop_range")


# What is refused


JPEG = file_of(noise(64, 48), "JPEG")
PROGRESSIVE = file_of(noise(64, 48), "JPEG", progressive=True)
PNG = file_of(noise(64, 48))
WEBP = file_of(noise(64, 48), "WEBP")
TWO = {"save_all": True, "append_images": [Image.new("RGB", (9, 9), BLUE)]}


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "photo_empty"),
        (b"\0", "photo_type"),
        (b"no photo", "photo_type"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\nshowpage\n", "photo_type"),
        (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n" + JPEG, "photo_type"),
        (b'<svg xmlns="http://www.w3.org/2000/svg" width="9" height="9"/>', "photo_type"),
        (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic", "photo_type"),
        (b"%PDF-1.4\n" + PNG, "photo_type"),
        (b"RIFF\x24\0\0\0WAVEfmt ", "photo_type"),
        (b"\n" + JPEG, "photo_type"),
        *(
            (file_of(Image.new("RGB", (9, 9)), kind), "photo_type")
            for kind in ("GIF", "BMP", "TIFF", "ICO", "PPM")
        ),
        (JPEG[:3], "photo_broken"),
        (JPEG[:100], "photo_broken"),
        (JPEG[: len(JPEG) // 2], "photo_broken"),
        (JPEG[:-2][:-20], "photo_broken"),
        (PNG[:8], "photo_broken"),
        (PNG[:40], "photo_broken"),
        (PNG[: len(PNG) // 2], "photo_broken"),
        (PNG[:60] + b"\xff" * 40 + PNG[100:], "photo_broken"),
        (WEBP[:12], "photo_broken"),
        (WEBP[: len(WEBP) // 2], "photo_broken"),
        (file_of(Image.new("RGB", (9, 9)), **TWO), "photo_animated"),
        (file_of(Image.new("RGB", (9, 9)), "WEBP", **TWO), "photo_animated"),
        (png(13_000, 13_000, 2, 8, []), "photo_pixels"),
        (png(9_000, 9_000, 2, 8, []), "photo_pixels"),
        (png(5_000, 5_001, 2, 8, []), "photo_pixels"),
        (png(5_000, 5_000, 2, 8, []), "photo_broken"),  # within the limit; its pixels are missing
        (png(2**31 - 1, 2**31 - 1, 2, 8, []), "photo_pixels"),
        (jpeg_with_size(JPEG, 8_000, 6_251), "photo_pixels"),
        (jpeg_with_size(PROGRESSIVE, 5_000, 5_001), "photo_pixels"),  # held in memory whole
    ],
)
def test_refused_with_its_reason(data, code):
    assert refusal(data) == code


@pytest.mark.parametrize("bits", [12, 16])
def test_a_jpeg_of_more_bits_is_refused_by_name(bits):
    data = bytearray(file_of(Image.new("RGB", (8, 8)), "JPEG"))
    data[data.index(b"\xff\xc0") + 4] = bits
    with pytest.raises(PhotoError, match=f"A JPEG with {bits} bits") as caught:
        read_photo(bytes(data), 8)
    assert caught.value.code == "photo_type"


def test_a_jpeg_at_the_limit_is_read():
    """Its missing pixels become grey, as in every program that shows JPEGs."""
    assert read_photo(jpeg_with_size(JPEG, 8_000, 6_250), 8).shape == (8, 8, 3)


def test_refusal_names_the_size_and_the_limit():
    with pytest.raises(PhotoError, match="13000 x 13000 pixels; at most 25 megapixels"):
        read_photo(png(13_000, 13_000, 2, 8, []), 8)


def test_a_jpeg_of_endless_scans_is_refused():
    """Each repeated scan of 50 bytes costs the decoder a pass over all pixels."""
    last = PROGRESSIVE[PROGRESSIVE.rindex(b"\xff\xda") : -2]
    assert read_photo(PROGRESSIVE[:-2] + last * 50 + PROGRESSIVE[-2:], 8).shape == (8, 8, 3)
    assert refusal(PROGRESSIVE[:-2] + last * 200 + PROGRESSIVE[-2:]) == "photo_broken"


@pytest.mark.parametrize("palette_chunks", [(), ((b"PLTE", b"\x10\x20\x30"), (b"tRNS", bytes(300)))])
def test_a_png_whose_palette_is_missing_or_too_short_is_broken(palette_chunks):
    data = png(8, 8, 3, 8, [bytes(8)] * 8, *palette_chunks)
    assert refusal(data) == "photo_broken"
    with pytest.raises(PhotoError):
        reader.read_whole_photo(data, 8)


@pytest.mark.parametrize(("crop", "side"), [(None, 48), (Crop(0.1, 0.2, 0.5), 24)])
def test_square_side_is_in_pixels_of_the_photo(crop, side):
    assert square_edge(JPEG, crop) == side


SEEDS = [
    JPEG,
    PROGRESSIVE,
    PNG,
    WEBP,
    file_of(noise(30, 20), "JPEG", exif=exif(6)),
    file_of(noise(30, 20), exif=exif(3)),
    file_of(noise(30, 20), "WEBP", exif=exif(8), lossless=True),
    file_of(Image.new("RGB", (30, 20)), "MPO", save_all=True, append_images=[Image.new("RGB", (30, 20))]),
    file_of(palette(), transparency=0),
    file_of(Image.new("I;16", (9, 9))),
]
change = st.tuples(
    st.floats(0, 1), st.sampled_from(["set", "cut", "drop", "insert"]), st.binary(min_size=1, max_size=8)
)


@settings(max_examples=1500, derandomize=True, deadline=None, database=None)
@given(st.sampled_from(SEEDS), st.lists(change, max_size=6), st.sampled_from([None, Crop(0.2, 0.2, 0.3)]))
@pytest.mark.filterwarnings("ignore::UserWarning:PIL")
def test_damaged_files_are_read_or_refused_and_nothing_else(data, changes, crop):
    for where, how, new in changes:
        place = int(len(data) * where**3)  # most often in the header, where most can go wrong
        if how == "cut":
            data = data[: place + 20]
        else:
            end = place + (0 if how == "insert" else len(new))
            data = data[:place] + (b"" if how == "drop" else new) + data[end:]
    with suppress(PhotoError, FieldError):
        assert read_photo(data, 8, crop).shape == (8, 8, 3)


@settings(max_examples=100, derandomize=True, deadline=None, database=None)
@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data):
    assert refusal(data) in {"photo_type", "photo_empty", "photo_broken"}
