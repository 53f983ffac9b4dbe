"""Reads the photo (the only frame) of a DICOM file, and age, sex and body part; it reads nothing else."""

import logging
import re
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.details import Details
from data_modelling.inference.errors import DAMAGED_FILE_ERRORS, PhotoError
from data_modelling.inference.photo.grey_levels import (
    LINEAR,
    GreyRule,
    LookupTable,
    Window,
    colour_levels,
    palette_levels,
)
from data_modelling.inference.photo.header_values import read_age, read_first_site, read_sex
from data_modelling.inference.photo.jpeg_markers import (
    adobe_transform,
    is_jfif,
    load_jpeg,
    open_jpeg,
    precision,
    segments,
    set_colours,
)

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

IMPLICIT, EXPLICIT, BIG_ENDIAN = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1", "1.2.840.10008.1.2.2"
DEFLATED, RLE = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.5"
JPEG_BASELINE, JPEG_EXTENDED = "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.51"
JPEG_2000 = ("1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.4.91")
JPEG_SYNTAXES = (JPEG_BASELINE, JPEG_EXTENDED)
SYNTAXES = (IMPLICIT, EXPLICIT, BIG_ENDIAN, RLE, *JPEG_SYNTAXES, *JPEG_2000)
GREY, PALETTE = ("MONOCHROME1", "MONOCHROME2"), "PALETTE COLOR"
COLOURS = ("RGB", "YBR_FULL", "YBR_FULL_422", "YBR_ICT", "YBR_RCT")
SAMPLE_BITS = (1, 8, 16, 32)
MAX_BYTES = 100_000_000  # of the decoded samples, as of a photo of 25 megapixels

AGE, SEX, BODY_PART = 0x00101010, 0x00100040, 0x00180015
REGIONS, CODE_MEANING = 0x00082218, 0x00080104  # the coded body part, and its words
SOP_CLASS, MODALITY = 0x00080016, 0x00080060
SAMPLES, COLOUR, PLANAR = 0x00280002, 0x00280004, 0x00280006
FRAMES, ROWS, COLUMNS, BITS = 0x00280008, 0x00280010, 0x00280011, 0x00280100
STORED, SIGNED = 0x00280101, 0x00280103
CENTRE, WIDTH, WINDOW_FUNCTION = 0x00281050, 0x00281051, 0x00281056
INTERCEPT, SLOPE = 0x00281052, 0x00281053
MODALITY_TABLES, VOI_TABLES = 0x00283000, 0x00283010
TABLE_DESCRIPTOR, TABLE_DATA = 0x00283002, 0x00283006
PALETTE_DESCRIPTOR, PALETTE_DATA = 0x00281101, (0x00281201, 0x00281202, 0x00281203)
SEGMENTED_PALETTE = 0x00281221
ICC_PROFILE = 0x00282000
PIXELS = 0x7FE00010
MEDIA_CLASS, SYNTAX = 0x00020002, 0x00020010
DETAIL_TAGS = (AGE, SEX, BODY_PART, REGIONS)
IMAGE_TAGS = (
    *(SOP_CLASS, MODALITY, SAMPLES, COLOUR, PLANAR, FRAMES, ROWS, COLUMNS, BITS, STORED, SIGNED),
    *(CENTRE, WIDTH, WINDOW_FUNCTION, INTERCEPT, SLOPE, MODALITY_TABLES, VOI_TABLES),
    *(PALETTE_DESCRIPTOR, *PALETTE_DATA, SEGMENTED_PALETTE, ICC_PROFILE, PIXELS),
)
# Hostile files have millions of elements. An element takes about two reads, and a camera's file has a hundred elements.
MAX_READS = 20_000
# The first element of a file without the usual first 132 bytes: some programs store received files in this way.
BARE_START = re.compile(
    rb"\x02\0\0\0UL|\x08\0.\0(?:CS|DA|TM|UI|UL|[\0-@]\0\0\0)|\0\x08\0.(?:CS|DA|TM|UI|UL)", re.DOTALL
)
UNDEFINED_LENGTH = 0xFFFFFFFF
UID_TEXT = re.compile(r"[0-9.]{1,64}", re.ASCII)
NAME_TEXT = re.compile(r"[A-Z0-9_ ]{1,32}", re.ASCII)

ByteOrder = Literal["little", "big"]


@dataclass(frozen=True)
class Frame:
    """The frame of a file, not decoded.

    frames: the number of frames; a photo has one. size: width and height in pixels, as in the header. syntax: the
    transfer syntax. pixels: the samples, or the pieces of a compressed picture. pixel_vr: OB, or OW, whose bytes
    come in pairs that big endian swaps. colours: the photometric interpretation. samples: per pixel. bits, stored: bits of a sample, and how many of them count. is_signed,
    is_planar: whether samples are signed, and whether each colour has its own plane. grey: how values become grey.
    palette: for PALETTE COLOR. profile: the ICC profile, empty without one.
    """

    frames: int
    size: tuple[int, int]
    syntax: str
    pixels: bytes
    pixel_vr: str
    colours: str
    samples: int
    bits: int
    stored: int
    is_signed: bool
    is_planar: bool
    grey: GreyRule
    palette: LookupTable | None
    profile: bytes

    @property
    def is_jpeg(self) -> bool:
        """Return whether the frame is a JPEG file, whose scans cost time."""
        return self.syntax in JPEG_SYNTAXES

    @cached_property
    def picture(self) -> bytes:
        """Return the compressed picture, joined from its pieces; raise what pydicom raises for a damaged picture."""
        data: bytes = _pydicom().encaps.get_frame(self.pixels, 0, number_of_frames=1)
        return data

    def check_picture(self) -> None:
        """Raise PhotoError or ValueError if the compressed picture, not decoded yet, differs from the header."""
        if self.syntax in JPEG_2000:
            kind = "JPEG2000"
        elif self.is_jpeg:
            kind = "JPEG"
            bits = precision(self.picture)
            if bits not in (0, 8):
                raise _unsupported_pixels(f"JPEG, {bits} bits")
        else:
            return
        with Image.open(BytesIO(self.picture), formats=(kind,)) as image:
            if image.size != self.size:
                raise ValueError("the header and the picture differ in size")

    def decode(self) -> Image.Image:
        """Return the decoded picture, RGB or L; raise what Pillow and pydicom raise for a damaged picture."""
        if self.is_jpeg:
            image = self._jpeg()
            if image.mode != "L":
                return image.convert("RGB") if image.mode != "RGB" else image
            pixels: NDArray[np.integer] = np.asarray(image)
            return self._image(pixels, 8, self.colours)
        pixels, facts = self._samples()
        return self._image(pixels, int(facts["bits_stored"]), str(facts["photometric_interpretation"]))

    def _jpeg(self) -> Image.Image:
        """Return the picture of a JPEG frame: the Adobe segment decides its colours, then JFIF, then the header."""
        data, parts = self.picture, list(segments(self.picture))
        transforms = [value for part in parts if (value := adobe_transform(part)) is not None]
        has_jfif = any(is_jfif(part) for part in parts)
        from_header = not has_jfif and self.colours == "RGB"
        are_rgb = transforms[-1] == 0 if transforms else from_header
        image = open_jpeg(data)
        # With one of the two segments, Pillow decides like this too. It asks JFIF first, and never the header.
        if len(image.getbands()) == 3 and has_jfif == bool(transforms):
            data = set_colours(data, are_rgb)
            image = open_jpeg(data)
        return load_jpeg(image, data)

    def _samples(self) -> tuple[NDArray[np.integer], dict[str, str | int]]:
        """Return the samples (rows, columns[, 3]) and what pydicom says about them."""
        width, height = self.size
        decoder = _pydicom().pixels.get_decoder(self.syntax)
        samples, facts = decoder.as_array(
            self.pixels,
            index=0,
            raw=True,
            rows=height,
            columns=width,
            samples_per_pixel=self.samples,
            bits_allocated=self.bits,
            bits_stored=self.stored,
            number_of_frames=1,
            photometric_interpretation=self.colours,
            pixel_representation=int(self.is_signed),
            planar_configuration=int(self.is_planar),
            pixel_keyword="PixelData",
            pixel_vr=self.pixel_vr,
        )
        return samples, facts

    def _image(self, pixels: NDArray[np.integer], stored: int, colours: str) -> Image.Image:
        if pixels.ndim == 3:
            levels = colour_levels(pixels, stored)
            if colours.startswith("YBR"):
                return Image.fromarray(levels, "YCbCr").convert("RGB")
            return Image.fromarray(levels)
        if self.palette is not None:
            return Image.fromarray(palette_levels(pixels, self.palette))
        if self.grey == GreyRule() and pixels.dtype == np.uint8 and stored == 8:
            return Image.fromarray(pixels)
        return Image.fromarray(self.grey.levels(pixels, stored))


class _Stream(BytesIO):
    """A file that is read in a limited number of pieces of known sizes."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if size is None or size < 0:  # pydicom unpacks a deflated file whole, however large it becomes
            raise _unsupported_syntax(DEFLATED)
        if self.reads > MAX_READS:
            raise ValueError("the file has too many elements")
        return super().read(size)


def is_dicom(data: bytes) -> bool:
    """Return whether the bytes are a DICOM file, with or without its preamble."""
    return data[128:132] == b"DICM" or BARE_START.match(data) is not None


def read_frame(data: bytes) -> Frame:
    """Return the frame of a DICOM file; the caller checks number and size before decoding it.

    Raises PhotoError photo_type (no picture, or a picture stored in an unsupported way), and DAMAGED_FILE_ERRORS
    for a damaged file.
    """
    elements = _elements(data, IMAGE_TAGS)
    syntax = _syntax(elements)
    order: ByteOrder = "big" if syntax == BIG_ENDIAN else "little"
    bits, colours = _number(elements, BITS, order), _text(elements, COLOUR).upper()
    if PIXELS not in elements:
        _raise_without_picture(elements, bits)
    is_named = SYNTAX in elements.file_meta
    is_compressed = getattr(elements.get_item(PIXELS), "length", 0) == UNDEFINED_LENGTH
    if syntax not in SYNTAXES or (is_compressed and not is_named):
        raise _unsupported_syntax(syntax if is_named else "")
    frame = Frame(
        frames=int(_text(elements, FRAMES) or 1),
        size=(_number(elements, COLUMNS, order), _number(elements, ROWS, order)),
        syntax=syntax,
        pixels=_value(elements, PIXELS),
        pixel_vr="OB" if elements.get_item(PIXELS).VR == "OB" else "OW",
        colours=colours,
        samples=_number(elements, SAMPLES, order),
        bits=bits,
        stored=_number(elements, STORED, order) or bits,
        is_signed=_number(elements, SIGNED, order) == 1,
        is_planar=_number(elements, PLANAR, order) == 1,
        grey=_grey_rule(elements, order, colours),
        palette=_palette(elements, order) if colours == PALETTE else None,
        profile=_value(elements, ICC_PROFILE),
    )
    _check_header(frame)
    return frame


def _check_header(frame: Frame) -> None:
    """Raise PhotoError for a frame that is stored in an unsupported way, ValueError for a damaged header."""
    if frame.bits == 0:  # pydicom forgets what it has read of a file that ends too soon
        raise ValueError("the header is not whole")
    if frame.frames < 1 or 0 in frame.size:
        raise ValueError("the header contradicts itself")
    if frame.is_jpeg:  # the JPEG itself says the rest
        return
    is_grey = frame.colours in (*GREY, PALETTE)
    if not (is_grey or frame.colours in COLOURS) or frame.bits not in SAMPLE_BITS:
        raise _unsupported_pixels(f"{_name(frame.colours)}, {frame.bits} bits")
    if frame.samples != (1 if is_grey else 3) or frame.stored > frame.bits:
        raise ValueError("the header contradicts itself")
    if frame.syntax in JPEG_2000 and frame.samples == 3 and frame.stored > 8:
        raise _unsupported_pixels(f"JPEG 2000, {frame.colours}, {frame.stored} bits")


def header_details(data: bytes) -> Details:
    """Return age, sex and site from a file's header; `unread` names the fields whose words cannot be read.

    Other formats have no details. A damaged file has none either: reading its photo reports the damage.
    """
    if not is_dicom(data):
        return Details()
    try:
        elements = _elements(data, DETAIL_TAGS)
    except (PhotoError, *DAMAGED_FILE_ERRORS):
        return Details()
    body_parts = (_text(elements, BODY_PART), *_coded_regions(elements))
    readers: dict[str, Callable[[], float | str | None]] = {
        "age": lambda: read_age(_text(elements, AGE)),
        "sex": lambda: read_sex(_text(elements, SEX)),
        "site": lambda: read_first_site(body_parts),
    }
    values: dict[str, float | str | None] = {}
    unread = []
    for name, read in readers.items():
        try:
            values[name] = read()
        except ValueError:
            unread.append(name)
    return Details(**values, unread=tuple(unread))  # type: ignore[arg-type]  # each reader has its field's type


def _coded_regions(elements: "FileDataset") -> tuple[str, ...]:
    """Return the words of the Anatomic Region Sequence, in which dermatoscopes name the body part; empty if damaged."""
    try:
        items = elements[REGIONS].value if REGIONS in elements else None
        return tuple(_text(item, CODE_MEANING) for item in items or ())
    except DAMAGED_FILE_ERRORS:
        return ()


def _elements(data: bytes, tags: tuple[int, ...]) -> "FileDataset":
    """Return these elements of a file, not converted; all others, such as names and private elements, are skipped."""
    pydicom = _pydicom()
    try:
        return pydicom.dcmread(  # type: ignore[no-any-return]
            _Stream(data), specific_tags=list(tags), stop_before_pixels=PIXELS not in tags, force=True
        )
    except (pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException) as error:
        raise ValueError("the header cannot be read") from error


@cache
def _pydicom() -> ModuleType:
    """Return pydicom, imported with the first DICOM file, because that takes a quarter of a second and 20 MB.

    Its warnings are off: they quote the file, and people who send photos cannot fix the reasons.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
    import pydicom
    import pydicom.config
    import pydicom.encaps
    import pydicom.errors
    import pydicom.pixels

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    return pydicom


def _syntax(elements: "FileDataset") -> str:
    """Return the transfer syntax of a file; if the file does not name it, it follows from the first element."""
    is_implicit, is_little_endian = elements.original_encoding
    unnamed = IMPLICIT if is_implicit else EXPLICIT if is_little_endian else BIG_ENDIAN
    return _text(elements.file_meta, SYNTAX) or unnamed


def _value(elements: "Dataset", tag: int) -> bytes:
    """Return the bytes of an element; empty if it is absent or has no plain value."""
    # The raw element: pydicom would convert an empty element, and fail for an unknown kind of value.
    value = elements.get_item(tag, keep_deferred=True).value if tag in elements else b""
    if isinstance(value, str):  # pydicom has converted it already
        return value.encode("latin-1", "replace")
    return value if isinstance(value, bytes) else b""


def _text(elements: "Dataset", tag: int) -> str:
    """Return a text without its padding, and without the quotes that some files have around it, as `"XC"`."""
    return _value(elements, tag).decode("latin-1").strip('\0 "')


def _number(elements: "Dataset", tag: int, order: ByteOrder) -> int:
    return int.from_bytes(_value(elements, tag)[:2], order)


def _decimal(elements: "Dataset", tag: int) -> float | None:
    """Return the first number of a decimal string (DS), None if it is absent. Raises ValueError for other text."""
    text = _text(elements, tag).split("\\")[0].strip()
    return float(text) if text else None


def _grey_rule(elements: "FileDataset", order: ByteOrder, colours: str) -> GreyRule:
    """Return the rule that turns the values of a file into grey; raise ValueError for a damaged rule."""
    if colours not in GREY:
        return GreyRule()
    centre, width = _decimal(elements, CENTRE), _decimal(elements, WIDTH)
    window = None
    if centre is not None and width is not None:
        window = Window(centre, width, _text(elements, WINDOW_FUNCTION) or LINEAR)
    slope, intercept = _decimal(elements, SLOPE), _decimal(elements, INTERCEPT)
    slope = 1.0 if slope is None else slope
    if not (np.isfinite([slope, intercept or 0]).all() and slope):
        raise ValueError("the rescaling makes no numbers")
    return GreyRule(
        slope,
        intercept or 0.0,
        _sequence_table(elements, MODALITY_TABLES, order),
        _sequence_table(elements, VOI_TABLES, order),
        window if window and window.is_valid else None,
        is_inverted=colours == "MONOCHROME1",
    )


def _sequence_table(elements: "FileDataset", tag: int, order: ByteOrder) -> LookupTable | None:
    """Return the lookup table in the first item of a sequence; None if there is no table."""
    items = elements[tag].value if tag in elements else None
    if not items:
        return None
    return _table(items[0], TABLE_DESCRIPTOR, (TABLE_DATA,), _number(elements, SIGNED, order) == 1, order)


def _palette(elements: "FileDataset", order: ByteOrder) -> LookupTable:
    """Return the palette of a file; raise PhotoError for a segmented palette."""
    if SEGMENTED_PALETTE in elements:  # a few bytes of it could stand for gigabytes
        raise _unsupported_pixels(f"{PALETTE}, segmented")
    is_signed = _number(elements, SIGNED, order) == 1
    return _table(elements, PALETTE_DESCRIPTOR, PALETTE_DATA, is_signed, order)


def _table(
    elements: "Dataset", descriptor: int, planes: tuple[int, ...], is_signed: bool, order: ByteOrder
) -> LookupTable:
    """Return a lookup table from raw bytes, or from numbers that pydicom has already converted."""
    numbers = elements.get_item(descriptor).value if descriptor in elements else ()
    if isinstance(numbers, bytes):
        numbers = [int.from_bytes(numbers[place : place + 2], order) for place in (0, 2, 4)]
    count, first, bits = (int(number) for number in numbers)
    count &= 0xFFFF
    first &= 0xFFFF
    if is_signed and first >= 1 << 15:
        first -= 1 << 16
    values = [_table_bytes(elements, tag, order) for tag in planes]
    return LookupTable.parse((count, first, bits), *values, byteorder=order)


def _table_bytes(elements: "Dataset", tag: int, order: ByteOrder) -> bytes:
    """Return the data of a lookup table, which pydicom may have converted to a list of numbers."""
    value = elements.get_item(tag).value if tag in elements else b""
    if isinstance(value, bytes):
        return value
    return b"".join((int(number) & 0xFFFF).to_bytes(2, order) for number in value)


def _raise_without_picture(elements: "FileDataset", bits: int) -> None:
    """Raise the error for a file without pixels: a report, another kind of file, or a photo without its end."""
    kind = _text(elements, SOP_CLASS) or _text(elements.file_meta, MEDIA_CLASS)
    name = _uid_name(kind)
    syntax = _text(elements.file_meta, SYNTAX)
    if not name and syntax not in SYNTAXES:
        raise _unsupported_syntax(syntax)
    if bits or not name or "Image Storage" in name:
        raise ValueError("the pixels are missing")
    if _text(elements, MODALITY) == "SR" or "SR" in name.split() or "Report" in name:
        raise PhotoError(
            "photo_type", "This DICOM file is a text report, not a photo; choose the file of the photo."
        )
    raise PhotoError(
        "photo_type",
        "This DICOM file holds no photo (%(kind)s); choose the file of the photo.",
        kind=name,
    )


def _uid_name(uid: str) -> str:
    """Return the standard's name of a unique identifier, else the identifier; empty if it is no identifier."""
    return str(_pydicom().uid.UID(uid).name) if UID_TEXT.fullmatch(uid) else ""


def _name(colours: str) -> str:
    return colours if NAME_TEXT.fullmatch(colours) else "no photometric interpretation"


def _unsupported_syntax(syntax: str) -> PhotoError:
    return PhotoError(
        "photo_type",
        "This DICOM file is stored as %(syntax)s, which cannot be read here; export it as JPEG or PNG.",
        syntax=_uid_name(syntax) or "?",
    )


def _unsupported_pixels(kind: str) -> PhotoError:
    return PhotoError(
        "photo_type",
        "The pixels of this DICOM file (%(kind)s) cannot be read here; export it as JPEG or PNG.",
        kind=kind,
    )
