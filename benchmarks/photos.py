"""The photos that are sent: an example photo enlarged, with the grain of a sensor, so that they weigh what real ones do."""

from dataclasses import dataclass
from io import BytesIO

import numpy as np
from PIL import Image

from app.examples import EXAMPLES, FOLDER

GRAIN = 6.0  # standard deviation, grey levels
SEED = 11


@dataclass(frozen=True)
class Kind:
    """size: width and height in pixels. form: of the file. quality: of a JPEG."""

    name: str
    size: tuple[int, int]
    form: str
    quality: int = 95

    @property
    def media_type(self) -> str:
        return f"image/{self.form.lower()}"


SMALL = Kind("600x450 JPEG", (600, 450), "JPEG")
LARGE = Kind("4000x3000 JPEG", (4000, 3000), "JPEG", 85)
PNG = Kind("600x450 PNG", (600, 450), "PNG")
KINDS = (SMALL, LARGE, PNG)


def made(kind: Kind, count: int = 1) -> list[bytes]:
    """So many different photos of a kind, in turn of a melanoma and of a mole."""
    rng = np.random.default_rng(SEED)
    sources = [Image.open(FOLDER / example.file).convert("RGB") for example in EXAMPLES.values()]
    found = []
    for number in range(count):
        enlarged = sources[number % len(sources)].resize(kind.size, Image.Resampling.BICUBIC)
        grain = rng.normal(0, GRAIN, (*kind.size[::-1], 3))
        pixels = np.clip(np.asarray(enlarged) + grain, 0, 255).astype(np.uint8)
        file = BytesIO()
        Image.fromarray(pixels).save(file, kind.form, quality=kind.quality)
        found.append(file.getvalue())
    return found
