"""The outline of a photo's lesion, read like the photo."""

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from data_modelling.inference.errors import InputError, PhotoError
from data_modelling.inference.photo.reader import read_photo


def read_outline(path: str, photo: str, edge: int) -> NDArray[np.bool_]:
    """Return the outline as the network's photo reader sees it: (edge, edge), true where half a pixel is lesion.

    Raises InputError if the file is broken, or is not of the size of its photo.
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
