"""Measures the quality of the photo's square that the network sees, and compares it with the model's thresholds.

data_modelling.safety.image_quality chooses the thresholds by making real photos worse step by step. No measure finds
rulers: all that we tried were wrong at least as often as right. Blue ruler ticks count as ink, like pen marks on skin.
"""

import math
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache, reduce
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.checks.image_features import dark_rim, otsu_threshold, with_contrast
from data_modelling.inference.errors import BundleError

Plane = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Line = tuple[tuple[int, int], ...]

# For each reason code, such as `dark`: the problem, and how to take a better photo.
HINTS: dict[str, list[str]] = tomllib.loads(Path(__file__).with_name("hints.toml").read_text("utf-8"))

CLIPPED = 254  # level (0-255) from which a colour channel of a pixel is overexposed
COARSE_STEP = 4  # pixels between the two values of a coarse difference, see _sharpness
ROUNDING = 1 / 6  # squared grey levels that rounding adds to a mean squared difference of two values
LEAST_DETAIL = 0.02  # squared grey levels; keeps the logarithm finite for a photo of one colour
LEAST_UNCLIPPED = 0.25  # share of pixels below CLIPPED that a photo needs, so that its flatness is measured
COLOURLESS = 0.9  # a photo counts as grey if more than this share of its pixels has equal red and blue
INK_BLUER, INK_BLUE = 40, 80  # levels (0-255); in ink, blue - red is above the first, blue above the second
MIDDLE_INK_WEIGHT = 3  # blue pixels in the middle are subtracted this many times, because lesions can be blue
HAIR_EDGE = 112  # approximate edge, in pixels, of the reduced photo in which hair is searched
HAIR_DEPTH = 20  # grey levels by which a hair is darker than the skin on both its sides
HAIR_REACH = 5  # a hair is straight for at least this many pixels in both directions
LESION_EDGE = 28  # approximate edge, in pixels, of the reduced photo in which the lesion is searched
LEAST_EDGE = 16  # pixels; in a photo with a smaller edge, no lesion is searched
RINGS = 8  # rings around the middle; each has its own light level, because many photos darken outwards
SKIN_RANK = 0.75  # the light of a ring is the level below which this share of its pixels lies
EVEN_LIGHT_LEVEL = 200.0  # grey level of the light after it is evened out
MIDDLE_COVERAGE = 0.5  # a lesion counts at the border only if it covers more than this share of the middle


@dataclass(frozen=True)
class QualityMeasures:
    """Holds the quality measures of one photo.

    source_edge: the square's edge in pixels of the original photo. contrast: grey levels between the darkest and the
    brightest hundredth of the pixels. sharpness: log(fine differences / coarse differences), see _sharpness; 0 for
    noise, log(1/16) for a smooth gradient. light: the grey level that a twentieth of the pixels exceeds. middle: the
    median grey level. overexposed: share (0-1) of pixels with a channel of at least CLIPPED. flatness: share of
    neighbouring pixels with an equal difference of red and blue, see _flatness. ink: share of ink pixels, see _ink.
    hair: share of the middle that hair covers. lesion_border: share of the border that the lesion reaches. lesion_area:
    share of the square that the lesion covers; NaN if no lesion is found.
    """

    source_edge: float
    contrast: float
    sharpness: float
    light: float
    middle: float
    overexposed: float
    flatness: float
    ink: float
    hair: float
    lesion_border: float
    lesion_area: float


@dataclass(frozen=True)
class QualityCheck:
    """Describes a check: the measure, which of its values are bad, and the codes of refusal and warning, if any."""

    measure: str
    bad: Literal["high", "low"]
    refusal: str | None = None
    warning: str | None = None


MAX_FIRED_SHARE = 0.05  # largest share of a training source's photos that may get the same reason code
# The checks, in the order in which readers see their reasons.
QUALITY_CHECKS = (
    QualityCheck("source_edge", "low", "photo_small"),
    QualityCheck("contrast", "low", "photo_blank"),
    QualityCheck("sharpness", "low", "photo_blurred", "blurred"),
    QualityCheck("light", "low", "photo_dark", "dark"),
    QualityCheck("middle", "high", "photo_bright", "bright"),
    QualityCheck("overexposed", "high", "photo_bright", "bright"),
    QualityCheck("flatness", "high", None, "recompressed"),
    QualityCheck("ink", "high", None, "ink"),
    QualityCheck("hair", "high", None, "hair"),
    QualityCheck("lesion_border", "high", None, "lesion_cut"),
    QualityCheck("lesion_area", "low", None, "lesion_small"),
)


@dataclass(frozen=True)
class MeasureThresholds:
    """Holds the thresholds beyond which a measure refuses or warns; None means never."""

    refuse: float | None
    warn: float | None


@dataclass(frozen=True)
class QualityThresholds:
    """Holds the thresholds of a bundle (trained model), by measure."""

    limits: Mapping[str, MeasureThresholds]

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> "QualityThresholds":
        """Return the thresholds under `quality` in a bundle's metadata; raise BundleError if an entry is wrong."""
        values = {check: metadata["quality"].get(check.measure) for check in QUALITY_CHECKS}
        return cls({check.measure: _measure_thresholds(check, value) for check, value in values.items()})

    def as_json(self) -> dict[str, dict[str, float | None]]:
        """Return the thresholds as in metadata.json."""
        return {measure: vars(limits) for measure, limits in self.limits.items()}

    def refusals(self, measures: QualityMeasures) -> tuple[str, ...]:
        """Return the codes of the refusals; for a blank photo only `photo_blank`."""
        codes = self._beyond(measures, "refusal", "refuse")
        return ("photo_blank",) if "photo_blank" in codes else codes

    def warnings(self, measures: QualityMeasures) -> tuple[str, ...]:
        """Return the codes of problems that make the model less often right. A check that refuses gives no warning."""
        refused = self.refusals(measures)
        covered = {check.warning for check in QUALITY_CHECKS if check.refusal in refused}
        return tuple(code for code in self._beyond(measures, "warning", "warn") if code not in covered)

    def _beyond(self, measures: QualityMeasures, kind: str, limit: str) -> tuple[str, ...]:
        codes: dict[str, None] = {}
        for check in QUALITY_CHECKS:
            code, threshold = getattr(check, kind), getattr(self.limits[check.measure], limit)
            value = getattr(measures, check.measure)
            if not code or threshold is None:
                continue
            if value > threshold if check.bad == "high" else value < threshold:  # NaN is never beyond
                codes[code] = None
        return tuple(codes)


def _measure_thresholds(check: QualityCheck, values: Any) -> MeasureThresholds:
    """Return the thresholds of an entry of metadata.json, {"refuse": number or null, "warn": number or null}."""
    if not isinstance(values, dict) or set(values) != {"refuse", "warn"}:
        raise BundleError(
            f"metadata.json: quality.{check.measure} must have refuse and warn; restore the bundle."
        )
    for name, code in (("refuse", check.refusal), ("warn", check.warning)):
        value = values[name]
        number = isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value)
        if value is not None and not (number and code):
            raise BundleError(
                f"metadata.json: quality.{check.measure}.{name} must be "
                f"{'a number or null' if code else 'null'}; restore the bundle."
            )
    return MeasureThresholds(values["refuse"], values["warn"])


def measure_quality(photo: NDArray[np.uint8], source_edge: float) -> QualityMeasures:
    """Return the quality measures of the square that the network sees, (edge, edge, 3) RGB.

    source_edge: the edge of this square in pixels of the original photo; see photo.reader.square_edge.
    """
    image = Image.fromarray(photo)
    grey = np.asarray(image.convert("L"))
    red, green, blue = (np.ascontiguousarray(photo[..., channel]) for channel in range(3))
    darkest, middle, light, brightest = _grey_levels(grey, (0.01, 0.5, 0.95, 0.99))
    clipped = (red >= CLIPPED) | (green >= CLIPPED) | (blue >= CLIPPED)
    border, area = _lesion_extent(_reduced(image, LESION_EDGE))
    return QualityMeasures(
        source_edge=float(source_edge),
        contrast=brightest - darkest,
        sharpness=_sharpness(grey),
        light=light,
        middle=middle,
        overexposed=float(np.count_nonzero(clipped)) / clipped.size,
        flatness=_flatness(red, blue, clipped),
        ink=_ink(red, blue),
        hair=_hair(np.asarray(_reduced(image, HAIR_EDGE).convert("L"))),
        lesion_border=border,
        lesion_area=area,
    )


def _reduced(image: Image.Image, edge: int) -> Image.Image:
    """Return the image, reduced by the largest whole factor that leaves at least `edge` pixels on its edge."""
    factor = image.width // edge
    return image.reduce(factor) if factor > 1 else image


def _grey_levels(grey: Plane, shares: tuple[float, ...]) -> list[float]:
    """Return, for each of `shares`, the grey level that this share of the pixels does not exceed."""
    below = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    return [float(level) for level in np.searchsorted(below, np.array(shares) * grey.size)]


def _sharpness(grey: Plane) -> float:
    """Return log(mean squared difference of neighbours / mean squared difference of pixels COARSE_STEP apart).

    Blur removes fine differences before coarse ones, at any contrast. Motion blurs only one direction, so the smaller
    value of rows and columns counts. The outermost pixels are left out, because they often show the dermatoscope's rim.
    """
    margin = len(grey) // 14
    inner = grey[margin : len(grey) - margin, margin : len(grey) - margin].astype(np.float32)
    return min(
        math.log(_mean_squared_difference(lines, 1) / _mean_squared_difference(lines, COARSE_STEP))
        for lines in (inner, inner.T)
    )


def _mean_squared_difference(lines: NDArray[np.float32], step: int) -> float:
    """Return the mean squared difference of values `step` apart in a row, minus the part that comes from rounding."""
    differences = (lines[:, step:] - lines[:, :-step]).ravel(order="K")
    squares = float(np.dot(differences, differences)) / max(differences.size, 1)
    return max(squares - ROUNDING, LEAST_DETAIL)


def _flatness(red: Plane, blue: Plane, clipped: Mask) -> float:
    """Return the share of horizontal neighbours that have exactly the same difference of red and blue.

    Strong JPEG compression makes these differences equal. They are also equal between clipped pixels and in grey
    photos, so clipped pixels are left out, and grey or mostly clipped photos get 0.
    """
    differences = red - blue  # uint8 wraps around, but equal differences stay equal
    counted = ~clipped[:, 1:]
    pairs = int(np.count_nonzero(counted))
    if pairs < LEAST_UNCLIPPED * counted.size or np.count_nonzero(differences == 0) > COLOURLESS * red.size:
        return 0.0
    return float(np.count_nonzero((differences[:, 1:] == differences[:, :-1]) & counted)) / pairs


def _ink(red: Plane, blue: Plane) -> float:
    """Return the share of vividly blue or violet pixels, minus MIDDLE_INK_WEIGHT times those in the middle."""
    vivid = (blue.astype(np.int16) - red > INK_BLUER) & (blue > INK_BLUE)
    quarter = len(vivid) // 4
    middle = vivid[quarter : len(vivid) - quarter, quarter : len(vivid) - quarter]
    pixels = np.count_nonzero(vivid) - MIDDLE_INK_WEIGHT * np.count_nonzero(middle)
    return max(float(pixels), 0.0) / vivid.size


def _hair(grey: Plane) -> float:
    """Return the share of the middle square (its edge is 3/4 of the photo's) that thin dark lines cover.

    A morphological closing along lines fills thin dark parts (Lee et al. 1997, doi:10.1016/S0010-4825(97)00020-6,
    DullRazor). A filled part that is straight for 2 * HAIR_REACH + 1 pixels counts as hair, not as pigment.
    """
    margin = len(grey) // 8 - (2 + 2 + 1 + HAIR_REACH)  # minus what the steps below remove on each side
    if margin < 0:
        return 0.0  # too few pixels to see a hair
    grey = grey[margin : len(grey) - margin, margin : len(grey) - margin]
    closed = [
        _combine_along_line(_combine_along_line(grey, np.maximum, line), np.minimum, line)
        for line in LINES_ACROSS_HAIR
    ]
    # Diagonal lines have fewer steps, so they shrink a plane less. All results are cropped to the smallest one.
    edge = min(map(len, closed))
    filled = reduce(np.maximum, (_crop_middle(plane, edge) for plane in closed))
    depth = filled - _crop_middle(grey, edge)
    wide = np.maximum(np.maximum(depth[1:-1, 1:-1], depth[1:-1, :-2]), depth[:-2, 1:-1])
    straight = reduce(np.maximum, (_combine_along_line(wide, np.minimum, line) for line in LINES_ALONG_HAIR))
    return float(np.count_nonzero(straight > HAIR_DEPTH)) / straight.size


def _line(down: float, right: float, steps: Iterable[int]) -> Line:
    return tuple((round(step * down), round(step * right)) for step in steps)


# Lines across a hair: five pixels, or three pixels on a diagonal, which is about as long.
LINES_ACROSS_HAIR = (
    _line(0, 1, range(-2, 3)),
    _line(1, 0, range(-2, 3)),
    _line(1, 1, range(-1, 2)),
    _line(1, -1, range(-1, 2)),
)
# Lines along a hair in eight directions. Every second pixel is enough, because `_hair` widens hairs to two pixels.
LINES_ALONG_HAIR = tuple(
    _line(down, right, range(-HAIR_REACH, HAIR_REACH + 1, 2))
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1), (0.5, 1), (1, 0.5), (0.5, -1), (1, -0.5))
)


def _combine_along_line(plane: Plane, combine: np.ufunc, line: Line) -> Plane:
    """Return, for each pixel, the combination (minimum or maximum) of the pixels on a line through it.

    line: offsets in rows and columns. The result is smaller on each side by the longest offset.
    """
    reach = max(max(abs(down), abs(right)) for down, right in line)
    inner = len(plane) - 2 * reach
    return reduce(
        combine, (plane[reach + d : reach + d + inner, reach + r : reach + r + inner] for d, r in line)
    )


def _crop_middle(plane: Plane, edge: int) -> Plane:
    """Return the middle square of a plane."""
    margin = (len(plane) - edge) // 2
    return plane[margin : margin + edge, margin : margin + edge]


def _lesion_extent(image: Image.Image) -> tuple[float, float]:
    """Return the shares of border and photo that the lesion (darker pixels) covers, or 0 and NaN without a lesion."""
    if image.width < LEAST_EDGE:
        return 0.0, math.nan
    darker = _darker_pixels(np.asarray(image))
    if not darker.any():
        return 0.0, math.nan
    edge = len(darker)
    middle, corner = edge // 3, edge // 5  # the corners are left out, because they are dark in many photos
    if darker[middle : edge - middle, middle : edge - middle].mean() <= MIDDLE_COVERAGE:
        return 0.0, float(darker.mean())
    sides = (darker[0], darker[-1], darker[:, 0], darker[:, -1])
    reached = sum(int(np.count_nonzero(side[corner : edge - corner])) for side in sides)
    return reached / (4 * (edge - 2 * corner)), float(darker.mean())


def _darker_pixels(photo: NDArray[np.uint8]) -> Mask:
    """Return a mask of the pixels with less blue than the skin around them; pigment and blood absorb blue light.

    These pixels are below Otsu's threshold both before and after the light is evened out in rings around the middle.
    """
    blue = photo[..., 2].astype(np.float64)
    visible = ~dark_rim(photo)
    even = np.minimum(blue * EVEN_LIGHT_LEVEL / np.maximum(_light(blue), 1), 255)
    darker = (blue < otsu_threshold(blue[visible])) & (even < otsu_threshold(even[visible])) & visible
    return with_contrast(darker, blue, visible)


def _light(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return for each pixel the skin's light level: the largest level of the pixel's ring and all rings outside it."""
    order, starts, ring_of = _rings(len(plane))
    rings = np.split(plane.ravel()[order], starts)
    skin = np.array([np.sort(ring)[int(SKIN_RANK * (len(ring) - 1))] for ring in rings])
    return np.asarray(np.maximum.accumulate(skin[::-1])[::-1][ring_of])


@lru_cache(maxsize=8)
def _rings(edge: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return the pixels' indices sorted by ring, the start of each ring but the first, and the ring of each pixel."""
    offset = (np.arange(edge) + 0.5 - edge / 2) / (edge / 2)
    ring = np.minimum((offset[:, None] ** 2 + offset[None] ** 2) * RINGS / 2, RINGS - 1).astype(np.int64)
    order = np.argsort(ring.ravel(), kind="stable")
    return order, np.searchsorted(ring.ravel()[order], np.arange(1, RINGS)), ring
