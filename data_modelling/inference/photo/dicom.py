"""Reads a DICOM file (a medical image): the photo, and from the patient's data only age, sex and body part."""

import logging
import re
import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from data_modelling.inference.details import Details
from data_modelling.inference.errors import DAMAGED_FILE_ERRORS, PhotoError
from data_modelling.inference.photo.grey_levels import LINEAR, LevelRule, LookupTable, Window
from data_modelling.inference.photo.header_values import read_age, read_first_site, read_sex
from data_modelling.inference.photo.jpeg_markers import (
    MAX_SCANS,
    count_scans,
    load_jpeg_in_colours,
    precision,
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
MAX_BYTES = 100_000_000  # limit for decoded pixels: 25 megapixels, because Pillow uses 4 bytes for a pixel

DETAIL_ELEMENTS = ("PatientAge", "PatientSex", "BodyPartExamined", "AnatomicRegionSequence")
PALETTE_PLANES = tuple(f"{colour}PaletteColorLookupTableData" for colour in ("Red", "Green", "Blue"))
PALETTE_DESCRIPTOR = "RedPaletteColorLookupTableDescriptor"
SEGMENTED_PALETTE = "SegmentedRedPaletteColorLookupTableData"
IMAGE_ELEMENTS = (
    *("SOPClassUID", "Modality", "SamplesPerPixel", "PhotometricInterpretation", "PlanarConfiguration"),
    *("NumberOfFrames", "Rows", "Columns", "BitsAllocated", "BitsStored", "PixelRepresentation"),
    *("WindowCenter", "WindowWidth", "VOILUTFunction", "RescaleIntercept", "RescaleSlope"),
    *("ModalityLUTSequence", "VOILUTSequence", PALETTE_DESCRIPTOR, *PALETTE_PLANES, SEGMENTED_PALETTE),
    *("ICCProfile", "PixelData"),
)
# A camera's file has about 100 elements (entries), and each takes about two reads. A hostile file may have millions.
MAX_READS = 20_000
# The first element of a file without the usual first 132 bytes. Some programs store received files in this way.
BARE_START = re.compile(
    rb"\x02\0\0\0UL|\x08\0.\0(?:CS|DA|TM|UI|UL|[\0-@]\0\0\0)|\0\x08\0.(?:CS|DA|TM|UI|UL)", re.DOTALL
)
UNDEFINED_LENGTH = 0xFFFFFFFF
UID_TEXT = re.compile(r"[0-9.]{1,64}", re.ASCII)
NAME_TEXT = re.compile(r"[A-Z0-9_ ]{1,32}", re.ASCII)

ByteOrder = Literal["little", "big"]


@dataclass(frozen=True)
class Frame:
    """The frame (the picture) of a DICOM file, not decoded yet.

    frames: the number of frames in the file; a photo has one. size: width and height in pixels, as in the header.
    syntax: the transfer syntax (how pixels are stored). pixels: the bytes of the samples (numbers), or the pieces of a
    compressed picture. pixel_vr: the type of `pixels`: OB (single bytes) or OW (words of 16 bits). colours: DICOM's
    name of the colour space ("photometric interpretation"). samples: samples per pixel. bits: bits per sample. stored:
    how many of these bits are used. is_signed: whether samples are signed. is_planar: whether each colour has its own
    plane. rule: how stored values become 8-bit levels. profile: the ICC profile; empty if there is none.
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
    rule: LevelRule
    profile: bytes

    @property
    def is_jpeg(self) -> bool:
        """Return whether the frame is a JPEG file."""
        return self.syntax in JPEG_SYNTAXES

    @cached_property
    def picture(self) -> bytes:
        """Return the compressed picture, joined from its pieces; raise what pydicom raises for a damaged picture."""
        data: bytes = _pydicom().encaps.get_frame(self.pixels, 0, number_of_frames=1)
        return data

    def check_picture(self) -> None:
        """Raise ValueError for too many JPEG scans or for another size than the header's; PhotoError if not 8-bit."""
        if self.is_jpeg:
            if count_scans(self.picture) > MAX_SCANS:
                raise ValueError("too many scans")
            bits = precision(self.picture)
            if bits not in (0, 8):
                raise _unsupported_pixels(f"JPEG, {bits} bits")
        if self.is_jpeg or self.syntax in JPEG_2000:
            with Image.open(
                BytesIO(self.picture), formats=("JPEG" if self.is_jpeg else "JPEG2000",)
            ) as image:
                if image.size != self.size:
                    raise ValueError("the header and the picture differ in size")

    def decode(self) -> Image.Image:
        """Return the decoded picture, RGB or L; raise what Pillow and pydicom raise for a damaged picture."""
        if self.is_jpeg:
            image = load_jpeg_in_colours(self.picture, default_is_rgb=self.colours == "RGB")
            if image.mode != "L":
                return image.convert("RGB") if image.mode != "RGB" else image
            return Image.fromarray(self.rule.levels(np.asarray(image), 8))
        decoder = _pydicom().pixels.get_decoder(self.syntax)
        samples, facts = decoder.as_array(
            self.pixels,
            index=0,
            raw=True,
            rows=self.size[1],
            columns=self.size[0],
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
        levels = self.rule.levels(samples, facts["bits_stored"])
        if levels.ndim == 3 and facts["photometric_interpretation"].startswith("YBR"):
            return Image.fromarray(levels, "YCbCr").convert("RGB")
        return Image.fromarray(levels)


class _Stream(BytesIO):
    """A file that allows MAX_READS reads. A further read, or a read without a size, raises an error."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if size is None or size < 0:  # pydicom does this with a deflated file; unpacked, it may be huge
            raise _unsupported_syntax(DEFLATED)
        if self.reads > MAX_READS:
            raise ValueError("the file has too many elements")
        return super().read(size)


def is_dicom(data: bytes) -> bool:
    """Return whether the bytes are a DICOM file, with or without its preamble."""
    return data[128:132] == b"DICM" or BARE_START.match(data) is not None


def read_frame(data: bytes) -> Frame:
    """Return the frame of a DICOM file; the caller must check the number of frames and the size before decoding.

    Raises PhotoError with the code photo_type if there is no picture or if it is stored in an unsupported way, and
    DAMAGED_FILE_ERRORS for a damaged file.
    """
    elements = _elements(data, IMAGE_ELEMENTS)
    # If a file does not name its transfer syntax, the encoding of its first element shows the syntax.
    is_implicit, is_little_endian = elements.original_encoding
    unnamed = IMPLICIT if is_implicit else EXPLICIT if is_little_endian else BIG_ENDIAN
    syntax = _text(elements.file_meta, "TransferSyntaxUID") or unnamed
    order: ByteOrder = "big" if syntax == BIG_ENDIAN else "little"
    bits = _number(elements, "BitsAllocated", order)
    colours = _text(elements, "PhotometricInterpretation").upper()
    if "PixelData" not in elements:
        _raise_without_picture(elements, bits)
    is_named = "TransferSyntaxUID" in elements.file_meta
    is_compressed = getattr(elements.get_item("PixelData"), "length", 0) == UNDEFINED_LENGTH
    if syntax not in SYNTAXES or (is_compressed and not is_named):
        raise _unsupported_syntax(syntax if is_named else "")
    frame = Frame(
        frames=int(_text(elements, "NumberOfFrames") or 1),
        size=(_number(elements, "Columns", order), _number(elements, "Rows", order)),
        syntax=syntax,
        pixels=_value(elements, "PixelData"),
        pixel_vr="OB" if elements.get_item("PixelData").VR == "OB" else "OW",
        colours=colours,
        samples=_number(elements, "SamplesPerPixel", order),
        bits=bits,
        stored=_number(elements, "BitsStored", order) or bits,
        is_signed=_number(elements, "PixelRepresentation", order) == 1,
        is_planar=_number(elements, "PlanarConfiguration", order) == 1,
        rule=_level_rule(elements, order, colours),
        profile=_value(elements, "ICCProfile"),
    )
    _check_header(frame)
    return frame


def _check_header(frame: Frame) -> None:
    """Raise PhotoError if a frame is stored in an unsupported way, and ValueError if its header is damaged."""
    if frame.bits == 0:  # if a file ends too soon, pydicom drops what it has read
        raise ValueError("the header is not whole")
    if frame.frames < 1 or 0 in frame.size:
        raise ValueError("the header contradicts itself")
    if frame.is_jpeg:  # the JPEG has its own header for the rest
        return
    is_grey = frame.colours in (*GREY, PALETTE)
    if not (is_grey or frame.colours in COLOURS) or frame.bits not in SAMPLE_BITS:
        is_name = NAME_TEXT.fullmatch(frame.colours)
        name = frame.colours if is_name else "no photometric interpretation"
        raise _unsupported_pixels(f"{name}, {frame.bits} bits")
    if frame.samples != (1 if is_grey else 3) or frame.stored > frame.bits:
        raise ValueError("the header contradicts itself")
    if frame.syntax in JPEG_2000 and frame.samples == 3 and frame.stored > 8:
        raise _unsupported_pixels(f"JPEG 2000, {frame.colours}, {frame.stored} bits")


def header_details(data: bytes) -> Details:
    """Return age, sex and site from a file's header; `unread` names the fields whose words cannot be read.

    A damaged file and a file of another format give no details. The damage is reported when the photo is read.
    """
    if not is_dicom(data):
        return Details()
    try:
        elements = _elements(data, DETAIL_ELEMENTS)
    except (PhotoError, *DAMAGED_FILE_ERRORS):
        return Details()
    body_parts = (_text(elements, "BodyPartExamined"), *_coded_regions(elements))
    readers: dict[str, Callable[[], float | str | None]] = {
        "age": lambda: read_age(_text(elements, "PatientAge")),
        "sex": lambda: read_sex(_text(elements, "PatientSex")),
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
    """Return the words of the Anatomic Region Sequence, where dermatoscopes name the body part, or () if damaged."""
    try:
        return tuple(_text(item, "CodeMeaning") for item in _items(elements, "AnatomicRegionSequence"))
    except DAMAGED_FILE_ERRORS:
        return ()


def _elements(data: bytes, keywords: tuple[str, ...]) -> "FileDataset":
    """Return the elements with these keywords, not converted. All others, such as patients' names, are skipped."""
    pydicom = _pydicom()
    try:
        return pydicom.dcmread(  # type: ignore[no-any-return]
            _Stream(data),
            specific_tags=list(keywords),
            stop_before_pixels="PixelData" not in keywords,
            force=True,
        )
    except (pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException) as error:
        raise ValueError("the header cannot be read") from error


@cache
def _pydicom() -> ModuleType:
    """Return pydicom. Only the first DICOM file imports it: the import takes a quarter of a second and 20 MB."""
    # Warnings of pydicom are off: they quote the file's content, which is private, and senders cannot mend the file.
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
    import pydicom
    import pydicom.config
    import pydicom.encaps
    import pydicom.errors
    import pydicom.pixels

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    return pydicom


def _value(elements: "Dataset", keyword: str) -> bytes:
    """Return the bytes of an element, or b"" if it is absent or has no plain value."""
    # Without `keep_deferred`, pydicom would convert an empty value, and fail if it does not know the value's type.
    value = elements.get_item(keyword, keep_deferred=True).value if keyword in elements else b""
    if isinstance(value, str):  # pydicom has converted it already
        return value.encode("latin-1", "replace")
    return value if isinstance(value, bytes) else b""


def _text(elements: "Dataset", keyword: str) -> str:
    """Return an element's text without its padding and without the quotes that some files put around it (`"XC"`)."""
    return _value(elements, keyword).decode("latin-1").strip('\0 "')


def _number(elements: "Dataset", keyword: str, order: ByteOrder) -> int:
    return int.from_bytes(_value(elements, keyword)[:2], order)


def _decimal(elements: "Dataset", keyword: str) -> float | None:
    """Return the first number of a decimal string (DS), or None if it is absent; raise ValueError for other text."""
    text = _text(elements, keyword).split("\\")[0].strip()
    return float(text) if text else None


def _level_rule(elements: "FileDataset", order: ByteOrder, colours: str) -> LevelRule:
    """Return the rule from values to levels; raise ValueError for damage, and PhotoError for a segmented palette."""
    is_signed = _number(elements, "PixelRepresentation", order) == 1
    if colours == PALETTE:
        if SEGMENTED_PALETTE in elements:  # a few bytes of such a palette could stand for gigabytes
            raise _unsupported_pixels(f"{PALETTE}, segmented")
        return LevelRule(voi=_table(elements, PALETTE_DESCRIPTOR, PALETTE_PLANES, is_signed, order))
    if colours not in GREY:
        return LevelRule()
    centre, width = _decimal(elements, "WindowCenter"), _decimal(elements, "WindowWidth")
    window = None
    if centre is not None and width is not None:
        window = Window(centre, width, _text(elements, "VOILUTFunction") or LINEAR)
    slope, intercept = _decimal(elements, "RescaleSlope"), _decimal(elements, "RescaleIntercept") or 0.0
    slope = 1.0 if slope is None else slope
    if not (np.isfinite([slope, intercept]).all() and slope):
        raise ValueError("the rescaling makes no numbers")
    modality, voi = (
        _table(items[0], "LUTDescriptor", ("LUTData",), is_signed, order) if items else None
        for items in (_items(elements, keyword) for keyword in ("ModalityLUTSequence", "VOILUTSequence"))
    )
    window = window if window and window.is_valid else None
    return LevelRule(slope, intercept, modality, voi, window, is_inverted=colours == "MONOCHROME1")


def _items(elements: "FileDataset", keyword: str) -> "Sequence[Dataset]":
    """Return the items of a sequence, or () if it is absent; raise what pydicom raises for a damaged sequence."""
    return (elements[keyword].value if keyword in elements else None) or ()


def _table(
    elements: "Dataset", descriptor: str, planes: tuple[str, ...], is_signed: bool, order: ByteOrder
) -> LookupTable:
    """Return a lookup table. descriptor: keyword of the element with the table's size, first pixel value and bits."""
    numbers = _table_bytes(elements, descriptor, order)
    count, first, bits = (int.from_bytes(numbers[place : place + 2], order) for place in (0, 2, 4))
    if is_signed and first >= 1 << 15:
        first -= 1 << 16
    values = [_table_bytes(elements, keyword, order) for keyword in planes]
    return LookupTable.parse((count, first, bits), *values, byteorder=order)


def _table_bytes(elements: "Dataset", keyword: str, order: ByteOrder) -> bytes:
    """Return the bytes of an element of a table, even if pydicom has already converted them to a list of numbers."""
    value = elements.get_item(keyword).value if keyword in elements else b""
    if isinstance(value, bytes):
        return value
    return b"".join((int(number) & 0xFFFF).to_bytes(2, order) for number in value)


def _raise_without_picture(elements: "FileDataset", bits: int) -> None:
    """Raise the error for a file without pixels: a report, another kind of file, or a photo without its end."""
    kind = _text(elements, "SOPClassUID") or _text(elements.file_meta, "MediaStorageSOPClassUID")
    name = _uid_name(kind)
    syntax = _text(elements.file_meta, "TransferSyntaxUID")
    if not name and syntax not in SYNTAXES:
        raise _unsupported_syntax(syntax)
    if bits or not name or "Image Storage" in name:
        raise ValueError("the pixels are missing")
    if _text(elements, "Modality") == "SR" or "SR" in name.split() or "Report" in name:
        raise PhotoError(
            "photo_type", "This DICOM file is a text report, not a photo; choose the file of the photo."
        )
    raise PhotoError(
        "photo_type", "This DICOM file holds no photo (%(kind)s); choose the file of the photo.", kind=name
    )


def _uid_name(uid: str) -> str:
    """Return DICOM's name of an identifier, the identifier if it has no name, or "" if `uid` is no identifier."""
    return str(_pydicom().uid.UID(uid).name) if UID_TEXT.fullmatch(uid) else ""


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
