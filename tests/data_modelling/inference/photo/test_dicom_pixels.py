"""Pixels of DICOM files: against values by hand, Pillow, and pydicom's own decoding of the files that it ships."""

import re
import struct
import warnings
from io import BytesIO
from pathlib import Path

import numpy as np
import pydicom
import pytest
from PIL import Image, ImageCms
from pydicom.pixels import apply_color_lut, apply_modality_lut, apply_voi_lut

from data_modelling.inference.details import Details
from data_modelling.inference.errors import PhotoError
from data_modelling.inference.photo import reader
from data_modelling.inference.photo.colour_profile import CICP_PRIMARIES, D65, matrix_profile
from data_modelling.inference.photo.dicom import header_details
from tests.dicom_files import (
    BIG_ENDIAN,
    EXPLICIT,
    IMPLICIT,
    JPEG_2000,
    RLE,
    dicom,
    element,
    jpeg_of,
    set_colours,
)

SHIPPED = Path(pydicom.__file__).parent / "data"
BITS, STORED, SIGNED, COLOUR, SAMPLES, PLANAR = (
    0x00280100, 0x00280101, 0x00280103, 0x00280004, 0x00280002, 0x00280006
)  # fmt: skip
Y, X = np.mgrid[:40, :60]
COLOURS = np.stack([X * 4, Y * 6, 255 - X * 2 - Y * 3], axis=-1).astype(np.uint8)
GREY = COLOURS[..., 0].copy()


def decoded(data: bytes) -> np.ndarray:
    """All pixels of a file as RGB, by the reader."""
    image, _, transform = reader._decode(reader._open(data), 1)
    return np.asarray((transform.apply(image) if transform else image).convert("RGB"), int)


def refusal(data: bytes) -> PhotoError:
    with pytest.raises(PhotoError) as caught:
        reader.read_photo(data, 16)
    return caught.value


def deep(bits: int, signed: bool = False, order: str = "<") -> bytes:
    """The samples of GREY with so many bits, 255 as the largest value."""
    values = np.round(GREY / 255 * ((1 << bits) - 1)).astype(int) - (1 << (bits - 1) if signed else 0)
    return values.astype(f"{order}{'i' if signed else 'u'}{2 if bits <= 16 else 4}").tobytes()


@pytest.mark.parametrize(
    ("bits", "signed"), [(10, False), (12, False), (16, False), (12, True), (16, True), (24, False)]
)
@pytest.mark.parametrize("syntax", [EXPLICIT, BIG_ENDIAN])
def test_grey_of_more_than_eight_bits(bits, signed, syntax):
    order = ">" if syntax == BIG_ENDIAN else "<"
    changes = {BITS: 16 if bits <= 16 else 32, STORED: bits, SIGNED: int(signed)}
    photo = decoded(dicom(GREY, syntax, samples=deep(bits, signed, order), changes=changes))
    assert np.abs(photo - GREY[..., None]).max() <= 1


def test_monochrome1_is_white_at_zero():
    photo = decoded(dicom(GREY, EXPLICIT, changes={COLOUR: "MONOCHROME1"}))
    assert np.array_equal(photo, 255 - GREY[..., None].repeat(3, axis=2))


def test_a_window_and_a_slope():
    """2 v - 100 in a window of the centre 100 and the width 201: (2 v - 199.5) / 200 + 0.5 of 255."""
    changes = {0x00281050: "100\\40", 0x00281051: "201\\400", 0x00281052: "-100", 0x00281053: "2"}
    expected = np.clip(((2.0 * GREY - 100 - 99.5) / 200 + 0.5) * 255, 0, 255)
    assert np.abs(decoded(dicom(GREY, EXPLICIT, changes=changes))[..., 0] - expected).max() <= 0.5
    broken = dicom(GREY, EXPLICIT, changes={0x00281050: "wide", 0x00281051: "5"})
    assert refusal(broken).code == "photo_broken"
    empty = dicom(GREY, EXPLICIT, changes={0x00281050: "", 0x00281051: ""})
    assert np.array_equal(decoded(empty)[..., 0], GREY)


def sequence(tag: int, descriptor: tuple[int, int, int], table: bytes) -> bytes:
    item = element(0x00283002, b"US", struct.pack("<3H", *descriptor)) + element(0x00283006, b"OW", table)
    return element(tag, b"SQ", struct.pack("<HHI", 0xFFFE, 0xE000, len(item)) + item)


def test_lookup_tables():
    table = bytes(reversed(range(256)))
    for tag in (0x00283000, 0x00283010):
        data = dicom(GREY, EXPLICIT, extra=sequence(tag, (256, 0, 8), table))
        assert np.array_equal(decoded(data)[..., 0], 255 - GREY)
    assert (
        refusal(dicom(GREY, EXPLICIT, extra=sequence(0x00283010, (999, 0, 8), table))).code == "photo_broken"
    )


def palette(bits: int, entries: int = 256) -> bytes:
    descriptor = struct.pack("<3H", entries, 0, bits)
    planes = [np.arange(256)[:entries], np.arange(256)[::-1][:entries], np.full(entries, 7)]
    scale = 1 if bits == 8 else 257
    return b"".join(element(0x00281101 + i, b"US", descriptor) for i in range(3)) + b"".join(
        element(0x00281201 + i, b"OW", (plane * scale).astype("u1" if bits == 8 else "<u2").tobytes())
        for i, plane in enumerate(planes)
    )


@pytest.mark.parametrize("bits", [8, 16])
def test_palettes(bits):
    photo = decoded(dicom(GREY, EXPLICIT, changes={COLOUR: "PALETTE COLOR"}, extra=palette(bits)))
    assert np.array_equal(photo, np.stack([GREY, 255 - GREY, np.full_like(GREY, 7)], axis=-1))


def test_a_segmented_palette_is_refused_by_name():
    extra = palette(8) + element(0x00281221, b"OW", b"\1\0" * 8)
    error = refusal(dicom(GREY, EXPLICIT, changes={COLOUR: "PALETTE COLOR"}, extra=extra))
    assert (error.code, "PALETTE COLOR, segmented" in str(error)) == ("photo_type", True)


def test_colours_of_sixteen_bits_and_of_a_halved_width():
    data = dicom(
        COLOURS, EXPLICIT, samples=(COLOURS.astype("<u2") * 257).tobytes(), changes={BITS: 16, STORED: 16}
    )
    assert np.array_equal(decoded(data), COLOURS)
    # YBR_FULL_422: of each two pixels Y1, Y2, Cb, Cr. All pixels have the chroma of their pair.
    ybr = np.asarray(Image.fromarray(COLOURS).convert("YCbCr")).copy()
    ybr[:, 1::2, 1:] = ybr[:, ::2, 1:]
    pairs = np.stack([ybr[:, ::2, 0], ybr[:, 1::2, 0], ybr[:, ::2, 1], ybr[:, ::2, 2]], axis=-1)
    data = dicom(COLOURS, EXPLICIT, samples=pairs.tobytes(), changes={COLOUR: "YBR_FULL_422"})
    expected = np.asarray(Image.fromarray(ybr, "YCbCr").convert("RGB"), int)
    assert np.abs(decoded(data) - expected).max() <= 1


def jpeg_2000_of(pixels: np.ndarray) -> bytes:
    file = BytesIO()
    Image.fromarray(pixels).save(file, "JPEG2000", no_jp2=True)
    return file.getvalue()


def test_jpeg_2000():
    data = dicom(COLOURS, JPEG_2000, jpeg=jpeg_2000_of(COLOURS), changes={COLOUR: "YBR_RCT"})
    assert np.array_equal(decoded(data), COLOURS)
    sixteen = {BITS: 16, STORED: 12}
    error = refusal(dicom(COLOURS, JPEG_2000, jpeg=jpeg_2000_of(COLOURS), changes={COLOUR: "RGB", **sixteen}))
    assert "JPEG 2000, RGB, 12 bits" in str(error)
    larger = dicom(COLOURS, JPEG_2000, jpeg=jpeg_2000_of(COLOURS[:30]), changes={COLOUR: "RGB"})
    assert refusal(larger).code == "photo_broken"


def test_run_lengths():
    """PS3.5, annex G: a header of the number of segments and their offsets, then PackBits of each plane."""
    rows = [bytes([59, *plane[y]]) for plane in COLOURS.transpose(2, 0, 1) for y in range(40)]
    size = 40 * 61
    offsets = [64 + i * size for i in range(3)]
    frame = struct.pack("<16I", 3, *offsets, *[0] * 12) + b"".join(rows)
    data = dicom(COLOURS, RLE, jpeg=frame, changes={COLOUR: "RGB"})
    assert np.array_equal(decoded(data), COLOURS)
    assert np.array_equal(decoded(bare(data, with_meta=True)), COLOURS)
    assert refusal(bare(data, with_meta=False)).code == "photo_type"  # nothing says how it is compressed


def without_segments(jpeg: bytes) -> bytes:
    """A JPEG file without JFIF and Adobe segments, so that the header decides about its colours."""
    data = set_colours(jpeg, are_rgb=False)
    return data[:2] + data[18:]


def rgb_jpeg(pixels: np.ndarray) -> bytes:
    """A JPEG file whose samples are red, green and blue, said by nothing in it."""
    planes = Image.fromarray(pixels, "YCbCr")  # Pillow stores these as they are
    file = BytesIO()
    planes.save(file, "JPEG", quality=95, subsampling=0)
    return without_segments(file.getvalue())


@pytest.mark.parametrize(
    ("jpeg", "colours"),
    [
        (rgb_jpeg(COLOURS), "RGB"),  # nothing in the file: the header
        (without_segments(jpeg_of(COLOURS, quality=95, subsampling=0)), "YBR_FULL_422"),
        (set_colours(rgb_jpeg(COLOURS), are_rgb=True), "YBR_FULL_422"),  # the Adobe segment before the header
        (set_colours(without_segments(jpeg_of(COLOURS, quality=95, subsampling=0)), are_rgb=False), "RGB"),
        (jpeg_of(COLOURS, quality=95, subsampling=0), "RGB"),  # JFIF before the header
        # Adobe before JFIF: the segment says RGB.
        (
            rgb_jpeg(COLOURS)[:2]
            + b"\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0"
            + set_colours(rgb_jpeg(COLOURS), are_rgb=True)[2:],
            "YBR_FULL",
        ),
    ],
)
def test_who_decides_about_the_colours_of_a_jpeg(jpeg, colours):
    photo = decoded(dicom(COLOURS, jpeg=jpeg, changes={COLOUR: colours}))
    assert np.abs(photo - COLOURS).max() <= 8
    assert np.abs(photo - COLOURS).mean() <= 1


def test_a_jpeg_of_twelve_bits_is_refused_by_name():
    jpeg = bytearray(jpeg_of(COLOURS))
    jpeg[jpeg.index(b"\xff\xc0") + 4] = 12
    error = refusal(dicom(COLOURS, jpeg=bytes(jpeg)))
    assert (error.code, "JPEG, 12 bits" in str(error)) == ("photo_type", True)


def test_a_jpeg_that_lacks_only_its_end():
    jpeg = jpeg_of(COLOURS)
    assert np.array_equal(decoded(dicom(COLOURS, jpeg=jpeg[:-2])), decoded(dicom(COLOURS, jpeg=jpeg)))


def test_the_profile_of_the_header():
    profile = matrix_profile(D65, CICP_PRIMARIES[12], None)
    target = ImageCms.createProfile("sRGB")
    source = ImageCms.ImageCmsProfile(BytesIO(profile))
    expected = np.asarray(ImageCms.profileToProfile(Image.fromarray(COLOURS), source, target), int)
    data = dicom(COLOURS, EXPLICIT, extra=element(0x00282000, b"OB", profile))
    assert np.abs(decoded(data) - expected).max() <= 1
    assert np.abs(decoded(data) - COLOURS).max() > 8
    assert np.array_equal(
        decoded(dicom(COLOURS, EXPLICIT, extra=element(0x00282000, b"OB", b"none"))), COLOURS
    )


@pytest.mark.parametrize(
    ("kind", "modality", "words"),
    [
        ("1.2.840.10008.5.1.4.1.1.88.11", "SR", "is a text report, not a photo"),
        ("1.2.840.10008.5.1.4.1.1.88.33", "OT", "is a text report, not a photo"),
        ("1.2.840.10008.5.1.4.1.1.104.1", "DOC", "holds no photo (Encapsulated PDF Storage)"),
        ("1.2.840.10008.5.1.4.1.1.481.5", "RTPLAN", "holds no photo (RT Plan Storage)"),
    ],
)
def test_files_without_a_picture_are_called_what_they_are(kind, modality, words):
    data = dicom(COLOURS, EXPLICIT)
    start = data.index(b"\x08\0\x60\0CS")
    data = (
        data[:start]
        + element(0x00080016, b"UI", kind.encode())
        + element(0x00080060, b"CS", modality.encode())
    )
    error = refusal(data)
    assert (error.code, words in str(error)) == ("photo_type", True)


def test_a_photo_whose_pixels_are_missing_is_damaged():
    data = dicom(COLOURS, EXPLICIT)
    assert refusal(data[: data.index(b"\xe0\x7f\x10\0")]).code == "photo_broken"


def bare(data: bytes, with_meta: bool) -> bytes:
    """A file without the 132 bytes that begin it, and without its meta information."""
    if with_meta:
        return data[132:]
    return data[132 + 12 + int.from_bytes(data[140:144], "little") :]


@pytest.mark.parametrize("syntax", [IMPLICIT, EXPLICIT, BIG_ENDIAN])
@pytest.mark.parametrize("with_meta", [True, False])
def test_a_file_without_its_preamble_is_read(syntax, with_meta):
    data = bare(dicom(COLOURS, syntax), with_meta)
    assert np.array_equal(decoded(data), COLOURS)
    assert header_details(data) == Details(45, "female", "lower extremity")


def test_the_name_of_the_colours_in_small_letters():
    assert np.array_equal(decoded(dicom(COLOURS, EXPLICIT, changes={COLOUR: "rgb"})), COLOURS)


@pytest.mark.filterwarnings("ignore")
def expected_by_pydicom(path: Path) -> np.ndarray | str:
    """The pixels (rows, columns, 3) as pydicom and the standard's grey rule have them, or the reason for a refusal."""
    data_set = pydicom.dcmread(path)
    syntax = data_set.file_meta.get("TransferSyntaxUID")
    name = str(data_set.get("SOPClassUID", data_set.file_meta.get("MediaStorageSOPClassUID", "")) or "")
    if "PixelData" not in data_set:
        kind = pydicom.uid.UID(name).name
        if not kind or "Rows" in data_set or "Image Storage" in kind:
            return "damaged"
        return "text report" if "SR" in kind.split() else f"({kind})"
    if syntax is None:  # pydicom has found out how the elements are stored, and so are the pixels
        syntax = (
            pydicom.uid.ImplicitVRLittleEndian
            if data_set.original_encoding[0]
            else pydicom.uid.ExplicitVRLittleEndian
        )
        data_set.file_meta.TransferSyntaxUID = syntax
    if not pydicom.pixels.get_decoder(syntax).is_available or syntax.is_deflated:
        return f"stored as {syntax.name}"
    if (
        re.fullmatch(r"\d+", str(data_set.get("NumberOfFrames", 1)))
        and int(data_set.get("NumberOfFrames", 1)) > 1
    ):
        return f"{data_set.NumberOfFrames} frames"
    try:
        pixels = data_set.pixel_array
    except (ValueError, RuntimeError, NotImplementedError, AttributeError) as error:
        return "12 bits" if "12-bit" in str(error) else "damaged"
    return as_levels(data_set, pixels)


def as_levels(data_set: pydicom.Dataset, pixels: np.ndarray) -> np.ndarray:
    """8-bit levels of pydicom's pixels, with its own tables, slopes and windows."""
    bits, signed = data_set.BitsStored, data_set.PixelRepresentation
    low, high = (-(2 ** (bits - 1)), 2 ** (bits - 1) - 1) if signed else (0, 2**bits - 1)
    colours = data_set.PhotometricInterpretation
    if colours == "PALETTE COLOR":
        entries = apply_color_lut(pixels, data_set)
        return entries / np.iinfo(entries.dtype).max * 255
    if pixels.ndim == 3:
        return (pixels.astype(float) - low) / (high - low) * 255
    shown = apply_modality_lut(pixels, data_set).astype(float)
    slope, intercept = float(data_set.get("RescaleSlope", 1)), float(data_set.get("RescaleIntercept", 0))
    ends = sorted((low * slope + intercept, high * slope + intercept))
    if "WindowWidth" in data_set or "VOILUTSequence" in data_set:
        shown = apply_voi_lut(shown if "RescaleSlope" in data_set else pixels, data_set, prefer_lut=True)
    shares = (shown - ends[0]) / (ends[1] - ends[0])
    grey = np.clip(1 - shares if colours == "MONOCHROME1" else shares, 0, 1) * 255
    return np.repeat(grey[..., None], 3, axis=2)


FILES = [
    path
    for path in sorted(SHIPPED.rglob("*"))
    if path.is_file() and path.suffix != ".py" and path.read_bytes()[128:132] == b"DICM"
]


def test_there_are_files_to_compare():
    assert len(FILES) > 150


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SHIPPED)))
def test_the_files_that_pydicom_ships(path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        expected = expected_by_pydicom(path)
    data = path.read_bytes()
    if isinstance(expected, str):
        assert expected in str(refusal(data))
    else:
        assert np.abs(decoded(data) - expected).max() <= 2
