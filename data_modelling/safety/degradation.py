"""Degrade square photos before they are resized for the network, to find out how much the network tolerates."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

PNG_COMPRESSION = 0  # none, which is fastest


@dataclass(frozen=True)
class Degradation:
    """Describe one way in which cameras or messaging apps make photos worse.

    measures: the measures of inference.checks.image_quality that detect this degradation. severities: the mildest
    first. degrade: returns the bytes of a photo file, from a square RGB photo and a severity.
    """

    measures: tuple[str, ...]
    severities: tuple[float, ...]
    degrade: Callable[[Image.Image, float], bytes]


def encode_png(photo: Image.Image) -> bytes:
    """Return the photo as a PNG file, which loses nothing."""
    file = BytesIO()
    photo.save(file, "PNG", compress_level=PNG_COMPRESSION)
    return file.getvalue()


def _blur(photo: Image.Image, severity: float) -> bytes:
    return encode_png(photo.filter(ImageFilter.GaussianBlur(severity / 100 * photo.width)))


def _blur_by_motion(photo: Image.Image, severity: float) -> bytes:
    """Return the photo as if the camera had moved sideways while the shutter was open."""
    length = max(round(severity / 100 * photo.width), 1)
    pixels = np.asarray(photo, np.float32)
    padded = np.pad(pixels, ((0, 0), (length // 2 + 1, length - 1 - length // 2), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    return encode_png(from_levels((sums[:, length:] - sums[:, :-length]) / length))


def _change_exposure(photo: Image.Image, severity: float) -> bytes:
    return encode_png(from_levels(np.asarray(photo) * severity))


def _lift_shadows(photo: Image.Image, severity: float) -> bytes:
    """Return a photo with brighter shadows and middle tones; white stays white (a gamma curve)."""
    return encode_png(from_levels(255 * (np.asarray(photo) / 255) ** severity))


def _reduce_contrast(photo: Image.Image, severity: float) -> bytes:
    """Return a photo with all colours closer to their mean, as in fog."""
    pixels = np.asarray(photo, np.float64)
    mean = pixels.mean(axis=(0, 1))
    return encode_png(from_levels(mean + severity * (pixels - mean)))


def encode_jpeg(photo: Image.Image, quality: float) -> bytes:
    """Return the photo as a JPEG file, the format of cameras and archives; quality: 1-95, rounded down."""
    file = BytesIO()
    photo.save(file, "JPEG", quality=int(quality))
    return file.getvalue()


def _downscale(photo: Image.Image, severity: float) -> bytes:
    edge = int(min(severity, photo.width))
    return encode_png(photo.resize((edge, edge), Image.Resampling.BILINEAR))


def from_levels(levels: NDArray[np.floating]) -> Image.Image:
    """Return the RGB photo with these colour levels (height, width, 3), rounded and cut to 0-255."""
    return Image.fromarray(levels.round().clip(0, 255).astype(np.uint8))


# The comment of each kind names the unit of its severities.
DEGRADATION_KINDS: dict[str, Degradation] = {
    "blur": Degradation(("sharpness",), (0.8, 1.2, 1.6, 2.0, 2.5, 3.2), _blur),  # % of the edge
    "motion": Degradation(("sharpness",), (3, 6, 9, 12, 16, 20), _blur_by_motion),  # % of the edge
    "small": Degradation(("source_edge", "sharpness"), (80, 56, 40, 32, 24, 16, 12), _downscale),  # pixels
    "dark": Degradation(("light",), (0.8, 0.7, 0.6, 0.5, 0.4, 0.3), _change_exposure),  # a factor
    "bright": Degradation(("overexposed",), (1.2, 1.35, 1.5, 1.7, 2.0, 2.5), _change_exposure),  # a factor
    "lifted": Degradation(("middle",), (0.8, 0.65, 0.5, 0.4, 0.3, 0.2), _lift_shadows),  # the exponent
    "jpeg": Degradation(("flatness",), (30, 20, 15, 10, 7, 5), encode_jpeg),  # JPEG quality
    "faded": Degradation(("contrast",), (0.7, 0.5, 0.35, 0.25, 0.15, 0.08), _reduce_contrast),  # a factor
}
