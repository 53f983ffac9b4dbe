"""The one photo reader, for training, command line and app: bytes in, a square RGB array out."""

import re
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from data_modelling.inference import dicom
from data_modelling.inference.errors import BROKEN, FieldError, PhotoError

# Pillow is told which decoders it may try: without the list an EPS renamed .jpg would start Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".dcm")  # of photos in a folder, in small letters
MAX_MEGAPIXELS = 25  # of photos that are decoded at full size: 100 MB while they are
MAX_MEGAPIXELS_JPEG = 50  # a JPEG of one scan is decoded at the scale that is needed, line by line
MAX_SCANS = 100  # of a progressive JPEG; cameras and optimisers write about ten, and each costs a full pass
CROP_FIELDS = ("crop_x", "crop_y", "crop_size")
SLACK = 1e-6  # rounding of crop fractions that were computed in a browser
NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e-?\d+)?", re.ASCII)  # as JavaScript writes them: 0.5, 1e-7
JPEG_MARKER = re.compile(rb"\xff[^\x00\x01\xd0-\xd7\xff]", re.DOTALL)  # those that a segment follows
# How a photo with this EXIF orientation is turned upright; 1 is upright, from 5 on width and height swap.
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The limits above are checked on the header, before a pixel is decoded; Pillow's own, which only warns
# up to 179 megapixels, would warn in the middle of a request. So would it of odd metadata, which nobody
# who sends a photo can mend and which changes no pixel.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


@dataclass(frozen=True)
class Crop:
    """A square of the upright photo, in fractions from 0 to 1.

    x, y: its top left corner, of the photo's width and height. size: its edge, of the shorter side.
    """

    x: float
    y: float
    size: float


def parse_crop(fields: Mapping[str, str]) -> Crop | None:
    """The crop that a form or request asks for; None (the centre square) when all three are absent.

    Raises FieldError when one of the three is missing, no number, or outside 0-1. Whether the square
    lies within the photo shows only once its shape is known.
    """
    texts = {field: fields.get(field, "").strip() for field in CROP_FIELDS}
    if not any(texts.values()):
        return None
    x, y, size = (_fraction(field, text) for field, text in texts.items())
    if size == 0:
        raise FieldError("crop_size", "crop_range", "crop_size must be greater than 0.")
    return Crop(x, y, size)


def _fraction(field: str, text: str) -> float:
    # float() would also accept "nan", "1_0" and digits of other scripts.
    if not NUMBER.fullmatch(text) or float(text) > 1:
        raise FieldError(
            field,
            "crop_range",
            "%(field_name)s must be a number from 0 to 1, with the other two crop fields.",
            field_name=field,
        )
    return float(text)


def read_photo(data: bytes, edge: int, crop: Crop | None = None) -> NDArray[np.uint8]:
    """Decode a photo, turn it upright, crop a square and resize it.

    data: the bytes of a JPEG, PNG, WebP or DICOM file, whatever its name. edge: pixels of the result's side.
    crop: default the centre square. Returns (edge, edge, 3) uint8 RGB.

    A JPEG is decoded at the smallest of the scales 1, 1/2, 1/4, 1/8 that keeps the crop at least twice
    `edge`, in training as in serving, so that the two never differ; the frame of a DICOM file at scale 1, so that its
    answer is that of its pixels in any other file. Resizing is Pillow's antialiased
    bilinear one within the photo: an outermost pixel may see one pixel's width beyond the crop.

    Raises PhotoError: photo_empty, photo_type (no such format), photo_pixels (too many), photo_animated,
    photo_frames (a DICOM file of several), photo_broken (does not decode), and FieldError for a crop that leaves
    the photo.
    """
    return read_square(data, edge, crop)[0]


def read_square(data: bytes, edge: int, crop: Crop | None = None) -> tuple[NDArray[np.uint8], int]:
    """What read_photo and square_side return, of one look at the file."""
    image = _open(data)
    side = _side(image, crop)
    shrink = _draft_shrink(image, edge, crop)
    try:
        upright, size = _decode_upright(image, shrink)
    except BROKEN as error:
        raise _broken() from error
    return _square(upright, edge, [pixels / shrink for pixels in _box(size, crop)]), round(side)


def square_side(data: bytes, crop: Crop | None = None) -> int:
    """The edge of the square that is cropped from a photo, in the photo's own pixels; raises as read_photo does."""
    return round(_side(_open(data), crop))


def _side(image: Image.Image, crop: Crop | None) -> float:
    return min(image.size) * (crop.size if crop else 1)


def _open(data: bytes) -> Image.Image:
    """The photo, its header read and found within the limits, its pixels not decoded yet."""
    if not data:
        raise PhotoError("photo_empty", "The file is empty; choose another one.")
    if not _is_photo(data):
        if dicom.is_dicom(data):
            return _open_dicom(data)
        raise PhotoError(
            "photo_type", "This is no JPEG, PNG, WebP or DICOM photo; save or export it as one of these."
        )
    try:
        image = Image.open(BytesIO(data), formats=FORMATS)
    except BROKEN as error:
        raise _broken() from error
    is_jpeg = image.format in {
        "JPEG",
        "MPO",
    }  # MPO: several JPEG photos in one file, of which the first counts
    scans = _count_scans(data) if is_jpeg else 1
    limit = MAX_MEGAPIXELS_JPEG if is_jpeg and scans == 1 else MAX_MEGAPIXELS
    _check_pixels(image.size, limit)
    if scans > MAX_SCANS:
        raise _broken()
    if not is_jpeg and getattr(image, "is_animated", False):
        raise PhotoError("photo_animated", "The photo is animated; save a single picture.")
    return image


def _open_dicom(data: bytes) -> Image.Image:
    """The frame of a DICOM file, held to the same limits. It is upright, whatever EXIF a JPEG in it may carry."""
    try:
        frame = dicom.read_frame(data)
        if frame.frames > 1:
            raise PhotoError(
                "photo_frames",
                "The DICOM file has %(frames)s frames; export one of them alone.",
                frames=frame.frames,
            )
        _check_pixels(frame.size, MAX_MEGAPIXELS)
        if frame.is_jpeg and _count_scans(frame.jpeg) > MAX_SCANS:
            raise _broken()
        return frame.image()
    except BROKEN as error:
        raise _broken() from error


def _check_pixels(size: tuple[int, int], limit: int) -> None:
    """Raise PhotoError for more than `limit` megapixels."""
    width, height = size
    if width * height > limit * 1_000_000:
        raise PhotoError(
            "photo_pixels",
            "The photo has %(width)s x %(height)s pixels; at most %(limit)s megapixels can be read.",
            width=width,
            height=height,
            limit=limit,
        )


def _is_photo(data: bytes) -> bool:
    """Whether the first bytes are those of a JPEG, PNG or WebP file."""
    return data.startswith((b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n")) or (
        data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    )


def _broken() -> PhotoError:
    return PhotoError(
        "photo_broken", "The photo is damaged and cannot be decoded; save it again as JPEG or PNG."
    )


def _count_scans(data: bytes) -> int:
    """How many scans the first picture of a JPEG file has: one, or several passes over all its pixels."""
    scans, position = 0, 2
    while (found := JPEG_MARKER.search(data, position)) and found[0] != b"\xff\xd9":
        scans += found[0] == b"\xff\xda"
        position = found.end() + int.from_bytes(data[found.end() : found.end() + 2], "big")
    return scans


def _draft_shrink(image: Image.Image, edge: int, crop: Crop | None) -> int:
    """By how much the photo is to be shrunk in decoding: 1, and for a JPEG up to 8."""
    if image.format not in {"JPEG", "MPO"}:
        return 1
    side = _side(image, crop)
    return next((shrink for shrink in (8, 4, 2) if side >= 2 * edge * shrink), 1)


def _decode_upright(image: Image.Image, shrink: int) -> tuple[Image.Image, tuple[int, int]]:
    """The decoded photo, upright and shrunk, and the (width, height) that it has without shrinking."""
    width, height = image.size
    if shrink > 1:
        image.draft(None, (width // shrink, height // shrink))  # exactly this scale, rounded up
    image.load()
    orientation = _orientation(image)
    if orientation not in TURNS:
        return image, (width, height)
    return image.transpose(TURNS[orientation]), (height, width) if orientation >= 5 else (width, height)


def _orientation(image: Image.Image) -> int:
    """EXIF's orientation; a photo whose EXIF cannot be read counts as upright."""
    if image.format == dicom.FORMAT:
        return 1
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except BROKEN:
        return 1
    return orientation if isinstance(orientation, int) else 1


def _box(size: tuple[int, int], crop: Crop | None) -> tuple[float, float, float, float]:
    """The crop in pixels of the upright photo: left, top, right, bottom."""
    width, height = size
    if crop is None:
        side = float(min(size))
        left, top = (width - side) / 2, (height - side) / 2
    else:
        side, left, top = min(size) * crop.size, width * crop.x, height * crop.y
    over = max(left + side - width, top + side - height)
    if over > SLACK * max(size):
        raise FieldError(
            "crop_size", "crop_outside", "The crop reaches beyond the photo; choose a smaller square."
        )
    if side < 1:
        raise FieldError(
            "crop_size", "crop_range", "The crop is smaller than one pixel; choose a larger square."
        )
    return left, top, min(left + side, width), min(top + side, height)


def _square(image: Image.Image, edge: int, box: list[float]) -> NDArray[np.uint8]:
    """The box of a photo of any mode as (edge, edge, 3) RGB; what is transparent becomes white."""
    if image.mode.startswith("I"):  # 16-bit grey, which Pillow's convert would clip at 255
        image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
    mode = "RGBA" if image.has_transparency_data else "RGB"
    if image.mode != mode:  # Pillow would copy, 100 MB of a large photo
        image = image.convert(mode)
    left, top, right, bottom = box
    square = image.resize((edge, edge), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    if mode == "RGBA":
        square = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
    return np.asarray(square)
