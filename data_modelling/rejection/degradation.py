"""Photos made worse step by step, at their own resolution, as cameras and messengers make them worse."""

from collections.abc import Callable
from dataclasses import dataclass
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFilter

LOSSLESS = 0  # PNG's compression: quickest


@dataclass(frozen=True)
class Kind:
    """One way in which photos get worse.

    measures: of inference.quality that see it. unit: what a severity means. severities: from the mildest.
    worsened: the bytes of a photo file, from a square RGB photo and a severity.
    """

    measures: tuple[str, ...]
    unit: str
    severities: tuple[float, ...]
    worsened: Callable[[Image.Image, float], bytes]


def as_png(photo: Image.Image) -> bytes:
    """A photo file without any loss."""
    file = BytesIO()
    photo.save(file, "PNG", compress_level=LOSSLESS)
    return file.getvalue()


def _blurred(photo: Image.Image, severity: float) -> bytes:
    return as_png(photo.filter(ImageFilter.GaussianBlur(severity / 100 * photo.width)))


def _moved(photo: Image.Image, severity: float) -> bytes:
    """The camera moved to the side while the shutter was open."""
    length = max(round(severity / 100 * photo.width), 1)
    pixels = np.asarray(photo, np.float32)
    padded = np.pad(pixels, ((0, 0), (length // 2 + 1, length - 1 - length // 2), (0, 0)), mode="edge")
    sums = np.cumsum(padded, axis=1, dtype=np.float64)
    return _from_levels((sums[:, length:] - sums[:, :-length]) / length)


def _exposed(photo: Image.Image, severity: float) -> bytes:
    return _from_levels(np.asarray(photo) * severity)


def _lifted(photo: Image.Image, severity: float) -> bytes:
    """Shadows and middle tones lifted, white stays white: a gamma curve."""
    return _from_levels(255 * (np.asarray(photo) / 255) ** severity)


def _faded(photo: Image.Image, severity: float) -> bytes:
    """All colours drawn towards their mean, as through fog."""
    pixels = np.asarray(photo, np.float64)
    mean = pixels.mean(axis=(0, 1))
    return _from_levels(mean + severity * (pixels - mean))


def _recompressed(photo: Image.Image, severity: float) -> bytes:
    file = BytesIO()
    photo.save(file, "JPEG", quality=int(severity))
    return file.getvalue()


def _shrunk(photo: Image.Image, severity: float) -> bytes:
    edge = int(min(severity, photo.width))
    return as_png(photo.resize((edge, edge), Image.Resampling.BILINEAR))


def _from_levels(levels: NDArray[np.floating]) -> bytes:
    return as_png(Image.fromarray(levels.round().clip(0, 255).astype(np.uint8)))


KINDS: dict[str, Kind] = {
    "blur": Kind(("sharpness",), "Gaussian blur, % of the edge", (0.8, 1.2, 1.6, 2.0, 2.5, 3.2), _blurred),
    "motion": Kind(("sharpness",), "motion blur, % of the edge", (3, 6, 9, 12, 16, 20), _moved),
    "small": Kind(("source_edge", "sharpness"), "pixels of the edge", (80, 56, 40, 32, 24, 16, 12), _shrunk),
    "dark": Kind(("light",), "exposure, as a factor", (0.8, 0.7, 0.6, 0.5, 0.4, 0.3), _exposed),
    "bright": Kind(("overexposed",), "exposure, as a factor", (1.2, 1.35, 1.5, 1.7, 2.0, 2.5), _exposed),
    "lifted": Kind(("middle",), "exponent of the gamma curve", (0.8, 0.65, 0.5, 0.4, 0.3, 0.2), _lifted),
    "jpeg": Kind(("flatness",), "JPEG quality", (30, 20, 15, 10, 7, 5), _recompressed),
    "faded": Kind(("contrast",), "contrast, as a factor", (0.7, 0.5, 0.35, 0.25, 0.15, 0.08), _faded),
}
