"""Is this photo good enough to be judged? Measures of the square that the network sees, and their thresholds.

The thresholds were found on real photos made worse step by step (data_modelling.rejection.quality) and stand in
metadata.json. There is no measure for a ruler: none was found that is right more often than not. A ruler with
coloured ticks counts as ink.
"""

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.errors import BundleError
from data_modelling.inference.heatmap import FRAME_GREY, LEAST_CONTRAST, LUMA, inscribed_circle, otsu

Plane = NDArray[np.uint8]
Mask = NDArray[np.bool_]
Line = tuple[tuple[int, int], ...]

# What is wrong, and how to take a better photo.
HINTS: dict[str, tuple[str, str]] = {
    "photo_small": (
        "The spot has too few pixels in this photo.",
        "Go closer or choose a larger square, and send the photo as the camera wrote it.",
    ),
    "photo_blank": (
        "There is next to nothing to see in this photo.",
        "Take the cover off the lens and put the spot in the middle.",
    ),
    "photo_blurred": (
        "The photo is too blurred to be judged.",
        "Hold still, wait until the camera has focused on the spot, and wipe the lens.",
    ),
    "photo_dark": ("The photo is too dark to be judged.", "Switch the light on or go where it is brighter."),
    "photo_bright": (
        "The photo is too bright to be judged: much of it is plain white.",
        "Turn off the flash or lower the exposure, and avoid reflections.",
    ),
    "blurred": (
        "The photo is blurred; the model is less often right on such photos.",
        "Hold still, wait until the camera has focused on the spot, and wipe the lens.",
    ),
    "dark": (
        "The photo is dark; the model is less often right on such photos.",
        "Switch the light on or go where it is brighter.",
    ),
    "bright": (
        "The photo is overexposed; the model is less often right on such photos.",
        "Turn off the flash or lower the exposure, and avoid reflections.",
    ),
    "recompressed": (
        "The photo was strongly compressed; the model is less often right on such photos.",
        "Send the file that the camera wrote, not one that went through a messenger or a screenshot.",
    ),
    "ink": (
        "There seems to be ink or another coloured mark beside the spot.",
        "Wipe it off, or choose a square without it.",
    ),
    "hair": ("Hair lies over the spot.", "Part or clip the hair, or hold it down with the dermatoscope."),
    "lesion_cut": (
        "The spot seems to reach beyond the edge of the square.",
        "Go farther away or choose a larger square, so that skin shows all around the spot.",
    ),
    "lesion_small": (
        "The spot is tiny in the square.",
        "Go closer, or choose a smaller square around the spot.",
    ),
}

CLIPPED = 254  # grey levels from which a channel has lost what was brighter
COARSE = 4  # pixels between the two that a coarse difference compares
ROUNDING = 1 / 6  # squared grey levels: by which two values differ because both are whole numbers
LEAST_DETAIL = 0.02  # squared grey levels: keeps the logarithm of a photo without any difference finite
LEAST_UNCLIPPED = 0.25  # share of pixels that compression is judged by, below which it is not
COLOURLESS = 0.9  # share of pixels with red equal to blue from which a photo is a grey one
INK_BLUER, INK_BLUE = 40, 80  # grey levels of blue above red, and of blue, from which a pixel is ink
IN_THE_MIDDLE = 3  # times its area by which blue in the middle speaks against ink: lesions can be blue
HAIR_EDGE = 112  # pixels to which a photo is reduced, about, before hair is looked for
HAIR_DEPTH = 20  # grey levels that a hair is darker than what lies on both its sides
HAIR_REACH = 5  # pixels to both sides over which a hair goes on straight
LESION_EDGE = 28  # pixels to which a photo is reduced, about, before the lesion is looked for
LEAST_EDGE = 16  # pixels below which no lesion is looked for
RINGS = 8  # around the middle, in which the light is compared, since many photos are darker outwards
SKIN_RANK = 0.75  # of the pixels of a ring, in order of brightness: the one that shows the ring's light
LIT = 200.0  # grey level that the light is evened out to
FILLED = 0.5  # share of the middle that a lesion which reaches the border covers


@dataclass(frozen=True)
class Measures:
    """What was measured.

    source_edge: pixels of the square's edge in the photo, before it is resized. contrast: grey levels between
    the darkest and the brightest hundredth. sharpness: natural logarithm of fine over coarse differences, of
    the direction where it is less; 0 is noise, log(1/16) no detail at all. light, middle: grey level of the
    brightest twentieth, and the median. overexposed: share (0-1) of clipped pixels. flatness: share of
    neighbours of exactly one colour. ink: share of pixels. hair: share of the middle. lesion_border: share of
    the border that the lesion reaches; lesion_area: of the square that it covers, NaN where none is found.
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
class Check:
    """A measure, which of its values are bad, and the codes of what follows, where anything does."""

    measure: str
    bad: Literal["high", "low"]
    refusal: str | None = None
    warning: str | None = None

    def is_beyond(self, value: float, threshold: float) -> bool:
        """Whether a value is worse than the threshold; NaN never is."""
        return value > threshold if self.bad == "high" else value < threshold


# In the order in which they are said.
CHECKS = (
    Check("source_edge", "low", "photo_small"),
    Check("contrast", "low", "photo_blank"),
    Check("sharpness", "low", "photo_blurred", "blurred"),
    Check("light", "low", "photo_dark", "dark"),
    Check("middle", "high", "photo_bright", "bright"),
    Check("overexposed", "high", "photo_bright", "bright"),
    Check("flatness", "high", None, "recompressed"),
    Check("ink", "high", None, "ink"),
    Check("hair", "high", None, "hair"),
    Check("lesion_border", "high", None, "lesion_cut"),
    Check("lesion_area", "low", None, "lesion_small"),
)


@dataclass(frozen=True)
class Limits:
    """Beyond which a measure refuses or warns; None: never."""

    refuse: float | None
    warn: float | None


@dataclass(frozen=True)
class Checks:
    """The thresholds of a bundle, by measure."""

    limits: Mapping[str, Limits]

    @classmethod
    def from_metadata(cls, metadata: Mapping[str, Any]) -> "Checks":
        """The thresholds in a bundle's metadata, key `quality`; BundleError when one is absent or no number."""
        part = metadata.get("quality")
        if not isinstance(part, dict):
            raise BundleError("metadata.json: quality is missing; train the bundle anew.")
        return cls({check.measure: _limits(check, part.get(check.measure)) for check in CHECKS})

    def as_json(self) -> dict[str, dict[str, float | None]]:
        """As metadata.json has them."""
        return {measure: vars(limits) for measure, limits in self.limits.items()}

    def refusals(self, measures: Measures) -> tuple[str, ...]:
        """Codes of why the photo cannot be judged; of a blank one nothing else can be said."""
        found = self._beyond(measures, "refusal", "refuse")
        return ("photo_blank",) if "photo_blank" in found else found

    def warnings(self, measures: Measures) -> tuple[str, ...]:
        """Codes of what makes the model less often right, as far as no refusal says it already."""
        refused = self.refusals(measures)
        said = {check.warning for check in CHECKS if check.refusal in refused}
        return tuple(code for code in self._beyond(measures, "warning", "warn") if code not in said)

    def _beyond(self, measures: Measures, kind: str, limit: str) -> tuple[str, ...]:
        codes: dict[str, None] = {}
        for check in CHECKS:
            code, threshold = getattr(check, kind), getattr(self.limits[check.measure], limit)
            value = getattr(measures, check.measure)
            if code and threshold is not None and check.is_beyond(value, threshold):
                codes[code] = None
        return tuple(codes)


def _limits(check: Check, values: Any) -> Limits:
    """One entry of metadata.json: {"refuse": number or null, "warn": number or null}."""
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
    return Limits(values["refuse"], values["warn"])


def measure(photo: NDArray[np.uint8], source_edge: float) -> Measures:
    """Measure a photo as the network sees it, (edge, edge, 3) RGB.

    source_edge: pixels of the square in the photo's own resolution; see photos.square_side.
    """
    image = Image.fromarray(photo)
    grey = np.asarray(image.convert("L"))
    red, green, blue = (np.ascontiguousarray(photo[..., channel]) for channel in range(3))
    darkest, middle, light, brightest = _grey_levels(grey, (0.01, 0.5, 0.95, 0.99))
    clipped = (red >= CLIPPED) | (green >= CLIPPED) | (blue >= CLIPPED)
    border, area = _lesion(_reduced(image, LESION_EDGE))
    return Measures(
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
    """The picture, shrunk by a whole number to no less than `edge` pixels."""
    factor = image.width // edge
    return image.reduce(factor) if factor > 1 else image


def _grey_levels(grey: Plane, shares: tuple[float, ...]) -> list[float]:
    """The grey levels below or at which these shares of the pixels lie."""
    below = np.cumsum(np.bincount(grey.ravel(), minlength=256))
    return [float(level) for level in np.searchsorted(below, np.array(shares) * grey.size)]


def _sharpness(grey: Plane) -> float:
    """Differences of neighbours over those COARSE pixels apart, squared, as a logarithm.

    Blur takes fine differences before coarse ones, whatever the photo's contrast; motion in one direction
    only, so that the worse direction counts. The outermost pixels, often the dermatoscope's rim, are left out.
    """
    margin = len(grey) // 14
    inner = grey[margin : len(grey) - margin, margin : len(grey) - margin].astype(np.float32)
    return min(math.log(_detail(lines, 1) / _detail(lines, COARSE)) for lines in (inner, inner.T))


def _detail(lines: NDArray[np.float32], apart: int) -> float:
    """Mean of the squared differences of values so far apart in their row, less what rounding adds."""
    differences = (lines[:, apart:] - lines[:, :-apart]).ravel(order="K")
    squares = float(np.dot(differences, differences)) / max(differences.size, 1)
    return max(squares - ROUNDING, LEAST_DETAIL)


def _flatness(red: Plane, blue: Plane, clipped: Mask) -> float:
    """Share of neighbours with exactly the same difference of red and blue: JPEG gives colour away first.

    Neither clipped pixels, which are all alike, nor a photo without colour say anything about compression.
    """
    differences = red - blue  # wraps around, and is equal all the same where the differences are
    counted = ~clipped[:, 1:]
    pairs = int(np.count_nonzero(counted))
    if pairs < LEAST_UNCLIPPED * counted.size or np.count_nonzero(differences == 0) > COLOURLESS * red.size:
        return 0.0
    return float(np.count_nonzero((differences[:, 1:] == differences[:, :-1]) & counted)) / pairs


def _ink(red: Plane, blue: Plane) -> float:
    """Share of pixels that are vividly blue or violet, with those in the middle counted against it."""
    vivid = (blue.astype(np.int16) - red > INK_BLUER) & (blue > INK_BLUE)
    quarter = len(vivid) // 4
    middle = vivid[quarter : len(vivid) - quarter, quarter : len(vivid) - quarter]
    found = np.count_nonzero(vivid) - IN_THE_MIDDLE * np.count_nonzero(middle)
    return max(float(found), 0.0) / vivid.size


def _hair(grey: Plane) -> float:
    """Share of the middle, three quarters of the edge, that lies on thin dark lines.

    What a closing along lines fills is thin and dark (Lee et al. 1997, doi:10.1016/S0010-4825(97)00020-6, DullRazor);
    of that, what goes on straight for 2 HAIR_REACH + 1 pixels is hair rather than pigment.
    """
    margin = len(grey) // 8 - (2 + 2 + 1 + HAIR_REACH)  # what the steps below take off each side
    if margin < 0:
        return 0.0  # too few pixels to see a hair
    grey = grey[margin : len(grey) - margin, margin : len(grey) - margin]
    closed = [_along(_along(grey, np.maximum, line), np.minimum, line) for line in ACROSS]
    # A diagonal step is longer, so that one less reaches as far; its result is cut to the size of the others.
    least = min(map(len, closed))
    filled = closed[0]
    for plane in closed[1:]:
        np.maximum(filled, _cut(plane, least), out=filled)
    hat = filled - _cut(grey, least)
    wide = np.maximum(np.maximum(hat[1:-1, 1:-1], hat[1:-1, :-2]), hat[:-2, 1:-1])
    straight = _along(wide, np.minimum, STRAIGHT[0])
    for line in STRAIGHT[1:]:
        np.maximum(straight, _along(wide, np.minimum, line), out=straight)
    return float(np.count_nonzero(straight > HAIR_DEPTH)) / straight.size


def _line(down: float, right: float, places: Iterable[int]) -> Line:
    return tuple((round(place * down), round(place * right)) for place in places)


# Lines across a hair, of five pixels, and as long on the diagonals.
ACROSS = (
    _line(0, 1, range(-2, 3)),
    _line(1, 0, range(-2, 3)),
    _line(1, 1, range(-1, 2)),
    _line(1, -1, range(-1, 2)),
)
# Lines along it in eight directions; every second pixel will do where hairs were widened to two.
STRAIGHT = tuple(
    _line(down, right, range(-HAIR_REACH, HAIR_REACH + 1, 2))
    for down, right in ((0, 1), (1, 0), (1, 1), (1, -1), (0.5, 1), (1, 0.5), (0.5, -1), (1, -0.5))
)


def _along(plane: Plane, combine: np.ufunc, line: Line) -> Plane:
    """The plane combined over the places (rows, columns) of a line through each pixel.

    Smaller on each side by the line's reach.
    """
    reach = max(max(abs(down), abs(right)) for down, right in line)
    inner = len(plane) - 2 * reach
    there = [plane[reach + d : reach + d + inner, reach + r : reach + r + inner] for d, r in line]
    found: Plane = combine(there[0], there[1])
    for one in there[2:]:
        combine(found, one, out=found)
    return found


def _cut(plane: Plane, edge: int) -> Plane:
    """The middle of a plane."""
    off = (len(plane) - edge) // 2
    return plane[off : off + edge, off : off + edge]


def _lesion(image: Image.Image) -> tuple[float, float]:
    """Share of the border that the darker area in the middle reaches, and the area it covers (NaN: none)."""
    if image.width < LEAST_EDGE:
        return 0.0, math.nan
    darker = _darker(np.asarray(image))
    if not darker.any():
        return 0.0, math.nan
    edge = len(darker)
    middle, corner = edge // 3, edge // 5  # corners are dark in many photos, whatever the lesion
    if darker[middle : edge - middle, middle : edge - middle].mean() <= FILLED:
        return 0.0, float(darker.mean())
    sides = (darker[0], darker[-1], darker[:, 0], darker[:, -1])
    reached = sum(int(np.count_nonzero(side[corner : edge - corner])) for side in sides)
    return reached / (4 * (edge - 2 * corner)), float(darker.mean())


def _darker(photo: NDArray[np.uint8]) -> Mask:
    """The pixels that are darker in blue, which pigment and blood both absorb, than the skin around them.

    By Otsu's threshold, before and after the light is evened out in rings around the middle.
    """
    blue = photo[..., 2].astype(np.float64)
    seen = inscribed_circle(len(photo)) | (photo @ np.array(LUMA) >= FRAME_GREY)
    if not seen.any():
        return np.zeros_like(seen)
    even = np.minimum(blue * LIT / np.maximum(_light(blue), 1), 255)
    darker = (blue < otsu(blue[seen])) & (even < otsu(even[seen])) & seen
    lighter = ~darker & seen
    if not (darker.any() and lighter.any()) or blue[lighter].mean() - blue[darker].mean() < LEAST_CONTRAST:
        return np.zeros_like(darker)
    return np.asarray(darker)


def _light(plane: NDArray[np.float64]) -> NDArray[np.float64]:
    """The light that falls on each pixel: the skin of its ring, never less than that of a ring farther out."""
    order, starts, ring_of = _rings(len(plane))
    rings = np.split(plane.ravel()[order], starts)
    skin = np.array([np.sort(ring)[int(SKIN_RANK * (len(ring) - 1))] for ring in rings])
    return np.asarray(np.maximum.accumulate(skin[::-1])[::-1][ring_of])


@lru_cache(maxsize=8)
def _rings(edge: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Pixels in the order of their ring, where each ring but the first starts, and the ring (edge, edge)."""
    offset = (np.arange(edge) + 0.5 - edge / 2) / (edge / 2)
    ring = np.minimum((offset[:, None] ** 2 + offset[None] ** 2) * RINGS / 2, RINGS - 1).astype(np.int64)
    order = np.argsort(ring.ravel(), kind="stable")
    return order, np.searchsorted(ring.ravel()[order], np.arange(1, RINGS)), ring
