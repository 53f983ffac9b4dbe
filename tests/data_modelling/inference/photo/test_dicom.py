import random
import re
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
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photo.dicom import header_details, is_dicom, read_frame
from data_modelling.inference.photo.reader import read_photo, square_edge
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
MODALITY = 0x00080060
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
    photo = read_photo(dicom(pixels, jpeg=jpeg), EDGE)
    assert np.array_equal(photo, read_photo(as_png(decoded), EDGE))
    assert not np.array_equal(photo, read_photo(jpeg_of(pixels), EDGE))


def test_a_jpeg_in_pieces_is_put_together(pixels):
    jpeg = jpeg_of(pixels)
    whole = dicom(pixels, jpeg=jpeg)
    pieces = whole[: whole.index(b"\xe0\x7f\x10\0")] + encapsulated(jpeg[:1000], jpeg[1000:])
    assert np.array_equal(read_photo(pieces, EDGE), read_photo(whole, EDGE))


def test_the_side_is_that_of_the_frame(pixels):
    assert square_edge(dicom(pixels)) == square_edge(dicom(pixels, EXPLICIT)) == 600


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({}, Details(45.0, "female", "lower extremity")),
        ({AGE: '"030Y"', SEX: '"M"', BODY_PART: '"TORSO"'}, Details(30.0, "male", "torso")),
        (
            {AGE: "018M", SEX: "O", BODY_PART: "UPPER_EXTREMITY"},
            Details(1.5, None, "upper extremity", (), ("sex",)),
        ),
        ({AGE: "026W", SEX: "", BODY_PART: "HEAD"}, Details(0.5, None, "head/neck")),
        ({AGE: "121Y", SEX: "female", BODY_PART: "HEART"}, Details(sex="female", unread=("age", "site"))),
        ({AGE: "45", SEX: None, BODY_PART: None}, Details(45.0)),
        ({AGE: "000Y", SEX: "U", BODY_PART: "SKIN"}, Details()),
        (
            {AGE: "001D", SEX: "other", BODY_PART: "Head and Neck"},
            Details(0.01, None, "head/neck", (), ("sex",)),
        ),
        (
            {AGE: "\u0660\u0664\u0665Y", SEX: "m", BODY_PART: "HEAD/NECK"},
            Details(None, "male", "head/neck", unread=("age",)),
        ),
    ],
)
def test_details_of_the_header(pixels, changes, expected):
    details = header_details(dicom(pixels, changes=changes))
    assert details == expected
    assert details.unread == expected.unread


@pytest.mark.parametrize(
    ("body_part", "words", "site", "unread"),
    [
        (None, ["Skin structure of forearm"], "upper extremity", ()),
        ("SKIN", ["Entire face"], "head/neck", ()),
        ("BACK", ["Chest"], "posterior torso", ()),  # the body part first
        ("HEART", ["Lower leg"], "lower extremity", ()),
        (None, ["Heart", "Thigh"], "lower extremity", ()),
        (None, ["Heart"], None, ("site",)),
        (None, [], None, ()),
    ],
)
def test_a_coded_body_part(pixels, body_part, words, site, unread):
    items = b""
    for word in words:
        meaning = element(0x00080104, b"LO", word.encode())
        items += struct.pack("<HHI", 0xFFFE, 0xE000, len(meaning)) + meaning
    data = dicom(pixels, changes={BODY_PART: body_part}, extra=element(0x00082218, b"SQ", items))
    details = header_details(data)
    assert (details.site, details.unread) == (site, unread)


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
        data_set = read(*arguments, **options)
        seen.update(int(tag) for tag in data_set.keys())  # noqa: SIM118 - values would convert elements
        return data_set

    watched(BytesIO(data))  # all of it: there is something not to read
    assert {0x00100010, 0x00291010} <= seen
    seen.clear()
    monkeypatch.setattr(pydicom, "dcmread", watched)
    read_photo(data, EDGE)
    header_details(data)
    assert seen == {AGE, SEX, BODY_PART, MODALITY, SAMPLES, COLOUR, PLANAR, ROWS, COLUMNS, BITS, 0x7FE00010}


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
    ],
)
@pytest.mark.parametrize("syntax", [JPEG_BASELINE, EXPLICIT])
def test_headers_that_are_refused(pixels, syntax, changes, code):
    if changes == {ROWS: 599} and syntax == EXPLICIT:
        changes = {ROWS: 601}  # of an uncompressed frame only too few pixels can be told
    assert refusal(dicom(pixels, syntax, changes=changes)) == code


@pytest.mark.parametrize("changes", [{COLOUR: "ARGB"}, {COLOUR: None}, {BITS: 12}])
def test_uncompressed_samples_of_another_kind_are_no_photo(pixels, changes):
    assert refusal(dicom(pixels, EXPLICIT, changes=changes)) == "photo_type"


def test_samples_that_contradict_their_colours_are_broken(pixels):
    assert refusal(dicom(pixels, EXPLICIT, changes={SAMPLES: 1})) == "photo_broken"
    assert refusal(dicom(pixels, EXPLICIT, changes={BITS: 16})) == "photo_broken"
    assert refusal(dicom(pixels[..., 0], EXPLICIT, changes={COLOUR: "PALETTE COLOR"})) == "photo_broken"


@pytest.mark.parametrize(
    ("syntax", "name"),
    [
        ("1.2.840.10008.1.2.4.70", "JPEG Lossless, Non-Hierarchical, First-Order Prediction"),
        ("1.2.840.10008.1.2.4.80", "JPEG-LS Lossless Image Compression"),
        ("1.2.840.10008.1.2.4.201", "High-Throughput JPEG 2000 Image Compression (Lossless Only)"),
        ("1.2.3", "1.2.3"),
        ("<b>", "?"),
    ],
)
def test_other_transfer_syntaxes_are_refused_by_name(pixels, syntax, name):
    with pytest.raises(PhotoError, match=f"is stored as {re.escape(name)}") as caught:
        read_photo(dicom(pixels, syntax), EDGE)
    assert caught.value.code == "photo_type"


@pytest.mark.parametrize("syntax", [RLE, "1.2.840.10008.1.2.4.90"])
def test_a_jpeg_in_another_compression_is_broken(pixels, syntax):
    assert refusal(dicom(pixels, syntax)) == "photo_broken"


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
    code = "import sys, data_modelling.inference.photo.reader; sys.exit('pydicom' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_ten_real_files_give_what_others_decode(data_root):
    paths = sorted((data_root / "ISIC_2020" / "dicom").glob("*.dcm"))
    assert len(paths) == 10
    for path in paths:
        data = path.read_bytes()
        expected = as_png(decoded_elsewhere(data, large=read_frame(data).size[0] > 1_000))
        assert np.array_equal(read_photo(data, EDGE), read_photo(expected, EDGE)), path.name
        assert square_edge(data) == square_edge(expected), path.name
        details = header_details(data)
        assert None not in (details.age, details.sex, details.site), path.name


def decoded_elsewhere(data: bytes, large: bool) -> np.ndarray:
    """The pixels by pydicom, which takes 1.4 GB for a large file; of one of these, of the JPEG file within it."""
    if large:
        return np.asarray(Image.open(BytesIO(data[data.index(b"\xff\xd8\xff") :])))
    return pydicom.dcmread(BytesIO(data)).pixel_array
