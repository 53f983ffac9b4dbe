"""Render photos as other clinics would take and store them. The lesion detector is fitted on these variants too.

Lesion photos and foreign pictures (all other pictures) are rendered in the same way. So the detector cannot learn to
tell them apart by a border, a low resolution, a colour cast, a sticker or ink.
"""

import io

import numpy as np
from PIL import Image, ImageDraw, ImageFilter

from data_modelling.metrics.array_types import Pixels
from data_modelling.safety.degradation import encode_jpeg, from_levels

# The probability of each change.
ZOOM, SHARPENING, SHADE, COLOUR, STICKER, INK, BORDER, REDUCTION = 0.5, 0.3, 0.3, 0.7, 0.2, 0.15, 0.35, 0.4
LEAST_ZOOM = 0.5  # smallest share of the edge that remains
SHARPENING_PERCENT = (50, 300)  # range of the strength of the sharpening (unsharp mask) that phones apply
DARKEST_SHADE = 0.5  # smallest share of the light at the darkest side of a photo
GAIN, CAST = 0.25, 0.12  # largest change of the brightness, and of one colour against the others, as a share
STICKER_RADII = (0.15, 0.45)  # radius of a sticker (a disc like a colour chart), as a share of the edge
BORDER_RADII = (0.26, 0.65)  # radius of a round border, as a share of the edge; a corner is at 0.71
RIM = 0.02  # width of the soft rim of a round border, as a share of the edge
EDGES, QUALITIES = (64, 100), (60, 95)  # ranges of the reduced file's edge in pixels and of its JPEG quality


def render_variants(photos: Pixels, seed: int) -> Pixels:
    """Return one variant of each photo, (N, edge, edge, 3)."""
    return np.stack([_variant(photo, np.random.default_rng((seed, row))) for row, photo in enumerate(photos)])


def _variant(photo: Pixels, rng: np.random.Generator) -> Pixels:
    image = Image.fromarray(np.asarray(photo))
    if rng.random() < ZOOM:
        image = _zoom(image, rng)
    if rng.random() < STICKER:
        _draw_sticker(image, rng)
    if rng.random() < INK:
        _draw_ink(image, rng)
    if rng.random() < SHARPENING:
        image = image.filter(ImageFilter.UnsharpMask(2, int(rng.integers(*SHARPENING_PERCENT)), 0))
    if rng.random() < SHADE:
        image = _shade(image, rng)
    if rng.random() < COLOUR:
        gains = (1 + rng.uniform(-GAIN, GAIN)) * (1 + rng.uniform(-CAST, CAST, 3))
        image = from_levels(np.asarray(image) * gains)
    if rng.random() < BORDER:
        image = _add_border(image, rng)
    return np.asarray(_reduce(image, rng) if rng.random() < REDUCTION else image)


def _zoom(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return a part of the photo, enlarged to the size of the photo."""
    width, height = rng.uniform(LEAST_ZOOM, 1, 2) * image.width
    left, top = rng.uniform(0, image.width - width), rng.uniform(0, image.width - height)
    return image.resize(image.size, Image.Resampling.BILINEAR, box=(left, top, left + width, top + height))


def _shade(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the photo with light that falls off towards one side."""
    angle, (y, x) = rng.uniform(0, 2 * np.pi), np.ogrid[-1 : 1 : image.height * 1j, -1 : 1 : image.width * 1j]
    along = (np.cos(angle) * x + np.sin(angle) * y) / 2 + 0.5
    return from_levels(np.asarray(image) * (1 - (1 - rng.uniform(DARKEST_SHADE, 1)) * along)[..., None])


def _draw_sticker(image: Image.Image, rng: np.random.Generator) -> None:
    """Draw a disc with one to three bright colours near the border of the photo."""
    edge, angle = image.width, rng.uniform(0, 2 * np.pi)
    distance, radius = rng.uniform(0.45, 0.7) * edge, rng.uniform(*STICKER_RADII) * edge
    x, y = edge / 2 + distance * np.cos(angle), edge / 2 + distance * np.sin(angle)
    for share in (1.0, 0.6, 0.3)[: int(rng.integers(1, 4))]:
        colour = tuple(map(int, rng.permutation(rng.uniform((0, 40, 160), (90, 220, 255)))))
        ImageDraw.Draw(image).circle((x, y), share * radius, fill=colour)


def _draw_ink(image: Image.Image, rng: np.random.Generator) -> None:
    """Draw strokes of a pen around the middle."""
    draw, edge = ImageDraw.Draw(image), image.width
    colour = tuple(map(int, rng.uniform((40, 20, 90), (120, 80, 190))))
    for _ in range(int(rng.integers(2, 9))):
        angle, distance = rng.uniform(0, 2 * np.pi), rng.uniform(0.25, 0.5) * edge
        x, y = edge / 2 + distance * np.cos(angle), edge / 2 + distance * np.sin(angle)
        across, down = rng.normal(0, 0.05 * edge, 2)
        draw.line((x, y, x + across, y + down), fill=colour, width=int(rng.integers(1, 5)))


def _add_border(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the photo with a round dark border, as a dermatoscope's lens leaves it."""
    edge = image.width
    centre = (edge - 1) / 2 + rng.normal(0, 0.02 * edge, 2)
    y, x = np.ogrid[:edge, :edge]
    outside = np.hypot(y - centre[0], x - centre[1]) - rng.uniform(*BORDER_RADII) * edge
    inside = np.clip(0.5 - outside / (RIM * edge), 0, 1)[..., None]
    return from_levels(inside * np.asarray(image) + (1 - inside) * rng.uniform(0, 20))


def _reduce(image: Image.Image, rng: np.random.Generator) -> Image.Image:
    """Return the photo after it was stored as a small JPEG and enlarged again."""
    edge = int(rng.integers(*EDGES, endpoint=True))
    small = image.resize((edge, edge), Image.Resampling.BICUBIC)
    file = encode_jpeg(small, int(rng.integers(*QUALITIES, endpoint=True)))
    with Image.open(io.BytesIO(file), formats=["JPEG"]) as stored:
        return stored.resize(image.size, Image.Resampling.BILINEAR)
