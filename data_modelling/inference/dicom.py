"""A photo in a DICOM file: its one frame, and age, sex and body part; nothing else of the file is read.

VL photographic images as PS3.3 of the DICOM standard has them, in the transfer syntaxes of SYNTAXES.
"""

import logging
import re
import warnings
from dataclasses import dataclass
from functools import cache, cached_property
from io import BytesIO
from types import ModuleType
from typing import TYPE_CHECKING

from PIL import Image

from data_modelling.inference.details import SITE_NAMES, Details, parse_age, parse_sex, parse_site
from data_modelling.inference.errors import BROKEN, FieldError, PhotoError

if TYPE_CHECKING:
    from pydicom import Dataset, FileDataset

JPEG_BASELINE = "1.2.840.10008.1.2.4.50"
SYNTAXES = (
    JPEG_BASELINE,
    "1.2.840.10008.1.2",
    "1.2.840.10008.1.2.1",
)  # the others: uncompressed, little endian
# Pillow's mode for the samples of an uncompressed frame, by photometric interpretation.
MODES = {"RGB": "RGB", "YBR_FULL": "YCbCr", "MONOCHROME2": "L"}
FORMAT = (
    "DICOM"  # of a frame, for those who treat it otherwise than a file of the format that it is stored in
)
AGE, SEX, BODY_PART = 0x00101010, 0x00100040, 0x00180015
SAMPLES, COLOUR, PLANAR = 0x00280002, 0x00280004, 0x00280006
FRAMES, ROWS, COLUMNS, BITS = 0x00280008, 0x00280010, 0x00280011, 0x00280100
PIXELS = 0x7FE00010
SYNTAX = 0x00020010
DETAILS = (AGE, SEX, BODY_PART)
PICTURE = (SAMPLES, COLOUR, PLANAR, FRAMES, ROWS, COLUMNS, BITS, PIXELS)
# Of hostile files, which hold millions of elements: an element takes about two, and those of cameras have a hundred.
MAX_READS = 20_000
AGE_STRING = re.compile(r"(\d{1,3})([DWMY])", re.ASCII)  # AS of PS3.5, section 6.2
PER_YEAR = {"D": 365.25, "W": 365.25 / 7, "M": 12, "Y": 1}
SEXES = {"F": "female", "M": "male"}
# Body parts as PS3.16 (annex L) and cameras have them, beside the names of the data sets.
BODY_PARTS = {
    **dict.fromkeys(("head", "headneck", "cheek", "nose", "forehead", "lip", "eyelid", "chin"), "head/neck"),
    **dict.fromkeys(
        ("arm", "forearm", "elbow", "shoulder", "wrist", "finger", "upperlimb"), "upper extremity"
    ),
    **dict.fromkeys(("leg", "thigh", "knee", "calf", "ankle", "toe", "lowerlimb"), "lower extremity"),
    "breast": "anterior torso",
    "palm": "palms/soles",
    "sole": "palms/soles",
}


@dataclass(frozen=True)
class Frame:
    """The frame of a file, not decoded.

    frames: how many there are; more than one is not read. size: width and height in pixels, as the header has
    them. pixels: the samples, or the pieces of a JPEG file. mode: Pillow's mode of the samples. planar: whether
    each colour has a plane of its own.
    """

    frames: int
    size: tuple[int, int]
    pixels: bytes
    is_jpeg: bool
    mode: str
    planar: bool

    def image(self) -> Image.Image:
        """The picture, a JPEG's pixels not decoded yet. Raises what Pillow raises for a damaged one."""
        image = self._jpeg() if self.is_jpeg else self._uncompressed()
        image.format = FORMAT
        return image

    @cached_property
    def jpeg(self) -> bytes:
        """The JPEG file, put together from its pieces; raises what pydicom raises for a damaged one."""
        data: bytes = _pydicom().encaps.get_frame(self.pixels, 0, number_of_frames=1)
        return data

    def _jpeg(self) -> Image.Image:
        image = Image.open(BytesIO(self.jpeg), formats=("JPEG",))
        if image.size != self.size:
            raise ValueError("the header and the picture differ in size")
        return image

    def _uncompressed(self) -> Image.Image:
        width, height = self.size
        plane = width * height
        planes = Image.getmodebands(self.mode)
        if len(self.pixels) < plane * planes:
            raise ValueError("pixels are missing")
        if not self.planar or planes == 1:
            image = Image.frombytes(self.mode, self.size, self.pixels[: plane * planes])
        else:
            parts = (self.pixels[start : start + plane] for start in range(0, plane * planes, plane))
            image = Image.merge(self.mode, [Image.frombytes("L", self.size, part) for part in parts])
        return image.convert("RGB") if self.mode == "YCbCr" else image


class _Stream(BytesIO):
    """A file that is read piece by piece, each of a known size, and not for ever."""

    reads = 0

    def read(self, size: int | None = -1, /) -> bytes:
        self.reads += 1
        if size is None or size < 0:  # pydicom unpacks a deflated file whole, however large it becomes
            raise _unsupported()
        if self.reads > MAX_READS:
            raise ValueError("the file has too many elements")
        return super().read(size)


def is_dicom(data: bytes) -> bool:
    """Whether the bytes are those of a DICOM file."""
    return data[128:132] == b"DICM"


def read_frame(data: bytes) -> Frame:
    """The frame of a DICOM file; the caller checks number and size before it decodes it.

    Raises PhotoError photo_type (no picture, or one that is stored in another way) and BROKEN for a damaged file.
    """
    found = _elements(data, PICTURE)
    syntax, colour, bits = _text(found.file_meta, SYNTAX), _text(found, COLOUR), _number(found, BITS)
    is_jpeg = syntax == JPEG_BASELINE
    if syntax not in SYNTAXES:
        raise _unsupported()
    if bits == 0:  # pydicom forgets what it has read of a file that ends too soon
        raise ValueError("the header is not whole")
    if bits != 8 or not (is_jpeg or colour in MODES):
        raise _unsupported()
    mode = MODES.get(colour, "RGB")
    frames = int(_text(found, FRAMES) or 1)
    size = (_number(found, COLUMNS), _number(found, ROWS))
    if frames < 1 or 0 in size or (not is_jpeg and _number(found, SAMPLES) != Image.getmodebands(mode)):
        raise ValueError("the header contradicts itself")
    return Frame(frames, size, _value(found, PIXELS), is_jpeg, mode, planar=_number(found, PLANAR) == 1)


def header_details(data: bytes) -> Details:
    """Age, sex and site from a file's header; not known is what it does not give, or not in words that are known.

    A photo of another format has none. A damaged file has none either: to say so is for who reads its photo.
    """
    if not is_dicom(data):
        return Details()
    try:
        found = _elements(data, DETAILS)
    except (PhotoError, *BROKEN):
        return Details()
    return Details(_age(_text(found, AGE)), _sex(_text(found, SEX)), _site(_text(found, BODY_PART)))


def _elements(data: bytes, tags: tuple[int, ...]) -> "FileDataset":
    """These elements of a file, not converted; the others, the names and private ones too, are passed over."""
    pydicom = _pydicom()
    try:
        return pydicom.dcmread(  # type: ignore[no-any-return]
            _Stream(data), specific_tags=list(tags), stop_before_pixels=PIXELS not in tags
        )
    except (pydicom.errors.InvalidDicomError, pydicom.errors.BytesLengthException) as error:
        raise ValueError("the header cannot be read") from error


@cache
def _pydicom() -> ModuleType:
    """pydicom, once a DICOM file is met: it takes a quarter of a second and 20 MB. It keeps what it thinks to itself:
    its warnings quote the file, and nobody who sends a photo can mend what they complain about.
    """
    warnings.filterwarnings("ignore", category=UserWarning, module=r"pydicom\.")
    import pydicom
    import pydicom.config
    import pydicom.encaps
    import pydicom.errors

    logging.getLogger("pydicom").setLevel(logging.CRITICAL + 1)
    pydicom.config.settings.reading_validation_mode = pydicom.config.IGNORE
    return pydicom


def _value(found: "Dataset", tag: int) -> bytes:
    """The bytes of an element; none when it is absent or no plain value."""
    # As it is: pydicom would convert an empty one, and fail at an unknown kind of value.
    value = found.get_item(tag, keep_deferred=True).value if tag in found else b""
    if isinstance(value, str):  # what pydicom has converted on its way
        return value.encode("latin-1", "replace")
    return value if isinstance(value, bytes) else b""


def _text(found: "Dataset", tag: int) -> str:
    """A text without its padding, and without the quotes that some files have around it, as `"XC"`."""
    return _value(found, tag).decode("latin-1").strip('\0 "')


def _number(found: "Dataset", tag: int) -> int:
    return int.from_bytes(_value(found, tag)[:2], "little")


def _age(text: str) -> float | None:
    """Years from an age string: `045Y`, `018M`, `006W` or `030D`."""
    found = AGE_STRING.fullmatch(text)
    if not found:
        return None
    try:
        return parse_age(f"{int(found[1]) / PER_YEAR[found[2]]:.2f}")
    except FieldError:
        return None


def _sex(text: str) -> str | None:
    return parse_sex(SEXES.get(text.upper(), ""))


def _site(text: str) -> str | None:
    """The region of a body part, in the words of SITE_NAMES or BODY_PARTS."""
    name = " ".join(text.lower().replace("_", " ").split())
    return BODY_PARTS.get(name.replace(" ", "")) or (parse_site(name) if name in SITE_NAMES else None)


def _unsupported() -> PhotoError:
    return PhotoError(
        "photo_type",
        "This DICOM file holds no photo in JPEG Baseline or uncompressed; export it as JPEG or PNG.",
    )
