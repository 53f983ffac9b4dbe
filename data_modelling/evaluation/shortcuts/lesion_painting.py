"""Read the outline of a lesion and paint over parts of its photo, to test which parts the network looks at.

The paint has the mean colour of the nearby skin. This skin is a ring of SKIN_RING_WIDTH around the enlarged outline,
without the dermatoscope's dark rim. The mean of the whole photo would contain the lesion's colour. A painted lesion
would then stay visible as a tint, and a painted background would be too similar to the lesion.
"""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image
from scipy.ndimage import distance_transform_edt

from data_modelling.inference.checks.image_features import dark_rim
from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.photo.reader import read_photo
from data_modelling.metrics.array_types import Mask, Pixels

OUTLINE_MARGIN = 0.03  # outlines grow by this share of the edge, because lesions fade out beyond outlines
SKIN_RING_WIDTH = 0.15  # width as a share of the photo's edge; skin further away may be lit differently
LEAST_SKIN = 0.01  # share of the photo's pixels that the ring must have, to give the colour of the skin


@dataclass(frozen=True)
class Areas:
    """Holds two masks of a photo, (edge, edge) each. lesion: the enlarged outline. skin: the ring around it."""

    lesion: Mask
    skin: Mask


def read_outline(path: str, photo: str, edge: int) -> Mask:
    """Return the outline, cropped and resized like the photo: a mask (edge, edge), true for pixels inside the lesion.

    path: the file of the outline. photo: the file of the photo. Raises InputError if the outline is broken or has
    another size than the photo.
    """
    try:
        mask = read_photo(Path(path).read_bytes(), edge)[..., 0] >= 128
        with Image.open(path) as outline_image, Image.open(photo) as photo_image:
            outline_size, photo_size = outline_image.size, photo_image.size
    except PhotoError as error:
        raise InputError(f"{path}: {error}") from error
    if outline_size != photo_size:
        raise InputError(
            f"{path} has {outline_size[0]} x {outline_size[1]} pixels and its photo {photo_size[0]} x {photo_size[1]}: it is not "
            "that photo's outline; get both from the same source."
        )
    return np.asarray(mask)


def find_areas(photo: Pixels, outline: Mask) -> Areas | None:
    """Return the areas of a photo (edge, edge, 3), or None if its outline is empty or leaves too little skin."""
    if not outline.any():
        return None
    distance = distance_transform_edt(~outline) / len(outline)
    lesion = distance <= OUTLINE_MARGIN
    skin = ~lesion & (distance <= OUTLINE_MARGIN + SKIN_RING_WIDTH) & ~dark_rim(photo)
    return Areas(lesion, skin) if skin.mean() >= LEAST_SKIN else None


def mean_colour(photo: Pixels, area: Mask) -> Pixels:
    """Return the mean RGB (3,) of the photo's pixels in an area, rounded to whole levels (0-255)."""
    return np.round(photo[area].mean(axis=0)).astype(np.uint8)


def paint_area(photo: Pixels, area: Mask, colour: Pixels) -> Pixels:
    """Return a copy of the photo with an area in one colour (3,)."""
    copy = photo.copy()
    copy[area] = colour
    return copy


def cells_area(cells: NDArray[np.int64], shape: tuple[int, int], edge: int) -> Mask:
    """Return a mask (edge, edge) of some cells of a map (rows, columns). cells: their numbers, counted row by row."""
    mask = np.zeros(shape, bool)
    mask.flat[cells] = True
    return np.kron(mask, np.ones((edge // shape[0], edge // shape[1]), bool))
