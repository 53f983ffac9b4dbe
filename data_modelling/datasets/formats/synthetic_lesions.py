"""Draws synthetic lesions in the layout of the data set HAM10000, so that quick trial runs and tests need no real data.

Seven classes of drawn lesions differ in colour, outline and texture. A small network learns them in a few epochs. The
colours of the classes overlap and every photo is noisy, so that no network separates the classes perfectly. The
drawings look like no disease, and a model that is trained on them says nothing about skin.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from PIL import Image

from data_modelling.datasets.ham10000 import (
    METADATA,
    METADATA_COLUMNS,
    OUTLINE_ENDING,
    OUTLINE_FOLDER,
    PHOTO_FOLDER,
)
from data_modelling.inference.errors import InputError
from data_modelling.inference.files.atomic_files import atomic_write

WIDTH, HEIGHT = 160, 120  # pixels
JPEG_QUALITY = 90
MIN_LESIONS_PER_CLASS = 8  # enough for the locked test, the folds, and photos that decide when training stops
MISSING_SHARE = 0.08  # share of lesions without age; sex and site are missing as often
PHOTO_COUNT_SHARES = (0.7, 0.2, 0.1)  # shares of lesions with one, two and three photos
SKIN = (222, 182, 160)  # RGB
# Standard deviations, in grey levels, of a lesion's brightness, of its colour channels and of a pixel. These make
# similar classes overlap.
BRIGHTNESS_SPREAD, HUE_SPREAD, NOISE = 14.0, 6.0, 9.0
SITES = ["back", "lower extremity", "trunk", "upper extremity", "abdomen", "face", "chest", "foot", "scalp"]

Texture = Callable[[Any, Any, np.random.Generator], Any]


def _spot(levels: float, sharpness: float, x: Any, y: Any) -> Any:
    """Return a round spot that adds `levels` grey levels at its centre; negative levels make it dark."""
    return levels * np.exp(-sharpness * (x**2 + y**2))


def _noise(levels: float, x: Any, rng: np.random.Generator) -> Any:
    return rng.normal(0, levels, x.shape).astype(np.float32)


@dataclass(frozen=True)
class LesionClass:
    """Describes how the lesions of a class look and how frequent they are.

    share: the class's share of all lesions. colour: the mean RGB. irregularity: how much waves change the round outline
    (the standard deviation of their amplitudes, in radii). texture: a function that returns the grey levels to add,
    from x, y (in radii of the lesion) and a random generator. age: the mean age in years.
    """

    share: float
    colour: tuple[int, int, int]
    irregularity: float
    texture: Texture
    age: float


LESION_CLASSES: dict[str, LesionClass] = {
    "nv": LesionClass(0.40, (136, 92, 70), 0.04, lambda x, _y, _rng: 0 * x, 42),
    "mel": LesionClass(0.16, (96, 70, 68), 0.13, lambda x, y, _rng: _spot(-45, 6, x - 0.4, y - 0.2), 62),
    # The textures of the next three classes are dots, lines and noise.
    "bkl": LesionClass(0.14, (152, 118, 82), 0.10, lambda x, y, _rng: 32 * np.sin(9 * x) * np.sin(9 * y), 64),
    "bcc": LesionClass(0.10, (204, 146, 140), 0.10, lambda x, _y, _rng: -36 * (np.sin(12 * x) > 0.6), 66),
    "akiec": LesionClass(0.08, (200, 128, 112), 0.12, lambda x, _y, rng: _noise(26, x, rng), 68),
    "vasc": LesionClass(0.06, (158, 48, 72), 0.06, lambda x, _y, _rng: 0 * x, 52),
    "df": LesionClass(0.06, (150, 104, 88), 0.04, lambda x, y, _rng: _spot(55, 5, x, y), 50),
}


@dataclass(frozen=True)
class _Lesion:
    """Holds what a lesion's photos share: RGB colours, the outline's waves and phases, radius (pixels) and stretch."""

    kind: LesionClass
    skin: NDArray[np.float64]
    colour: NDArray[np.float64]
    waves: NDArray[np.float64]
    phases: NDArray[np.float64]
    radius: float
    stretch: float


def write_synthetic_lesions(folder: Path, lesions: int, seed: int) -> None:
    """Draw `lesions` lesions and write their photos, outlines and csv in HAM10000's layout.

    folder: the new data root. lesions: at least 8 for each of the 7 classes. The same `lesions` and `seed` give the
    same files. Raises InputError when the folder holds files or the lesions are too few.
    """
    if lesions < MIN_LESIONS_PER_CLASS * len(LESION_CLASSES):
        raise InputError(
            f"{lesions} generated lesions are too few; ask for at least {MIN_LESIONS_PER_CLASS * len(LESION_CLASSES)}."
        )
    if folder.exists() and any(folder.iterdir()):
        raise InputError(f"{folder} is not empty; name a new folder for the generated lesions.")
    rng = np.random.default_rng(seed)
    rows: list[dict[str, str]] = []
    with atomic_write(folder) as temporary:
        (temporary / PHOTO_FOLDER).mkdir(parents=True)
        (temporary / OUTLINE_FOLDER).mkdir()
        for number, dx in enumerate(_classes(lesions, rng)):
            lesion, details = _lesion(LESION_CLASSES[dx], rng), _details(LESION_CLASSES[dx], rng)
            for _ in range(1 + rng.choice(len(PHOTO_COUNT_SHARES), p=PHOTO_COUNT_SHARES)):
                image_id = f"ISIC_9{len(rows):06}"
                photo, outline = _photo(lesion, rng)
                Image.fromarray(photo).save(
                    temporary / PHOTO_FOLDER / f"{image_id}.jpg", quality=JPEG_QUALITY
                )
                Image.fromarray(outline).save(temporary / OUTLINE_FOLDER / f"{image_id}{OUTLINE_ENDING}.png")
                rows.append({"lesion_id": f"HAM_9{number:06}", "image_id": image_id, "dx": dx, **details})
        metadata = pd.DataFrame(rows, columns=list(METADATA_COLUMNS))
        metadata.to_csv(temporary / METADATA[0], index=False, lineterminator="\n")


def _classes(lesions: int, rng: np.random.Generator) -> NDArray[np.str_]:
    """Return the class of each lesion, in random order. The frequencies of the classes follow their shares.

    Each class has at least MIN_LESIONS_PER_CLASS lesions; the remaining lesions are nevi.
    """
    counts = {
        dx: max(MIN_LESIONS_PER_CLASS, math.floor(kind.share * lesions))
        for dx, kind in LESION_CLASSES.items()
        if dx != "nv"
    }
    counts["nv"] = lesions - sum(counts.values())
    return rng.permutation(np.repeat(list(counts), list(counts.values())))


def _lesion(kind: LesionClass, rng: np.random.Generator) -> _Lesion:
    return _Lesion(
        kind=kind,
        skin=_shade(SKIN, rng),
        colour=_shade(kind.colour, rng),
        waves=rng.normal(0, kind.irregularity, 4),
        phases=rng.uniform(0, 2 * np.pi, 4),
        radius=rng.uniform(24, 42),
        stretch=rng.uniform(0.75, 1.3),
    )


def _shade(colour: tuple[int, int, int], rng: np.random.Generator) -> NDArray[np.float64]:
    return np.array(colour) + rng.normal(0, BRIGHTNESS_SPREAD) + rng.normal(0, HUE_SPREAD, 3)


def _details(kind: LesionClass, rng: np.random.Generator) -> dict[str, str]:
    """Return dx_type, age, sex and localization of a lesion as HAM10000's csv writes them."""
    age = float(np.clip(5 * round(rng.normal(kind.age, 12) / 5), 5, 85))
    no_age, no_sex, no_site = rng.random(3) < MISSING_SHARE
    return {
        "dx_type": "histo",
        "age": "" if no_age else str(age),
        "sex": "unknown" if no_sex else str(rng.choice(["female", "male"])),
        "localization": "unknown" if no_site else str(rng.choice(SITES)),
    }


def _photo(lesion: _Lesion, rng: np.random.Generator) -> tuple[NDArray[np.uint8], NDArray[np.bool_]]:
    """Return an RGB photo (HEIGHT, WIDTH, 3) and the lesion mask; the lesion is turned, shifted and lit at random."""
    rows, columns = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    x = (columns - WIDTH / 2 - rng.uniform(-10, 10)) / lesion.radius  # in units of the lesion's radius
    y = (rows - HEIGHT / 2 - rng.uniform(-10, 10)) / lesion.radius
    turn = rng.uniform(0, 2 * np.pi)
    x, y = np.cos(turn) * x + np.sin(turn) * y, (np.cos(turn) * y - np.sin(turn) * x).astype(np.float32)
    x = (x * lesion.stretch).astype(np.float32)
    angle = np.arctan2(y, x)
    outline = np.ones_like(x)
    for order, (wave, phase) in enumerate(zip(lesion.waves, lesion.phases, strict=True), start=2):
        outline += np.float32(wave) * np.cos(order * angle + np.float32(phase))
    inside = 1 / (1 + np.exp(np.clip((np.hypot(x, y) - outline) * 12, -30, 30)))[..., None]
    texture = lesion.kind.texture(x, y, rng)[..., None]
    pixels = lesion.skin * (1 - inside) + (lesion.colour + texture) * inside
    lit = pixels * rng.uniform(0.88, 1.12) + rng.normal(0, NOISE, pixels.shape)
    return lit.clip(0, 255).astype(np.uint8), inside[..., 0] > 0.5
