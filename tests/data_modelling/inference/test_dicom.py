import random
import struct
import subprocess
import sys
import zlib
from io import BytesIO

import numpy as np
import pydicom
import pytest
from PIL import Image

from data_modelling.inference.details import Details
from data_modelling.inference.dicom import header_details, is_dicom, read_frame
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photos import read_photo, square_side
from tests.dicom_files import (
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JPEG_BASELINE,
    RLE,
    dicom,
    element,
    encapsulated,
    jpeg_of,
)

EDGE = 112
AGE, SEX, BODY_PART = 0x00101010, 0x00100040, 0x00180015
SAMPLES, COLOUR, PLANAR = 0x00280002, 0x00280004, 0x00280006
FRAMES, ROWS, COLUMNS, BITS = 0x00280008, 0x00280010, 0x00280011, 0x00280100


@pytest.fixture(scope="module")
def pixels() -> np.ndarray:
    """Smooth colours, (rows, columns, 3), large enough for a JPEG of them to be drafted."""
    y, x = np.mgrid[:600, :700]
    return np.stack([x * 255 // 700, y * 255 // 600, (x + y) % 256], axis=-1).astype(np.uint8)


def as_png(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "PNG", compress_level=1)
    return file.getvalue()


def refusal(data: bytes) -> str:
    with pytest.raises(PhotoError) as caught:
        read_photo(data, EDGE)
    assert str(caught.value).endswith(".")
    assert "\n" not in str(caught.value)
    return caught.value.code


@pytest.mark.parametrize("syntax", [EXPLICIT, IMPLICIT])
def test_uncompressed_pixels_are_those_of_a_png(pixels, syntax):
    assert np.array_equal(read_photo(dicom(pixels, syntax), EDGE), read_photo(as_png(pixels), EDGE))


def test_grey_pixels_are_those_of_a_png(pixels):
    grey = pixels[..., 0].copy()
    assert np.array_equal(read_photo(dicom(grey, EXPLICIT), EDGE), read_photo(as_png(grey), EDGE))


def test_planes_of_colours_are_put_together(pixels):
    planes = pixels.transpose(2, 0, 1).tobytes()
    data = dicom(pixels, EXPLICIT, samples=planes, changes={PLANAR: 1})
    assert np.array_equal(read_photo(data, EDGE), read_photo(as_png(pixels), EDGE))


def test_luma_and_chroma_become_colours(pixels):
    """By the equations of ITU T.871 in floating point."""
    ybr = np.asarray(Image.fromarray(pixels).convert("YCbCr"))
    y, blue, red = (ybr[..., i].astype(float) - (0, 128, 128)[i] for i in range(3))
    green = y - (0.114 * 1.772 * blue + 0.299 * 1.402 * red) / 0.587
    rgb = np.stack([y + 1.402 * red, green, y + 1.772 * blue], axis=-1)
    expected = read_photo(as_png(np.clip(np.round(rgb), 0, 255).astype(np.uint8)), EDGE)
    data = dicom(ybr, EXPLICIT, changes={COLOUR: "YBR_FULL"})
    assert np.abs(read_photo(data, EDGE).astype(int) - expected).max() <= 1


def test_a_jpeg_frame_is_decoded_whole_and_not_turned(pixels):
    """Drafted, as a JPEG file of this size is, it would give other pixels; a viewer does not turn it by EXIF either."""
    exif = Image.Exif()
    exif[0x0112] = 6
    jpeg = jpeg_of(pixels, exif=exif)
    decoded = np.asarray(Image.open(BytesIO(jpeg)))
    found = read_photo(dicom(pixels, jpeg=jpeg), EDGE)
    assert np.array_equal(found, read_photo(as_png(decoded), EDGE))
    assert not np.array_equal(found, read_photo(jpeg_of(pixels), EDGE))


def test_a_jpeg_in_pieces_is_put_together(pixels):
    jpeg = jpeg_of(pixels)
    whole = dicom(pixels, jpeg=jpeg)
    pieces = whole[: whole.index(b"\xe0\x7f\x10\0")] + encapsulated(jpeg[:1000], jpeg[1000:])
    assert np.array_equal(read_photo(pieces, EDGE), read_photo(whole, EDGE))


def test_the_side_is_that_of_the_frame(pixels):
    assert square_side(dicom(pixels)) == square_side(dicom(pixels, EXPLICIT)) == 600


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Details(45.0, "female", "lower extremity")),
        ({AGE: '"030Y"', SEX: '"M"', BODY_PART: '"TORSO"'}, Details(30.0, "male", "torso")),
        ({AGE: "018M", SEX: "O", BODY_PART: "UPPER_EXTREMITY"}, Details(1.5, None, "upper extremity")),
        ({AGE: "026W", SEX: "", BODY_PART: "HEAD"}, Details(0.5, None, "head/neck")),
        ({AGE: "121Y", SEX: "female", BODY_PART: "HEART"}, Details()),
        ({AGE: "45", SEX: None, BODY_PART: None}, Details()),
        ({AGE: "\u0660\u0664\u0665Y", SEX: "m", BODY_PART: "HEAD/NECK"}, Details(None, "male", "head/neck")),
    ],
)
def test_details_of_the_header(pixels, changes, expected):
    assert header_details(dicom(pixels, changes=changes)) == expected


def test_an_empty_element_of_an_unknown_kind_is_not_known(pixels):
    empty = element(0x00100040, b"C\0", b"")
    data = dicom(pixels, changes={0x00100040: None}).replace(b"\x10\0\x10\x10AS", empty + b"\x10\0\x10\x10AS")
    assert empty in data
    assert header_details(data) == Details(45, None, "lower extremity")


def test_only_dicom_files_have_a_header(pixels):
    assert header_details(jpeg_of(pixels)) == header_details(b"") == Details()
    assert header_details(dicom(pixels)[:140]) == Details()
    assert not is_dicom(jpeg_of(pixels))


def test_no_name_and_no_private_element_is_read(pixels, monkeypatch):
    data = dicom(pixels, extra=element(0x00291010, b"UN", b"secret"))
    read, seen = pydicom.dcmread, set()

    def watched(*arguments, **options):
        found = read(*arguments, **options)
        seen.update(int(tag) for tag in found.keys())  # noqa: SIM118 - values would convert elements
        return found

    watched(BytesIO(data))  # all of it: there is something not to read
    assert {0x00100010, 0x00291010} <= seen
    seen.clear()
    monkeypatch.setattr(pydicom, "dcmread", watched)
    read_photo(data, EDGE)
    header_details(data)
    assert seen == {AGE, SEX, BODY_PART, SAMPLES, COLOUR, PLANAR, ROWS, COLUMNS, BITS, 0x7FE00010}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({FRAMES: "2"}, "photo_frames"),
        ({FRAMES: '"2"'}, "photo_frames"),
        ({FRAMES: "two"}, "photo_broken"),
        ({FRAMES: "0"}, "photo_broken"),
        ({ROWS: 30_000, COLUMNS: 30_000}, "photo_pixels"),
        ({ROWS: 599}, "photo_broken"),  # the JPEG has another size
        ({ROWS: None}, "photo_broken"),
        ({ROWS: 0}, "photo_broken"),
        ({BITS: None}, "photo_broken"),
        ({BITS: 16}, "photo_type"),
    ],
)
@pytest.mark.parametrize("syntax", [JPEG_BASELINE, EXPLICIT])
def test_headers_that_are_refused(pixels, syntax, changes, code):
    if changes == {ROWS: 599} and syntax == EXPLICIT:
        changes = {ROWS: 601}  # of an uncompressed frame only too few pixels can be told
    assert refusal(dicom(pixels, syntax, changes=changes)) == code


@pytest.mark.parametrize("changes", [{COLOUR: "PALETTE COLOR"}, {COLOUR: None}])
def test_uncompressed_samples_of_another_kind_are_no_photo(pixels, changes):
    assert refusal(dicom(pixels, EXPLICIT, changes=changes)) == "photo_type"


def test_samples_that_contradict_their_colours_are_broken(pixels):
    assert refusal(dicom(pixels, EXPLICIT, changes={SAMPLES: 1})) == "photo_broken"


@pytest.mark.parametrize("syntax", [RLE, "1.2.840.10008.1.2.4.90", "1.2.3"])
def test_other_transfer_syntaxes_are_no_photo(pixels, syntax):
    assert refusal(dicom(pixels, syntax)) == "photo_type"


def test_a_deflated_file_is_not_unpacked(pixels, monkeypatch):
    plain = dicom(pixels, DEFLATED)
    start = 132 + 12 + struct.unpack("<I", plain[140:144])[0]
    monkeypatch.setattr(zlib, "decompress", lambda *_: pytest.fail("unpacked"))
    assert refusal(plain[:start] + zlib.compress(bytes(10_000))) == "photo_type"


def test_a_file_of_millions_of_elements_is_given_up(pixels):
    many = b"".join(element(0x00291000 + i % 99, b"CS", b"") for i in range(30_000))
    assert refusal(dicom(pixels, extra=many)) == "photo_broken"
    assert header_details(dicom(pixels, extra=many)) == Details()


def test_a_picture_that_is_no_jpeg_is_broken(pixels):
    assert refusal(dicom(pixels, jpeg=as_png(pixels))) == "photo_broken"
    assert refusal(dicom(pixels, jpeg=b"")) == "photo_broken"


@pytest.mark.parametrize("syntax", [JPEG_BASELINE, EXPLICIT])
def test_truncated_files_are_refused(pixels, syntax):
    data = dicom(pixels[:90, :120].copy(), syntax)
    pixels_start = data.rindex(b"\xe0\x7f\x10\0")
    ends = [*range(132, pixels_start + 40, 3), *range(pixels_start + 40, len(data) - 200, 500)]
    for end in ends:
        assert refusal(data[:end]) in {"photo_type", "photo_broken"}, end
        header_details(data[:end])


@pytest.mark.parametrize("syntax", [JPEG_BASELINE, EXPLICIT, IMPLICIT])
def test_flipped_bits_give_a_photo_or_a_refusal(pixels, syntax):
    data = dicom(pixels[:90, :120].copy(), syntax)
    draw = random.Random(7)
    outcomes = set()
    for _ in range(400):
        flipped = bytearray(data)
        for _ in range(draw.randint(1, 4)):
            flipped[draw.randrange(128, 600)] ^= 1 << draw.randrange(8)
        header_details(bytes(flipped))
        try:
            assert read_photo(bytes(flipped), EDGE).shape == (EDGE, EDGE, 3)
            outcomes.add("photo")
        except PhotoError as error:
            outcomes.add(error.code)
    assert {"photo", "photo_broken"} <= outcomes


def test_pydicom_is_imported_once_a_dicom_file_is_met():
    code = "import sys, data_modelling.inference.photos; sys.exit('pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_ten_real_files_give_what_others_decode(data_root):
    paths = sorted((data_root / "ISIC_2020" / "dicom").glob("*.dcm"))
    assert len(paths) == 10
    for path in paths:
        data = path.read_bytes()
        expected = as_png(decoded_elsewhere(data, large=read_frame(data).size[0] > 1_000))
        assert np.array_equal(read_photo(data, EDGE), read_photo(expected, EDGE)), path.name
        assert square_side(data) == square_side(expected), path.name
        found = header_details(data)
        assert None not in (found.age, found.sex, found.site), path.name


def decoded_elsewhere(data: bytes, large: bool) -> np.ndarray:
    """The pixels by pydicom, which takes 1.4 GB for a large file; of one of these, of the JPEG file within it."""
    if large:
        return np.asarray(Image.open(BytesIO(data[data.index(b"\xff\xd8\xff") :])))
    return pydicom.dcmread(BytesIO(data)).pixel_array
