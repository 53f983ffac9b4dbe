"""Draw foreign pictures (without a lesion), such as textures, documents, shapes and plots.

They fit and test the detector that tells lesion photos from foreign pictures. Each function in DRAWERS draws a picture,
(height, width, 3) uint8, with a random generator. The keys of DRAWERS name sources in foreign.toml. Many pictures have
the colours of skin and of brown things, because such pictures are the hardest to tell from lesions.
"""

import functools
import string
from collections.abc import Callable

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from data_modelling.metrics.array_types import Floats, Pixels
from data_modelling.safety.degradation import encode_png

Draw = Callable[[np.random.Generator], Pixels]

WARM = np.array(  # colours of skin (light to dark), wood, carpets and leather
    [(236, 188, 180), (214, 160, 140), (180, 120, 100), (150, 100, 90), (110, 70, 50), (70, 45, 35)]
)
SIZES = (300, 700)  # range of the height and of the width, in pixels


def frames(rng: np.random.Generator) -> Pixels:
    """Draw an empty photo of one colour (often almost black) with sensor noise and sometimes dark corners."""
    height, width = _size(rng)
    dark = rng.random() < 1 / 3
    colour = rng.uniform(0, 12, 3) if dark else _colour(rng)
    picture = np.tile(colour, (height, width, 1)) + rng.normal(0, rng.uniform(0, 6), (height, width, 3))
    if rng.random() < 0.3:
        picture *= 1 - rng.uniform(0.3, 1) * _distance_from_centre(height, width)[..., None] ** 2
    return _pixels(picture)


def gradients(rng: np.random.Generator) -> Pixels:
    """Draw two or three colours that blend into each other, along a line or from a centre."""
    height, width = _size(rng)
    if rng.random() < 0.5:
        angle = rng.uniform(0, 2 * np.pi)
        y, x = _grid(height, width)
        along = (np.cos(angle) * x + np.sin(angle) * y) / 2 + 0.5
    else:
        along = np.clip(_distance_from_centre(height, width) * rng.uniform(0.5, 1.5), 0, 1)
    return _pixels(_ramp(along, rng, int(rng.integers(2, 4))))


def noise(rng: np.random.Generator) -> Pixels:
    """Draw noise whose power falls with frequency, from white noise to clouds."""
    height, width = _size(rng)
    return _pixels(_ramp(_clouds(rng, height, width, rng.uniform(0, 2.2)), rng, 3))


def wood(rng: np.random.Generator) -> Pixels:
    """Draw rings or grain of wood."""
    height, width = _size(rng)
    y, x = _grid(height, width)
    bent = _clouds(rng, height, width, 2.0) * rng.uniform(0.2, 0.8)
    distance = np.hypot(x - rng.uniform(-3, 3), (y - rng.uniform(-3, 3)) * rng.uniform(0.05, 1)) + bent
    rings = (np.sin(distance * rng.uniform(15, 60)) + 1) / 2
    grain = 0.75 * rings + 0.25 * _clouds(rng, height, width, 0.6)
    return _pixels(_interpolate(grain, _warm(rng), _warm(rng)))


def checkers(rng: np.random.Generator) -> Pixels:
    """Draw a board of squares or stripes, turned by a random angle."""
    height, width = _size(rng)
    y, x = _grid(height, width)
    angle, count = rng.uniform(0, np.pi / 2), rng.uniform(2, 14)
    across = np.floor((np.cos(angle) * x + np.sin(angle) * y) * count)
    down = np.floor((np.cos(angle) * y - np.sin(angle) * x) * count) * (rng.random() < 0.7)
    return _pixels(_interpolate((across + down) % 2, _colour(rng), _colour(rng)))


def text_page(rng: np.random.Generator) -> Pixels:
    """Draw a page of text, sometimes light on dark, tinted like a photo of paper."""
    page, draw, ink = _page(rng)
    size = int(rng.integers(10, 30))
    font, top = ImageFont.load_default(size), size
    while top < page.height - size:
        draw.text((size, top), _words(rng, page.width // size * 2), ink, font)
        top += int(size * rng.choice([1.3, 1.3, 1.3, 2.6]))
    return np.asarray(page)


def shapes(rng: np.random.Generator) -> Pixels:
    """Draw coloured ellipses, boxes, lines and polygons on a plain background."""
    height, width = _size(rng)
    picture = Image.new("RGB", (width, height), _fill(_colour(rng)))
    draw = ImageDraw.Draw(picture)
    for _ in range(int(rng.integers(2, 25))):
        colour = _fill(_colour(rng))
        corners = [(rng.uniform(0, width), rng.uniform(0, height)) for _ in range(int(rng.integers(2, 6)))]
        if len(corners) > 2:
            draw.polygon(corners, fill=colour)
            continue
        (left, right), (top, bottom) = (sorted(pair) for pair in zip(*corners, strict=True))
        kind = rng.integers(3)
        if kind == 0:
            draw.line(corners, fill=colour, width=int(rng.integers(1, 12)))
        else:
            (draw.ellipse if kind == 1 else draw.rectangle)((left, top, right, bottom), fill=colour)
    return np.asarray(picture)


def fabric(rng: np.random.Generator) -> Pixels:
    """Draw a weave of threads, sometimes with stripes or squares."""
    height, width = _size(rng)
    y, x = _grid(height, width)
    threads = rng.uniform(20, 90)
    weave = (np.sin(x * threads * np.pi) + np.sin(y * threads * np.pi)) / 4 + 0.5
    shade = 0.6 * weave + 0.4 * _clouds(rng, height, width, 0.7)
    picture = _interpolate(shade, _colour(rng), _colour(rng))
    if rng.random() < 0.6:
        bands = rng.uniform(2, 8)
        square = (np.sin(x * bands) > 0).astype(float) + (np.sin(y * bands) > 0) * (rng.random() < 0.7)
        picture = picture * (1 - 0.25 * square[..., None]) + 0.25 * square[..., None] * _colour(rng)
    return _pixels(picture)


def carpet(rng: np.random.Generator) -> Pixels:
    """Draw thousands of short fibres in similar colours."""
    height, width = _size(rng)
    base, spread = _colour(rng), rng.uniform(8, 45)
    picture = Image.new("RGB", (width, height), _fill(base))
    draw = ImageDraw.Draw(picture)
    length, thick = rng.uniform(4, 25), int(rng.integers(1, 5))
    count = int(2.5 * height * width / (length * thick))
    middle = rng.uniform((0, 0), (width, height), (count, 2))
    angle = rng.normal(rng.uniform(0, np.pi), rng.uniform(0.3, 2), count)
    half = length / 2 * np.column_stack([np.cos(angle), np.sin(angle)])
    colours = base + rng.normal(0, spread, (count, 1)) + rng.normal(0, spread / 4, (count, 3))
    for start, end, colour in zip(middle - half, middle + half, colours, strict=True):
        draw.line([*start, *end], fill=_fill(colour), width=thick)
    return np.asarray(picture)


def table(rng: np.random.Generator) -> Pixels:
    """Draw a ruled table of words and numbers with a shaded header."""
    page, draw, ink = _page(rng)
    size = int(rng.integers(10, 24))
    font, columns, line = ImageFont.load_default(size), int(rng.integers(3, 8)), int(size * 1.8)
    across = page.width / columns
    draw.rectangle((0, 0, page.width, line), fill=_fill(_colour(rng)))
    for top in range(0, page.height, line):
        draw.line((0, top, page.width, top), fill=ink)
        for column in range(columns):
            text = _words(rng, 8) if column == 0 else f"{rng.uniform(0, 1000):.1f}"
            draw.text((column * across + 4, top + size * 0.3), text[: int(across / size * 1.8)], ink, font)
    for column in range(columns):
        draw.line((column * across, 0, column * across, page.height), fill=ink)
    return np.asarray(page)


def plot(rng: np.random.Generator) -> Pixels:
    """Draw a plot of lines, bars or points with Matplotlib."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(5, 4), dpi=100, facecolor=tuple(rng.uniform(0.8, 1, 3)))
    axes, count = figure.subplots(), int(rng.integers(4, 60))
    values, colours = rng.normal(0, 1, (3, count)), rng.uniform(0, 1, (3, 3))
    for row, colour in zip(values, colours, strict=True):
        kind = rng.integers(3)
        if kind == 0:
            axes.plot(row.cumsum(), color=colour)
        elif kind == 1:
            axes.bar(np.arange(count), row, color=colour)
        else:
            axes.scatter(row, values[0], color=colour)
    axes.set_title(_words(rng, 20))
    FigureCanvasAgg(figure).draw()
    return np.asarray(figure.canvas.buffer_rgba())[..., :3].copy()  # type: ignore[attr-defined]


DRAWERS: dict[str, Draw] = {
    "frames": frames,
    "gradients": gradients,
    "noise": noise,
    "wood": wood,
    "checkers": checkers,
    "text pages": text_page,
    "shapes": shapes,
    "fabric": fabric,
    "carpet": carpet,
    "tables": table,
    "plots": plot,
}


def draw_picture(name: str, number: int) -> bytes:
    """Return a PNG file with picture `number` of DRAWERS[name]; equal arguments give the same picture."""
    rng = np.random.default_rng((number, *name.encode()))
    return encode_png(Image.fromarray(DRAWERS[name](rng)))


def _size(rng: np.random.Generator) -> tuple[int, int]:
    height, width = rng.integers(*SIZES, 2)
    return int(height), int(width)


@functools.cache
def _grid(height: int, width: int) -> tuple[Floats, Floats]:
    """Return the y and x of each pixel from -1 to 1, (height, width) each."""
    y, x = np.meshgrid(np.linspace(-1, 1, height), np.linspace(-1, 1, width), indexing="ij")
    return y, x


def _distance_from_centre(height: int, width: int) -> Floats:
    y, x = _grid(height, width)
    return np.asarray(np.hypot(y, x) / np.sqrt(2))


def _clouds(rng: np.random.Generator, height: int, width: int, slope: float) -> Floats:
    """Return noise from 0 to 1 whose amplitude falls as 1 / frequency^slope."""
    frequency = np.hypot(np.fft.fftfreq(height)[:, None], np.fft.rfftfreq(width)[None])
    frequency[0, 0] = np.inf
    spectrum = np.fft.rfft2(rng.normal(0, 1, (height, width))) * np.minimum(frequency**-slope, 1e6)
    values = np.fft.irfft2(spectrum, (height, width))
    low, high = np.percentile(values, (1, 99))
    return np.clip((values - low) / (high - low), 0, 1)


def _warm(rng: np.random.Generator) -> Floats:
    return np.asarray(WARM[rng.integers(len(WARM))] + rng.normal(0, 10, 3))


def _colour(rng: np.random.Generator) -> Floats:
    """Return a warm colour in half of the calls, and any colour in the others."""
    return _warm(rng) if rng.random() < 0.5 else rng.uniform(0, 255, 3)


def _interpolate(share: Floats, low: Floats, high: Floats) -> Floats:
    return np.asarray(low + share[..., None] * (high - low))


def _ramp(share: Floats, rng: np.random.Generator, colours: int) -> Floats:
    """Return a colour for each pixel: `share` (0 to 1) is its place on a ramp between several random colours."""
    knots = np.stack([_colour(rng) for _ in range(colours)])
    places = np.linspace(0, 1, colours)
    return np.stack([np.interp(share, places, knots[:, channel]) for channel in range(3)], axis=-1)


def _page(rng: np.random.Generator) -> tuple[Image.Image, ImageDraw.ImageDraw, tuple[int, int, int]]:
    """Return an empty page, its drawing object and the colour of its ink."""
    height, width = _size(rng)
    paper, ink = rng.uniform(215, 255, 3), rng.uniform(0, 70, 3)
    if rng.random() < 0.2:
        paper, ink = ink, paper
    page = Image.new("RGB", (width, height), _fill(paper))
    return page, ImageDraw.Draw(page), _fill(ink)


def _words(rng: np.random.Generator, letters: int) -> str:
    alphabet = list(string.ascii_letters + " " * 10)
    return "".join(rng.choice(alphabet, letters))


def _fill(colour: Floats) -> tuple[int, int, int]:
    red, green, blue = (int(value) for value in np.clip(colour, 0, 255))
    return red, green, blue


def _pixels(picture: Floats) -> Pixels:
    return np.clip(np.rint(picture), 0, 255).astype(np.uint8)
