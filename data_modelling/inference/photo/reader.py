"""Reads photos for training, commands and app: the bytes of a file become a square sRGB array."""

import re
import warnings
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import ExifTags, Image

from data_modelling.inference.errors import DAMAGED_FILE_ERRORS, FieldError, PhotoError
from data_modelling.inference.photo import dicom
from data_modelling.inference.photo.colour_profile import (
    PNG_SIGNATURE,
    ColourTransform,
    png_profiles,
    srgb_transform,
    without_icc_profile,
)
from data_modelling.inference.photo.jpeg_markers import MAX_SCANS, count_scans, load_jpeg, precision

# The decoders that Pillow may use. Without the list, an EPS file renamed to .jpg would start Ghostscript.
FORMATS = ("JPEG", "PNG", "WEBP")
ENDINGS = (".jpg", ".jpeg", ".png", ".webp", ".dcm")  # endings of photos in a folder, in small letters
MAX_MEGAPIXELS = 25  # largest photo that is decoded at full size: 100 MB of memory, as WebP 400 MB
MAX_MEGAPIXELS_JPEG = 50  # largest JPEG of one scan, which is decoded line by line at the needed scale
UNREAD_BITS = (12, 16)  # bits per sample of medical JPEG files, which Pillow cannot read
MAX_CONVERTED_PIXELS = 2_000_000  # photos with more pixels may be reduced before their colours are converted
CROP_FIELDS = ("crop_x", "crop_y", "crop_size")
CORNER_SHARE = 0.9  # edge of the four frames (squares at a crop's corners), as a share of the crop's edge
CORNERS = ((0, 0), (1, 0), (0, 1), (1, 1))
WHOLE_FRAME = ((0, 0),)  # one corner is enough for a frame that is as large as the crop
CROP_TOLERANCE = 1e-6  # how far rounding may put a crop beyond the photo, as a share of the longer side
NUMBER = re.compile(r"(\d+\.?\d*|\.\d+)(e-?\d+)?", re.ASCII)  # a number as JavaScript writes it: 0.5, 1e-7
# How a photo is turned upright, by its EXIF orientation: 1 is upright, and from 5 on, width and height swap.
EXIF_TRANSPOSES = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}

# The limits above are checked on the header, before a pixel is decoded. Pillow's own limit, which only warns up to 179
# megapixels, is off. Its warnings about odd metadata are off too: senders cannot mend it, and it changes no pixel.
Image.MAX_IMAGE_PIXELS = None
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")


def is_photo_name(name: str) -> bool:
    """Return whether a file name has the ending of a photo and is not hidden; macOS's `._` files are hidden."""
    return name.lower().endswith(ENDINGS) and not name.startswith(".")


@dataclass(frozen=True)
class Crop:
    """A square of the upright photo.

    x, y: its top left corner, as shares of width and height. size: its edge, as a share of the shorter side.
    """

    x: float
    y: float
    size: float


def parse_crop(fields: Mapping[str, str]) -> Crop | None:
    """Return the crop of a form or request, or None if all three fields are absent (then the centre square is used).

    Raises FieldError if only some of the three are present, if one is no number from 0 to 1, or if the size is 0.
    Whether the square is inside the photo is checked later, when the photo's size is known.
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
            "%(field_name)s must be a number from 0 to 1; send all three crop fields.",
            field_name=field,
        )
    return float(text)


def read_photo(data: bytes, edge: int, crop: Crop | None = None) -> NDArray[np.uint8]:
    """Return a photo turned upright, cropped to a square and resized, as (edge, edge, 3) uint8 sRGB.

    data: the bytes of a JPEG, PNG, WebP or DICOM file, whatever its name. edge: pixels of the result's edge. crop: the
    default is the centre square.

    A JPEG is decoded at the smallest of the scales 1/8, 1/4 and 1/2 that leaves at least 2 * `edge` pixels on the
    crop's edge, or at full size if none does. Training and app do the same, so both see the same pixels. The photo in a
    DICOM file is decoded at full size, like a PNG, so the same photo gets the same answer in both formats. If the
    file declares a colour space (by an ICC profile or a PNG's chunks), its colours are converted to sRGB. The crop is
    resized with Pillow's antialiased bilinear method. Pillow also uses a strip of half an output pixel around the crop.

    Raises PhotoError with one of the codes photo_empty, photo_type (cannot be read here), photo_pixels (too many),
    photo_animated, photo_frames (a DICOM file with several photos) and photo_broken (does not decode). Raises
    FieldError for a crop that is beyond the photo or smaller than a pixel.
    """
    return read_photo_and_edge(data, edge, crop)[0]


def read_photo_and_edge(data: bytes, edge: int, crop: Crop | None = None) -> tuple[NDArray[np.uint8], int]:
    """Return the results of read_photo and square_edge, and open the file only once."""
    (square,), square_edge = _read_squares(data, edge, crop, 1, WHOLE_FRAME)
    return square, round(square_edge)


def read_corner_frames(data: bytes, edge: int, crop: Crop | None = None) -> list[NDArray[np.uint8]]:
    """Return four frames as from read_photo: one at each corner of the crop, with CORNER_SHARE of the crop's edge.

    A frame that rounding puts beyond the photo is moved inside. The file is decoded once. Errors: see read_photo.
    """
    return _read_squares(data, edge, crop, CORNER_SHARE, CORNERS)[0]


def read_whole_photo(data: bytes, longest: int) -> Image.Image:
    """Return a whole photo, upright, in sRGB; its longer side has at most `longest` pixels; errors: see read_photo."""
    photo = _open(data)
    upright, _, transform = _decode(photo, _shrink(photo, longest, min(photo.size)))
    if transform is not None:
        upright = transform.apply(upright)
    upright = upright.convert("RGB")
    upright.thumbnail((longest, longest))
    return upright


def square_edge(data: bytes, crop: Crop | None = None) -> int:
    """Return the edge of the cropped square in pixels of the original photo; errors: see read_photo."""
    return round(_crop_edge(_open(data).size, crop))


def _crop_edge(size: tuple[int, int], crop: Crop | None) -> float:
    return min(size) * (crop.size if crop else 1)


@dataclass
class _PhotoFile:
    """A JPEG, PNG or WebP photo whose header was read and is within the limits; its pixels are not decoded yet."""

    data: bytes
    image: Image.Image

    @property
    def is_jpeg(self) -> bool:
        """Return whether the photo is a JPEG; MPO holds several JPEG photos, of which the first counts."""
        return self.image.format in {"JPEG", "MPO"}

    @property
    def size(self) -> tuple[int, int]:
        """Return width and height of the stored photo."""
        return self.image.size

    def decode(self, shrink: int) -> tuple[Image.Image, tuple[int, int]]:
        """Return the decoded photo, upright and reduced, and its (width, height) before the reduction."""
        size = self.image.size
        image = load_jpeg(self.image, self.data, shrink) if self.is_jpeg else self.image
        image.load()
        orientation = _orientation(image)
        if image.mode.startswith("I"):
            # The upper eight bits of 16-bit grey levels are kept. Pillow would clip the levels at 255.
            image = Image.fromarray((np.asarray(image) >> 8).astype(np.uint8))
        if image.mode == "P":  # converted here, because a damaged palette raises errors
            image = image.convert("RGBA" if image.has_transparency_data else "RGB")
        if orientation not in EXIF_TRANSPOSES:
            return image, size
        return image.transpose(EXIF_TRANSPOSES[orientation]), size[::-1] if orientation >= 5 else size

    def profiles(self) -> Iterator[bytes | None]:
        """Yield the colour profiles of the decoded photo by precedence; None stands for sRGB."""
        if self.image.format == "PNG":
            return png_profiles(self.data)
        return iter([self.image.info.get("icc_profile")])


Photo = _PhotoFile | dicom.Frame  # a DICOM file's frame is upright, whatever EXIF a JPEG in it may have


def _shrink(photo: Photo, edge: int, crop_edge: float) -> int:
    """Return the factor by which a photo is reduced in decoding: 1, 2, 4 or 8 for a JPEG file, 1 for any other file."""
    if isinstance(photo, dicom.Frame) or not photo.is_jpeg:
        return 1
    return next((shrink for shrink in (8, 4, 2) if crop_edge >= 2 * edge * shrink), 1)


def _decode(photo: Photo, shrink: int) -> tuple[Image.Image, tuple[int, int], ColourTransform | None]:
    """Return the decoded photo (upright, reduced), its (width, height) before reduction, and any conversion to sRGB."""
    try:
        if isinstance(photo, dicom.Frame):
            upright, size = photo.decode(), photo.size
            profiles = iter([photo.profile or upright.info.get("icc_profile")])
        else:
            upright, size = photo.decode(shrink)
            profiles = photo.profiles()
        return upright, size, srgb_transform(upright.mode, profiles)
    except DAMAGED_FILE_ERRORS as error:
        raise _broken_photo_error() from error


def _read_squares(
    data: bytes, edge: int, crop: Crop | None, share: float, corners: tuple[tuple[int, int], ...]
) -> tuple[list[NDArray[np.uint8]], float]:
    """Return a square at each of `corners` of the crop, and the edge of these squares in pixels of the photo.

    This edge is `share` of the crop's edge. A corner is a pair: 0 (left) or 1 (right), then 0 (top) or 1 (bottom).
    """
    photo = _open(data)
    square_edge = share * _crop_edge(photo.size, crop)
    shrink = _shrink(photo, edge, square_edge)
    upright, size, transform = _decode(photo, shrink)
    left, top, right, bottom = _box(size, crop)
    boxes = []
    for column, row in corners:
        x = min(left + column * (right - left - square_edge), size[0] - square_edge)
        y = min(top + row * (bottom - top - square_edge), size[1] - square_edge)
        box = (x, y, min(x + square_edge, size[0]), min(y + square_edge, size[1]))
        boxes.append([pixels / shrink for pixels in box])
    if transform is not None:
        # Resizing mixes colours, so they are converted before it. Only large photos are reduced first, for speed.
        upright, boxes = _reduce_large(upright, edge, boxes)
        upright = transform.apply(upright)
    mode = "RGBA" if upright.has_transparency_data else "RGB"
    if upright.mode != mode:  # without this test, Pillow would copy the photo, up to 100 MB
        upright = upright.convert(mode)
    return [_square(upright, edge, box) for box in boxes], square_edge


def _open(data: bytes) -> Photo:
    """Return the photo with its header read and within the limits; its pixels are not decoded yet."""
    if not data:
        raise PhotoError("photo_empty", "The file is empty; choose another one.")
    is_webp = data.startswith(b"RIFF") and data[8:12] == b"WEBP"
    if not is_webp and not data.startswith((b"\xff\xd8\xff", PNG_SIGNATURE)):
        if dicom.is_dicom(data):
            return _open_dicom(data)
        raise PhotoError(
            "photo_type", "This is no JPEG, PNG, WebP or DICOM photo; save or export it as one of these."
        )
    bits = 8 if data.startswith((PNG_SIGNATURE, b"RIFF")) else precision(data)
    if bits in UNREAD_BITS:
        raise PhotoError(
            "photo_type",
            "A JPEG with %(bits)s bits for each colour cannot be read here; save it with 8 bits.",
            bits=bits,
        )
    try:
        pixels = without_icc_profile(data) if data.startswith(PNG_SIGNATURE) else data
        photo = _PhotoFile(data, Image.open(BytesIO(pixels), formats=FORMATS))
    except DAMAGED_FILE_ERRORS as error:
        raise _broken_photo_error() from error
    scans = count_scans(data) if photo.is_jpeg else 1
    limit = MAX_MEGAPIXELS_JPEG if photo.is_jpeg and scans == 1 else MAX_MEGAPIXELS
    _check_pixels(photo.size, limit)
    if scans > MAX_SCANS:
        raise _broken_photo_error()
    if not photo.is_jpeg and getattr(photo.image, "is_animated", False):
        raise PhotoError("photo_animated", "The photo is animated; save a single picture.")
    return photo


def _open_dicom(data: bytes) -> dicom.Frame:
    """Return the frame of a DICOM file, not decoded yet and within the limits of `_open`."""
    try:
        frame = dicom.read_frame(data)
        if frame.frames > 1:
            raise PhotoError(
                "photo_frames",
                "The DICOM file has %(frames)s frames; export only one of them.",
                frames=frame.frames,
            )
        largest = dicom.MAX_BYTES // (frame.samples * max(frame.bits // 8, 1)) // 1_000_000
        _check_pixels(frame.size, min(MAX_MEGAPIXELS, largest))
        frame.check_picture()
    except DAMAGED_FILE_ERRORS as error:
        raise _broken_photo_error() from error
    return frame


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


def _broken_photo_error() -> PhotoError:
    return PhotoError(
        "photo_broken", "The photo is damaged and cannot be decoded; save it again as JPEG or PNG."
    )


def _orientation(image: Image.Image) -> int:
    """Return EXIF's orientation; a photo whose EXIF cannot be read counts as upright."""
    try:
        orientation = image.getexif().get(ExifTags.Base.Orientation)
    except DAMAGED_FILE_ERRORS:
        return 1
    return orientation if isinstance(orientation, int) else 1


def _box(size: tuple[int, int], crop: Crop | None) -> tuple[float, float, float, float]:
    """Return the crop in pixels of the upright photo: left, top, right, bottom."""
    width, height = size
    if crop is None:
        side = float(min(size))
        left, top = (width - side) / 2, (height - side) / 2
    else:
        side, left, top = min(size) * crop.size, width * crop.x, height * crop.y
    over = max(left + side - width, top + side - height)
    if over > CROP_TOLERANCE * max(size):
        raise FieldError(
            "crop_size", "crop_outside", "The crop reaches beyond the photo; choose a smaller square."
        )
    if side < 1:
        raise FieldError(
            "crop_size", "crop_range", "The crop is smaller than one pixel; choose a larger square."
        )
    return left, top, min(left + side, width), min(top + side, height)


def _reduce_large(
    image: Image.Image, edge: int, boxes: list[list[float]]
) -> tuple[Image.Image, list[list[float]]]:
    """Return a photo and its boxes, reduced for speed if it is large; the first box stays at least 4 * `edge` wide."""
    left, _top, right, _bottom = boxes[0]
    factor = int((right - left) // (4 * edge))
    if factor < 2 or image.width * image.height <= MAX_CONVERTED_PIXELS or image.has_transparency_data:
        return image, boxes
    return image.reduce(factor), [[pixels / factor for pixels in box] for box in boxes]


def _square(image: Image.Image, edge: int, box: list[float]) -> NDArray[np.uint8]:
    """Return the box of a photo, RGB or RGBA, as (edge, edge, 3); transparent pixels become white."""
    left, top, right, bottom = box
    square = image.resize((edge, edge), Image.Resampling.BILINEAR, box=(left, top, right, bottom))
    if image.mode == "RGBA":
        square = Image.alpha_composite(Image.new("RGBA", square.size, "white"), square).convert("RGB")
    return np.asarray(square)
